package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover/audit"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/records"
)

// evidenceFiles are the files named, and those in folders named that an audit
// can read; the older ones of an edge first, as they were written.
func evidenceFiles(paths []string) (files []string, err error) {
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
			if err == nil && !d.IsDir() && (strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".jsonl.1") || strings.HasSuffix(name, listEnding)) {
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

// listEnding is that of a list of numbers, which is named by its content.
const listEnding = ".numbers"

// line has the fields of every kind of line that the audit reads: records, entries
// of the journal of revisions, and lists of numbers beside these.
type line struct {
	Schema int    `json:"schema"`
	Kind   string `json:"kind"`

	Edge      string    `json:"edge"`
	Call      string    `json:"call"`
	SIPCallID string    `json:"sip_call_id"`
	Branch    string    `json:"branch"`
	CallKey   string    `json:"call_key"`
	Trunk     string    `json:"trunk"`
	Source    string    `json:"source"`
	Number    string    `json:"public_number"`
	Caller    string    `json:"caller"`
	Customer  string    `json:"customer_assignment"`
	State     string    `json:"porting_state"`
	Decision  string    `json:"decision"`
	Authority string    `json:"routing_authority"`
	Because   string    `json:"because"`
	Revision  uint64    `json:"revision"`
	Gateways  []string  `json:"gateways"`
	Outcome   string    `json:"outcome"`
	Code      int       `json:"code"`
	At        time.Time `json:"at"`
	HeldMS    int64     `json:"held_ms"`
	Earliest  time.Time `json:"earliest"`
	Latest    time.Time `json:"latest"`
	Forced    string    `json:"forced"`
	PSAP      bool      `json:"psap"`
	Looped    bool      `json:"looped"`
	From      time.Time `json:"override_from"`
	Until     time.Time `json:"override_until"`

	Answered time.Time `json:"answered"`
	Ended    time.Time `json:"ended"`
	HungUpBy string    `json:"hung_up_by"`
	ByToken  bool      `json:"by_token"`
	Attempts []struct {
		Gateway string `json:"gateway"`
		Code    int    `json:"code"`
		Result  string `json:"result"`
	} `json:"attempts"`
	Gap uint64 `json:"gap"`

	ID       string      `json:"id"`
	Previous string      `json:"previous"`
	Hash     string      `json:"hash"`
	Fields   [][2]string `json:"fields"`

	List    string   `json:"list"`
	Numbers []string `json:"numbers"`
}

// maxLine bounds one line: a recovery's report in the journal has two whole
// schedules in it.
const maxLine = 32 << 20

// readEvidence feeds one file; unread counts lines that are none of what an audit
// reads, such as the last one of an edge that is writing it now.
func readEvidence(name string, a *audit.Auditor) (unread int, err error) {
	if strings.HasSuffix(name, listEnding) {
		return 0, readList(name, a)
	}
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var l line
		if json.Unmarshal(lines.Bytes(), &l) != nil || !l.feed(fmt.Sprintf("%s:%d", name, n), a) {
			unread++
		}
	}
	if err := lines.Err(); err != nil {
		return unread, fmt.Errorf("%s: %w", name, err)
	}
	return unread, nil
}

// feed takes a line to the audit; false when it is none of its.
func (l *line) feed(where string, a *audit.Auditor) bool {
	switch {
	case l.Hash != "" && l.Fields != nil:
		a.Entry(audit.Entry{Where: where, ID: l.ID, Previous: l.Previous, Hash: l.Hash, Fields: l.Fields})
	case l.List != "" && addressed(l.List, strings.Join(l.Numbers, "\n")+"\n"):
		a.List(l.List, l.Numbers)
	case l.Schema != records.Schema:
		return false
	case l.Kind == "decision":
		a.Decision(audit.Decision{
			Where: where, Edge: l.Edge, Call: l.Call, SIPCallID: l.SIPCallID, Branch: l.Branch, Source: l.Source, Trunk: l.Trunk, CallKey: l.CallKey,
			Number: l.Number, Caller: l.Caller, Customer: l.Customer, State: l.State,
			Kind: l.Decision, Authority: l.Authority, Because: l.Because, Revision: l.Revision, Gateways: l.Gateways, Outcome: l.Outcome, Code: l.Code,
			At: l.At, Held: time.Duration(l.HeldMS) * time.Millisecond, Interval: routing.Interval{Earliest: l.Earliest, Latest: l.Latest},
			Forced: l.Forced, PSAP: l.PSAP, Looped: l.Looped, OverrideFrom: l.From, OverrideUntil: l.Until,
		})
	case l.Kind == "cdr":
		c := audit.CDR{
			Where: where, Edge: l.Edge, Call: l.Call, Number: l.Number, Authority: l.Authority, Because: l.Because, Revision: l.Revision,
			Outcome: l.Outcome, HungUpBy: l.HungUpBy, Answered: l.Answered, Ended: l.Ended, ByToken: l.ByToken,
		}
		for _, at := range l.Attempts {
			c.Attempts = append(c.Attempts, audit.Attempt{Gateway: at.Gateway, Result: at.Result, Code: at.Code})
		}
		a.CDR(c)
	case l.Kind == "gap":
		a.Gap(l.Gap)
	default:
		return false
	}
	return true
}

// readList reads a list of numbers, if it is the one that its name says.
func readList(name string, a *audit.Auditor) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	id := strings.TrimSuffix(filepath.Base(name), listEnding)
	if !addressed(id, string(text)) {
		return fmt.Errorf("%s: the numbers in it are not those that its name stands for; take another edge's copy", name)
	}
	a.List(id, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"))
	return nil
}

// addressed says that a list has that content address.
func addressed(id, text string) bool {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:]) == id
}
