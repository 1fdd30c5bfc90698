package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/routing/feed"
)

type getCmd struct {
	Numbers []string `arg:"" name:"number" placeholder:"NUMBER" help:"In E.164, such as +12025550143."`
	RedisFlags
}

// Run prints what the store says about each number; one that is not there ends
// with exit code 3.
func (c *getCmd) Run(ctx context.Context, s streams) error {
	all, err := parseNumbers(c.Numbers)
	if err != nil {
		return err
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	w, err := feed.NewRowWriter(s.Out, ".jsonl", true)
	if err != nil {
		return err
	}
	missing := 0
	for _, n := range all {
		record, ok, err := store.Get(ctx, n)
		switch {
		case err != nil:
			return errors.Join(w.Flush(), err)
		case !ok:
			missing++
			fmt.Fprintf(s.Err, "%s: there is no record\n", n)
		default:
			err = w.Write(&record)
		}
		if err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil || missing == 0 {
		return err
	}
	return fmt.Errorf("%d of %s not there", missing, count(len(all), "number"))
}

func parseNumbers(texts []string) ([]e164.Number, error) {
	var all []e164.Number
	var wrong []string
	for _, text := range texts {
		n, err := e164.Parse(text)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%.40q is %v", text, err))
		}
		all = append(all, n)
	}
	if len(wrong) > 0 {
		return nil, badConfig{errors.New(strings.Join(wrong, "\n"))}
	}
	return all, nil
}

type setCmd struct {
	Number string   `arg:"" placeholder:"NUMBER" help:"In E.164, such as +12025550143."`
	Fields []string `arg:"" name:"field" placeholder:"FIELD=VALUE" help:"Such as legacy_route=old; without a value the field is cleared. A new number needs routing_authority."`
	RedisFlags
	Revision uint64 `help:"Only if the record is still at this revision, as get printed it."`
	DryRun   bool   `help:"Say what would be done, and write nothing."`
}

// Run reads the record, then writes the fields given, unless someone else has
// written it in between.
func (c *setCmd) Run(ctx context.Context, s streams) error {
	all, err := parseNumbers([]string{c.Number})
	if err != nil {
		return err
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	was, ok, err := store.Get(ctx, all[0])
	if err != nil {
		return fmt.Errorf("%w; nothing was written", err)
	}
	fields, expect := c.Fields, feed.Absent
	if ok {
		expect = feed.Expect(was.Revision)
		has := func(f string) bool { return strings.HasPrefix(f, "routing_authority=") }
		if !slices.ContainsFunc(fields, has) {
			fields = append([]string{"routing_authority=" + was.RoutingAuthority.String()}, fields...)
		}
	}
	row, err := feed.MakeRow(c.Number, fields)
	if err != nil {
		return badConfig{fmt.Errorf("%w\nnothing was written", err)}
	}
	if row.Expect == feed.Any {
		row.Expect = expect
	}
	if c.Revision != 0 {
		row.Expect = feed.Expect(c.Revision)
	}
	sum, err := store.Import(ctx, []feed.Row{row}, feed.ImportOptions{DryRun: c.DryRun})
	word := "unchanged"
	switch {
	case err != nil:
		return fmt.Errorf("%w; it may or may not be written: look with get", err)
	case len(sum.Refused) > 0:
		return fmt.Errorf("%w; nothing was written", sum.Refused[0].Err)
	case sum.Created > 0:
		word = "created"
	case sum.Updated > 0:
		word = "updated"
	}
	return tell(s, c.DryRun, row.Number, word)
}

func tell(s streams, dry bool, n e164.Number, word string) error {
	end := ""
	if dry {
		end = "; this was a dry run, nothing was written"
	}
	_, err := fmt.Fprintf(s.Out, "%s: %s%s\n", n, word, end)
	return err
}

type deleteCmd struct {
	Numbers []string `arg:"" name:"number" placeholder:"NUMBER" help:"In E.164, such as +12025550143."`
	RedisFlags
	Revision uint64 `help:"Only if the record is still at this revision; for a single number."`
	DryRun   bool   `help:"Say what would be done, and write nothing."`
}

// Run deletes each number that is there, unless it changes meanwhile. One that
// is not there is no failure: it is as it was asked for.
func (c *deleteCmd) Run(ctx context.Context, s streams) error {
	all, err := parseNumbers(c.Numbers)
	if err != nil {
		return err
	}
	if c.Revision != 0 && len(all) > 1 {
		return badConfig{errors.New("--revision: is for a single number")}
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	operation := "delete-" + rand.Text()
	for _, n := range all {
		was, ok, err := store.Get(ctx, n)
		if err != nil {
			return err
		}
		expect := feed.Expect(was.Revision)
		if c.Revision != 0 {
			expect = feed.Expect(c.Revision)
		}
		word := "was not there"
		switch {
		case c.Revision != 0 && (!ok || was.Revision != c.Revision):
			return &feed.ConflictError{Number: n, Expected: expect, Current: was.Revision}
		case ok && !c.DryRun:
			if _, err := store.Delete(ctx, operation, n, expect); err != nil {
				return err
			}
			fallthrough
		case ok:
			word = "deleted"
		}
		if err := tell(s, c.DryRun, n, word); err != nil {
			return err
		}
	}
	return nil
}

type reapplyCmd struct {
	File string `arg:"" placeholder:"FILE" help:"CSV or JSON Lines as for import, with the column revision: the revision that was lost."`
	RedisFlags
}

// Run writes what Redis holds no newer word about, its routing_authority too.
func (c *reapplyCmd) Run(ctx context.Context, s streams) error {
	name := nameOf(c.File)
	rows, _, err := readRows(c.File, name)
	if err != nil {
		return err
	}
	lost := make([]feed.Lost, len(rows))
	for i := range rows {
		if lost[i], err = feed.LostOf(rows[i]); err != nil {
			return badConfig{fmt.Errorf("%s%w; nothing was written", name, err)}
		}
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	counts, err := store.ReapplyAll(ctx, lost)
	if _, err := fmt.Fprintf(s.Out, "%s: %d created, %d updated, %d overruled by newer records\n",
		name, counts[feed.Created], counts[feed.Updated], counts[feed.Overruled]); err != nil {
		return err
	}
	return err
}
