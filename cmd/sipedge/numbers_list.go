package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/routing/feed"
)

type listCmd struct {
	Filter []string `arg:"" optional:"" name:"field" placeholder:"FIELD=VALUE" help:"Only records that say so, such as porting_state=armed; FIELD= for those that say nothing."`
	RedisFlags
	Starting string `placeholder:"+1202" help:"Only numbers that begin so."`
	Limit    int    `default:"1000" help:"Print at most so many, the lowest; all that match are counted."`
	JSON     bool   `name:"json" help:"JSON Lines, with revisions, in the form get prints."`
}

// Run prints a line for each record that matches, in order of numbers, and how
// many there are on standard error.
func (c *listCmd) Run(ctx context.Context, s streams) error {
	matches, err := readFilter(c.Filter, c.Starting)
	if err != nil {
		return err
	}
	if c.Limit < 1 {
		return badConfig{fmt.Errorf("--limit: %d is no number of lines", c.Limit)}
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	var bad unreadable
	lowest, matched := []routing.Number(nil), 0
	bar := newBar(-1, s.Err)
	err = store.Each(ctx, func(n *routing.Number) error {
		bar.add(1)
		if matches(n) {
			matched++
			if lowest = append(lowest, *n); len(lowest) == 2*c.Limit {
				lowest = firstOf(lowest, c.Limit)
			}
		}
		return nil
	}, bad.add)
	bar.end()
	bad.tell(s)
	if err != nil {
		return err
	}
	lowest = firstOf(lowest, c.Limit)
	if err := printNumbers(s.Out, lowest, c.JSON); err != nil {
		return err
	}
	fmt.Fprint(s.Err, count(matched, "number"))
	if matched > len(lowest) {
		fmt.Fprintf(s.Err, ", the first %d shown; --limit shows more", len(lowest))
	}
	fmt.Fprintln(s.Err)
	return bad.err()
}

func firstOf(all []routing.Number, limit int) []routing.Number {
	slices.SortFunc(all, func(a, b routing.Number) int { return cmp.Compare(a.PublicNumber.String(), b.PublicNumber.String()) })
	return all[:min(limit, len(all))]
}

func printNumbers(to io.Writer, all []routing.Number, json bool) error {
	w, err := feed.NewRowWriter(to, ".jsonl", true)
	if err != nil {
		return err
	}
	for i := range all {
		if json {
			err = w.Write(&all[i])
		} else {
			_, err = fmt.Fprintln(to, lineOf(&all[i]))
		}
		if err != nil {
			return err
		}
	}
	return w.Flush()
}

// lineOf is a record as people read it.
func lineOf(n *routing.Number) string {
	var b strings.Builder
	b.WriteString(n.PublicNumber.String())
	for name, value := range feed.Fields(n) {
		if strings.ContainsAny(value, " \"=") {
			value = strconv.Quote(value)
		}
		b.WriteString(" " + name + "=" + value)
	}
	return b.String()
}

// readFilter is what FIELD=VALUE and a beginning of numbers ask for.
func readFilter(filter []string, starting string) (func(*routing.Number) bool, error) {
	want := make(map[string]string)
	for _, f := range filter {
		name, value, ok := strings.Cut(f, "=")
		if !ok || !feed.KnownField(name) {
			return nil, badConfig{fmt.Errorf("%.80q is no filter like porting_state=armed", f)}
		}
		want[name] = value
	}
	return func(n *routing.Number) bool {
		if !strings.HasPrefix(n.PublicNumber.String(), starting) {
			return false
		}
		left := len(want)
		for name, value := range feed.Fields(n) {
			if wanted, asked := want[name]; asked && wanted != value {
				return false
			} else if asked {
				left--
			}
		}
		for _, wanted := range want {
			if wanted == "" {
				left-- // it was not among those that say something
			}
		}
		return left == 0
	}, nil
}

type watchCmd struct {
	Numbers []string `arg:"" optional:"" name:"number" placeholder:"NUMBER" help:"Only these; in E.164."`
	RedisFlags
	JSON bool `name:"json" help:"JSON Lines, in the form get prints; a deletion is {\"public_number\": ..., \"tombstone\": \"1\"}."`
}

// Run prints every write from now on as it is taken, until it is interrupted.
// When the store goes away it says so and waits for it; what was written
// meanwhile is not told.
func (c *watchCmd) Run(ctx context.Context, s streams) error {
	only, err := parseNumbers(c.Numbers)
	if err != nil {
		return err
	}
	store, done, err := c.open(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	w := &watcher{to: s.Out, json: c.JSON, only: only, last: make(map[e164.Number]routing.Number)}
	ready := func() { fmt.Fprintln(s.Err, "watching; changes are printed as they come") }
	for {
		err := store.Watch(ctx, ready, w.change, func(err error) { fmt.Fprintln(s.Err, err) })
		switch {
		case ctx.Err() != nil:
			return nil
		case !feed.IsAway(err):
			return err
		}
		fmt.Fprintln(s.Err, err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// maxRemembered bounds the numbers of which the last state is known, to say
// what changed.
const maxRemembered = 100_000

type watcher struct {
	to   io.Writer
	json bool
	only []e164.Number
	last map[e164.Number]routing.Number
}

func (w *watcher) change(c feed.Change) error {
	n := &c.Number
	if len(w.only) > 0 && !slices.Contains(w.only, n.PublicNumber) {
		return nil
	}
	if w.json {
		if c.Deleted {
			_, err := fmt.Fprintf(w.to, "{\"public_number\": %q, \"tombstone\": \"1\", \"revision\": \"%d\"}\n", n.PublicNumber, n.Revision)
			return err
		}
		return printNumbers(w.to, []routing.Number{*n}, true)
	}
	text := lineOf(n)
	if c.Deleted {
		text = n.PublicNumber.String() + " deleted"
	} else if was, ok := w.last[n.PublicNumber]; ok {
		text += changed(&was, n)
	}
	if c.Deleted || len(w.last) >= maxRemembered {
		delete(w.last, n.PublicNumber)
	}
	if !c.Deleted && len(w.last) < maxRemembered {
		w.last[n.PublicNumber] = *n
	}
	_, err := fmt.Fprintln(w.to, c.At.Format("2006-01-02T15:04:05.000Z"), text)
	return err
}

// changed names the fields in which two records differ.
func changed(was, is *routing.Number) string {
	of := make(map[string]string)
	for name, value := range feed.Fields(was) {
		of[name] = value
	}
	var names []string
	for name, value := range feed.Fields(is) {
		if of[name] != value {
			names = append(names, name)
		}
		delete(of, name)
	}
	for name := range of {
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return " (changed: " + strings.Join(names, ", ") + ")"
}
