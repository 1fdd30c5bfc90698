package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover/audit"
)

// auditCmd reads what edges have written down and looks for broken promises.
type auditCmd struct {
	Files    []string      `arg:"" type:"path" help:"Files of every edge, or folders of them: best each edge's whole data_dir."`
	Config   string        `short:"c" type:"path" placeholder:"FILE" help:"An edge's YAML file: exceptions of trunks that it does not trust are found."`
	OneClock time.Duration `placeholder:"TIME" help:"All edges ran on one machine, and no INVITE waited longer than this to be decided: order the calls by that machine's clock, so that store time need not be believed."`
	JSON     bool          `help:"Findings, flips and totals as JSON."`
}

// Help implements kong's second paragraph.
func (c *auditCmd) Help() string {
	return `The records of all edges (data_dir/records) say who carried which call. The copies that edges keep of the journal of
revisions (data_dir/cutover/store-journal.jsonl, or what "cutoverctl journal export" wrote) and the lists of numbers
(data_dir/cutover/lists) say who was to. Held against each other, for every call:

  P1  it was carried only by who held its number, all through the interval of its decision; each exception (an override, a
      trusted test override, the loop guard, an emergency call-back, a rescue) had what it is allowed for.
  P2  once any edge has answered "after a flip", none answers "before" it. porcupine searches each number's history for an
      order that a single register could have had; numbers with too many calls for that are counted.
  P5  it went to one side only, by gateways of that side.

Nothing is asked of edges or Redis. Findings show the lines that break a promise; what was given may also be too little to
prove something, which is counted. Exit code 4 when a promise was broken.

  sipedge audit /var/lib/sipedge-1 /var/lib/sipedge-2 /var/lib/sipedge-3 --config edge.yaml`
}

// brokenPromise ends with a code of its own: the program did its work.
type brokenPromise struct{ n int }

func (b brokenPromise) Error() string {
	if b.n == 1 {
		return "a promise was broken"
	}
	return fmt.Sprintf("promises were broken %d times", b.n)
}

// Run implements the command.
func (c *auditCmd) Run(s streams) error {
	files, err := evidenceFiles(c.Files)
	if err != nil {
		return err
	}
	a := audit.New(nil)
	a.OneClock = c.OneClock
	if c.Config != "" {
		cfg, _, err := load(c.Config, s.Err)
		if err != nil {
			return err
		}
		trusts := map[string]audit.Trust{}
		for _, t := range cfg.Trunks {
			trusts[t.ID] = audit.Trust{TestOverride: t.Trust.TestOverride, PSAP: t.Trust.PSAPCallback}
		}
		a.Trunks(trusts)
	}
	unread := 0
	for _, file := range files {
		n, err := readEvidence(file, a)
		if err != nil {
			return err
		}
		unread += n
	}
	findings, totals := a.Findings()
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetIndent("", "  ")
		err = e.Encode(map[string]any{"findings": findings, "totals": totals, "unread_lines": unread})
	} else {
		err = writeAudit(s.Out, findings, totals, len(files), unread)
	}
	if err == nil && len(findings) > 0 {
		err = brokenPromise{len(findings)}
	}
	return err
}

// shownFlips bounds the table of flips; --json has all.
const shownFlips = 20

func writeAudit(w io.Writer, findings []audit.Finding, t audit.Totals, files, unread int) error {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&b, f)
	}
	fmt.Fprintf(&b, "%d files: %d decisions (%d routed, %d refused, %d held), %d call detail records\n", files, t.Decisions, t.Routed, t.Refused, t.Held, t.CDRs)
	if t.Waited > 0 {
		fmt.Fprintf(&b, "  %d routed calls had waited for the clock, at most %d ms\n", t.Waited, t.LongestHold.Milliseconds())
	}
	for _, because := range slices.Sorted(maps.Keys(t.Exceptions)) {
		fmt.Fprintf(&b, "  %s by the exception %s\n", count(t.Exceptions[because], "call"), because)
	}
	writeJournal(&b, &t)
	for _, r := range t.Retries {
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(r.String(), "\n", "\n  "))
	}
	for _, x := range []struct {
		n    int
		says string
	}{
		{t.StraddlingRetries, "retries of a call reached the other side after a flip"},
		{t.Unaccounted, "routed calls have no call detail record: still up, or written by an edge that is not here"},
		{t.Elsewhere, "calls ended at another edge than had answered them, which gave them up later: of their two call detail records, by_token has the true end"},
		{t.Undecided, "answered calls have no decision: it was written by an edge, or into a file, that is not here"},
		{int(t.Gaps), "lines are missing that an edge had no room for: what they held cannot be proved"},
		{unread, "lines were not read: cut off, or of another schema"},
	} {
		if x.n > 0 {
			fmt.Fprintf(&b, "  %d %s\n", x.n, x.says)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(t.Unproved)) {
		fmt.Fprintf(&b, "  not proved, for lack of evidence: %d %s\n", t.Unproved[what], what)
	}
	if len(findings) == 0 {
		b.WriteString("no promise was broken, as far as these records go\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeJournal says what the journal of revisions has shown.
func writeJournal(b *strings.Builder, t *audit.Totals) {
	if t.Entries == 0 {
		b.WriteString("  no journal of revisions was given: who was to hold the numbers is not known; name the data_dir of the edges\n")
		return
	}
	fmt.Fprintf(b, "%d entries of journals: %s committed, %s; %s held against them\n", t.Entries, count(t.Revisions, "revision"), count(len(t.Flips), "flip"), count(t.ByHolder, "call"))
	for i, f := range t.Flips {
		if i == shownFlips {
			fmt.Fprintf(b, "  and %d flips more: --json\n", len(t.Flips)-i)
			break
		}
		fmt.Fprintf(b, "  %s to %-8s at %s  %s  %s\n", f.Cutover, f.To, f.At.UTC().Format("2006-01-02 15:04:05.000000Z"), near("last call before", f.Last), near("first after", f.First))
	}
	if n := t.Linear + t.TooLong; n > 0 {
		fmt.Fprintf(b, "  porcupine: the history of %s is that of one register", count(t.Linear, "number"))
		if t.TooLong > 0 {
			fmt.Fprintf(b, "; %s had too many calls to search", count(t.TooLong, "number"))
		}
		b.WriteString("\n")
	}
}

func near(what string, n *audit.Near) string {
	if n == nil {
		return what + ": none"
	}
	return fmt.Sprintf("%s %+.3f ms (%s)", what, float64(n.After)/float64(time.Millisecond), n.Edge)
}
