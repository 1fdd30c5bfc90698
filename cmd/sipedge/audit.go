package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover/audit"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/records"
)

// auditCmd reads what edges have written down and looks for broken promises.
type auditCmd struct {
	Files []string `arg:"" type:"path" help:"Record files of every edge, or folders of them (data_dir/records)."`
	JSON  bool     `help:"Findings and totals as JSON."`
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
	files, err := recordFiles(c.Files)
	if err != nil {
		return err
	}
	a := audit.New(nil)
	unread := 0
	for _, file := range files {
		n, err := readRecords(file, a)
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

// recordFiles are the files named, and the .jsonl ones in folders named; the
// older ones of an edge first, as they were written.
func recordFiles(paths []string) (files []string, err error) {
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		var here []string
		err = filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(name, ".jsonl") {
				here = append(here, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		// cdr-000001.jsonl is older than cdr.jsonl, and '-' sorts before '.'.
		slices.Sort(here)
		files = append(files, here...)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no .jsonl files in %s", strings.Join(paths, ", "))
	}
	return files, nil
}

// line has the fields of every kind of record that the audit reads.
type line struct {
	Schema    int       `json:"schema"`
	Kind      string    `json:"kind"`
	Edge      string    `json:"edge"`
	Call      string    `json:"call"`
	SIPCallID string    `json:"sip_call_id"`
	Branch    string    `json:"branch"`
	CallKey   string    `json:"call_key"`
	Trunk     string    `json:"trunk"`
	Source    string    `json:"source"`
	Number    string    `json:"public_number"`
	Decision  string    `json:"decision"`
	Authority string    `json:"routing_authority"`
	Because   string    `json:"because"`
	Revision  uint64    `json:"revision"`
	Outcome   string    `json:"outcome"`
	Code      int       `json:"code"`
	At        time.Time `json:"at"`
	Earliest  time.Time `json:"earliest"`
	Latest    time.Time `json:"latest"`
	Answered  time.Time `json:"answered"`
	Ended     time.Time `json:"ended"`
	HungUpBy  string    `json:"hung_up_by"`
	Gap       uint64    `json:"gap"`
}

// maxLine bounds one line of a record file; the edge writes none near it.
const maxLine = 1 << 20

// readRecords feeds one file; unread counts lines that are no records of this
// schema, such as the last one of an edge that is writing it now.
func readRecords(name string, a *audit.Auditor) (unread int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil || l.Schema != records.Schema {
			unread++
			continue
		}
		where := fmt.Sprintf("%s:%d", name, n)
		switch l.Kind {
		case "decision":
			a.Decision(audit.Decision{
				Where: where, Edge: l.Edge, Call: l.Call, SIPCallID: l.SIPCallID, Branch: l.Branch, Source: l.Source, Trunk: l.Trunk, CallKey: l.CallKey,
				Number: l.Number, Kind: l.Decision, Authority: l.Authority, Because: l.Because, Revision: l.Revision, Outcome: l.Outcome, Code: l.Code,
				At: l.At, Interval: routing.Interval{Earliest: l.Earliest, Latest: l.Latest},
			})
		case "cdr":
			a.CDR(audit.CDR{
				Where: where, Edge: l.Edge, Call: l.Call, Number: l.Number, Authority: l.Authority, Because: l.Because, Revision: l.Revision,
				Outcome: l.Outcome, HungUpBy: l.HungUpBy, Answered: l.Answered, Ended: l.Ended,
			})
		case "gap":
			a.Gap(l.Gap)
		default:
			unread++
		}
	}
	if err := lines.Err(); err != nil {
		return unread, fmt.Errorf("%s: %w", name, err)
	}
	return unread, nil
}

func writeAudit(w io.Writer, findings []audit.Finding, t audit.Totals, files, unread int) error {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintln(&b, f)
	}
	fmt.Fprintf(&b, "%d files: %d decisions (%d routed, %d refused, %d held), %d call detail records\n", files, t.Decisions, t.Routed, t.Refused, t.Held, t.CDRs)
	for _, because := range slices.Sorted(maps.Keys(t.Exceptions)) {
		fmt.Fprintf(&b, "  %d calls by the exception %s\n", t.Exceptions[because], because)
	}
	for _, x := range []struct {
		n    int
		says string
	}{
		{t.StraddlingRetries, "retries of a call reached the other side after a flip"},
		{t.Unaccounted, "routed calls have no call detail record: still up, or written by an edge that is not here"},
		{t.Undecided, "answered calls have no decision: it was written by an edge, or into a file, that is not here"},
		{int(t.Gaps), "lines are missing that an edge had no room for: what they held cannot be proved"},
		{unread, "lines were not read: cut off, or of another schema"},
	} {
		if x.n > 0 {
			fmt.Fprintf(&b, "  %d %s\n", x.n, x.says)
		}
	}
	if len(findings) == 0 {
		b.WriteString("no promise was broken, as far as these records go\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
