package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/admin"
)

type explainCmd struct {
	Number string `arg:"" optional:"" placeholder:"NUMBER" help:"The called number, in E.164, or as callers of --trunk dial it."`
	At     moment `placeholder:"TIME" help:"Another instant than now: RFC 3339, or in so long (+90m) or so long ago (-10s)."`
	Trunk  string `placeholder:"TRUNK" help:"The trunk the call comes on."`
	Caller string `placeholder:"NUMBER" help:"Who calls."`
	Forced string `enum:"legacy,speakops," default:"" placeholder:"SIDE" help:"With a test override: legacy or speakops."`
	PSAP   bool   `name:"psap" help:"An emergency call-back."`
	File   string `type:"existingfile" placeholder:"FILE" help:"Many calls: decision records (.jsonl) as an edge writes them, or CSV whose first line names the columns (number, trunk, caller, at); one line for each, and whether what was recorded would be decided again."`
}

// Run asks the edge's own Decide, for one call or a file of them.
func (c *explainCmd) Run(ctx context.Context, d *desk) error {
	at, err := c.At.in(time.Now())
	switch {
	case err != nil:
		return badUsage{err}
	case (c.Number == "") == (c.File == ""):
		return badUsage{errors.New("explain wants a NUMBER, or --file with many")}
	case c.File != "":
		return c.many(ctx, d, at)
	}
	edge, err := d.edge()
	if err != nil {
		return err
	}
	x, err := edge.Explain(ctx, admin.Question{Number: c.Number, At: at, Trunk: c.Trunk, Caller: c.Caller, Forced: c.Forced, PSAP: c.PSAP})
	if err != nil {
		return err
	}
	return d.show(x, func(p *paper) { drawExplanation(p, &x) })
}

func drawExplanation(p *paper, x *admin.Explanation) {
	p.line("%s  %s", p.in(bold, orElse(x.PublicNumber, "(no number)")), p.in(shadeOf(x.Kind), x.Decision))
	p.line("%s", p.in(faint, fmt.Sprintf("on %s, at %s within %s", x.Edge, instant(x.At), seconds(x.ClockError))))
	p.line("")
	for _, s := range x.Steps {
		p.line("  %-12s  %s", printable(s.Rule), p.in(plain, s.Says))
	}
	p.line("")
	if x.Otherwise != "" {
		p.line("Another answer takes %s.", p.in(plain, x.Otherwise))
	}
	for _, t := range x.Turnings {
		p.line("From %s on, by itself: %s", p.in(bold, instant(t.At)), p.in(plain, t.Decision))
	}
	if len(x.Turnings) == 0 {
		p.line("Nothing that is known now changes it as time goes on.")
	}
}

func shadeOf(kind string) shade {
	switch kind {
	case "route":
		return good
	case "hold":
		return wary
	}
	return bad
}

// recorded is a line of a file of calls: a question, and what was decided then
// when the line is a decision record.
type recorded struct {
	admin.Question
	line    int
	because string
	holder  string
}

// explained is one call of a file, answered.
type explained struct {
	Line     int    `json:"line"`
	Recorded string `json:"recorded,omitempty"`
	Same     *bool  `json:"same,omitempty"`
	admin.ExplanationOrProblem
}

// atOnce is how many calls one request asks about.
const atOnce = 500

func (c *explainCmd) many(ctx context.Context, d *desk, at time.Time) error {
	calls, err := c.read(at)
	if err != nil {
		return badUsage{err}
	}
	edge, err := d.edge()
	if err != nil {
		return err
	}
	var all []explained
	for len(calls) > 0 {
		now := calls[:min(atOnce, len(calls))]
		calls = calls[len(now):]
		questions := make([]admin.Question, len(now))
		for i := range now {
			questions[i] = now[i].Question
		}
		answers, err := edge.ExplainAll(ctx, questions)
		if err != nil {
			return err
		}
		for i := range min(len(now), len(answers)) {
			all = append(all, now[i].compare(answers[i]))
		}
	}
	return d.show(map[string][]explained{"calls": all}, func(p *paper) { drawExplained(p, all) })
}

// compare says whether a recorded decision would be taken again.
func (r *recorded) compare(a admin.ExplanationOrProblem) explained {
	e := explained{Line: r.line, ExplanationOrProblem: a}
	if !slices.Contains(routing.Reasons(), routing.Because(r.because)) {
		return e // nothing was recorded, or a limit of that moment decided
	}
	e.Recorded = strings.TrimSpace(r.holder + " because=" + r.because)
	same := a.Problem != nil && a.Problem.Because == r.because || a.Explanation != nil && a.Explanation.Because == r.because && (r.holder == "none" || a.Explanation.Authority == r.holder)
	e.Same = &same
	return e
}

func drawExplained(p *paper, all []explained) {
	var rows [][]any
	other := 0
	for _, e := range all {
		row := []any{e.Line, "", cell{"", plain}, "", ""}
		switch {
		case e.Problem != nil:
			row[2] = cell{e.Problem.Detail, bad}
		case e.Explanation != nil:
			row[1], row[2], row[3] = e.Explanation.PublicNumber, cell{e.Explanation.Decision, shadeOf(e.Explanation.Kind)}, e.Explanation.Trunk
		}
		if e.Same != nil && !*e.Same {
			other++
			row[4] = cell{"was " + e.Recorded, wary}
		}
		rows = append(rows, row)
	}
	p.table([]string{"LINE", "NUMBER", "DECISION", "TRUNK", "RECORDED"}, rows)
	if other > 0 {
		p.line("%s", p.in(wary, fmt.Sprintf("%s of %d would be decided otherwise", count(other, "call"), len(all))))
	}
}

// maxCalls bounds a file.
const maxCalls = 100_000

func (c *explainCmd) read(at time.Time) ([]recorded, error) {
	f, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	read := readCSV
	if strings.HasSuffix(c.File, ".jsonl") || strings.HasSuffix(c.File, ".ndjson") {
		read = readRecords
	}
	calls, err := read(f, c.File)
	for i := range calls {
		q := &calls[i].Question
		if q.Trunk == "" {
			q.Trunk = c.Trunk
		}
		if !at.IsZero() {
			q.At = at
		}
	}
	switch {
	case err != nil:
		return nil, err
	case len(calls) == 0:
		return nil, fmt.Errorf("%s: holds no calls", c.File)
	}
	return calls, nil
}

func readCSV(f io.Reader, name string) (all []recorded, err error) {
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for len(all) < maxCalls {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := r.FieldPos(0)
		one := recorded{line: line}
		for i, value := range row {
			switch head[i] {
			case "number", "public_number", "called":
				one.Number = value
			case "trunk":
				one.Trunk = value
			case "caller":
				one.Caller = value
			case "at":
				if one.At, err = moment(value).in(time.Now()); err != nil {
					return nil, fmt.Errorf("%s:%d: at: %w", name, line, err)
				}
			default:
				return nil, fmt.Errorf("%s:1: column %.40q is none of number, trunk, caller, at", name, head[i])
			}
		}
		all = append(all, one)
	}
	return nil, fmt.Errorf("%s: more than %d calls; split it", name, maxCalls)
}

// readRecords reads decision records; lines of other kinds are passed over.
func readRecords(f io.Reader, name string) (all []recorded, err error) {
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var r struct {
			Kind         string
			PublicNumber string `json:"public_number"`
			Number       string
			Dialled      string
			Trunk        string
			Caller       string
			At           time.Time
			Because      string
			Authority    string `json:"routing_authority"`
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if r.Kind != "" && r.Kind != "decision" {
			continue
		}
		one := recorded{line: n, because: r.Because, holder: r.Authority}
		one.Question = admin.Question{Number: orElse(orElse(r.PublicNumber, r.Number), r.Dialled), Trunk: r.Trunk, Caller: r.Caller, At: r.At}
		if all = append(all, one); len(all) > maxCalls {
			return nil, fmt.Errorf("%s: more than %d calls; split it", name, maxCalls)
		}
	}
	return all, lines.Err()
}
