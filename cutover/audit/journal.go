package audit

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // what the store's scripts can compute
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Entry is one line of the journal of revisions: the store's own, or an edge's
// copy of it.
type Entry struct {
	Where              string
	ID, Previous, Hash string
	Fields             [][2]string // in the order that the hash covers
}

func (e *Entry) get(name string) string {
	for _, f := range e.Fields {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}

// at is when it was written, in store time.
func (e *Entry) at() time.Time {
	us, err := strconv.ParseInt(e.get("at"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// sum is the hash the entry should have: SHA-1 over the lengths of all parts and
// the parts, which are the previous hash, the id, and every name and value.
func (e *Entry) sum() string {
	h, lengths := sha1.New(), strconv.Itoa(len(e.Previous))+","+strconv.Itoa(len(e.ID))
	for _, f := range e.Fields {
		lengths += "," + strconv.Itoa(len(f[0])) + "," + strconv.Itoa(len(f[1]))
	}
	io.WriteString(h, lengths+"\n"+e.Previous+e.ID)
	for _, f := range e.Fields {
		io.WriteString(h, f[0]+f[1])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// number is the generation and the place in it that the id names.
func (e *Entry) number() (generation, place uint64) {
	g, p, _ := strings.Cut(e.ID, "-")
	generation, _ = strconv.ParseUint(g, 10, 64)
	place, _ = strconv.ParseUint(p, 10, 64)
	return generation, place
}

// Entry takes one line of a journal, in any order and from any number of copies.
func (a *Auditor) Entry(e Entry) {
	a.totals.Entries++
	if e.sum() != e.Hash {
		a.found("journal_changed", []string{e.Where}, "entry %s does not have its hash: it was changed after it was written", e.ID)
		return
	}
	if before := a.chain.entries[e.ID]; before == nil {
		a.chain.entries[e.ID] = &e
	} else if before.Hash != e.Hash {
		a.found("journal_differs", []string{before.Where, e.Where}, "entry %s is one thing in one journal and another in the other", e.ID)
	}
}

// List takes the numbers that a list of that content address names.
func (a *Auditor) List(id string, numbers []string) { a.chain.lists[id] = numbers }

// chain is what the entries together say of the revisions.
type chain struct {
	entries   map[string]*Entry   // by ID
	lists     map[string][]string // numbers by the list's address
	bodies    map[string]*body    // by revision id
	committed map[uint64]*commit  // by number
	last      uint64              // highest committed number
	lives     map[string][]*life  // by number, in order
	all       []*life
}

func newChain() *chain {
	return &chain{entries: map[string]*Entry{}, lists: map[string][]string{}, bodies: map[string]*body{}, committed: map[uint64]*commit{}, lives: map[string][]*life{}}
}

// body is a revision as it was written down.
type body struct {
	ID       string `json:"id"`
	Previous string `json:"previous"`
	Number   uint64 `json:"number"`
	Schedule []struct {
		ID    string                   `json:"id"`
		List  string                   `json:"list"`
		First routing.RoutingAuthority `json:"first"`
		Turns []turn                   `json:"turns"`
	} `json:"schedule"`
}

type turn struct {
	At        instant                  `json:"at"`
	Authority routing.RoutingAuthority `json:"authority"`
}

// instant is decimal microseconds since 1970.
type instant struct{ time.Time }

// UnmarshalJSON reads one from its string.
func (i *instant) UnmarshalJSON(text []byte) error {
	us, err := strconv.ParseInt(strings.Trim(string(text), `"`), 10, 64)
	i.Time = time.UnixMicro(us).UTC()
	return err
}

// commit is the entry by which a revision was committed.
type commit struct {
	*Entry
	id string
}

// life is one cutover, from the revision that brought it to the one that dropped it.
type life struct {
	cutover, list string
	first         routing.RoutingAuthority
	turns         []turn
	agreed        []time.Time // when each turn was first committed as it is
	since         time.Time   // when the cutover was
}

// readChain makes sense of the entries, and finds what a fleet that kept the
// protocol could not have written.
func (a *Auditor) readChain() {
	c := a.chain
	order := slices.SortedFunc(maps.Values(c.entries), func(x, y *Entry) int {
		gx, px := x.number()
		gy, py := y.number()
		return cmp.Or(cmp.Compare(gx, gy), cmp.Compare(px, py))
	})
	a.linked(order)
	aborted := map[string]*Entry{}
	for _, e := range order {
		switch e.get("kind") {
		case "proposed":
			c.learn(json.RawMessage(e.get("body")))
		case "reported":
			var r struct{ Committed, Prepared json.RawMessage }
			if json.Unmarshal([]byte(e.get("report")), &r) == nil {
				c.learn(r.Committed)
				c.learn(r.Prepared)
			}
		case "aborted":
			aborted[e.get("revision")] = e
		case "committed":
			a.commits(e)
		}
	}
	for _, n := range slices.Sorted(maps.Keys(c.committed)) {
		k := c.committed[n]
		if e := aborted[k.id]; e != nil {
			a.found("committed_and_aborted", []string{k.Where, e.Where}, "revision %d (%s) was committed and aborted", n, k.id)
		}
		a.follows(n, k)
	}
	a.totals.Revisions = len(c.committed)
	c.index()
}

// learn takes a body from wherever it is written.
func (c *chain) learn(text json.RawMessage) {
	var b body
	if len(text) > 0 && json.Unmarshal(text, &b) == nil && b.ID != "" {
		c.bodies[b.ID] = &b
	}
}

// linked checks that each entry follows the one before. Copies that lack some
// prove nothing about those, which is counted.
func (a *Auditor) linked(order []*Entry) {
	hashes := map[string]bool{}
	for _, e := range order {
		hashes[e.Hash] = true
	}
	for i, e := range order {
		g, p := e.number()
		before := a.chain.entries[fmt.Sprintf("%d-%d", g, p-1)]
		switch {
		case p > 1 && before != nil && e.Previous != before.Hash:
			a.found("journal_broken", []string{before.Where, e.Where}, "entry %s does not follow %s", e.ID, before.ID)
		case p == 1 && e.get("kind") != "generation":
			a.found("journal_broken", []string{e.Where}, "entry %s does not begin a generation", e.ID)
		case i > 0 && e.Previous != "" && !hashes[e.Previous]:
			a.unproved("entries of the journal are missing before one that is there")
		}
	}
}

// commits takes the entry by which a revision was committed.
func (a *Auditor) commits(e *Entry) {
	n, err := strconv.ParseUint(e.get("number"), 10, 64)
	if err != nil {
		return
	}
	before := a.chain.committed[n]
	if before != nil && before.id != e.get("revision") {
		a.found("two_chains", []string{before.Where, e.Where}, "revision %d is %s, and it is %s", n, before.id, e.get("revision"))
		return
	}
	if before == nil {
		a.chain.committed[n] = &commit{e, e.get("revision")}
		a.chain.last = max(a.chain.last, n)
	}
}

// follows: a revision differs from its predecessor only from an instant that was
// ahead when it was committed. One that a recovery committed was prepared by all
// before that instant, and committed whenever the store came back.
func (a *Auditor) follows(n uint64, k *commit) {
	next, prev := a.chain.bodies[k.id], (*body)(nil)
	before := a.chain.committed[n-1]
	if before != nil {
		prev = a.chain.bodies[before.id]
	}
	switch {
	case next == nil:
		a.unproved("revisions whose text is in no journal")
		return
	case prev == nil:
		return
	case next.Previous != prev.ID:
		a.found("two_chains", []string{before.Where, k.Where}, "revision %d follows %s, and revision %d is %s", n, next.Previous, n-1, prev.ID)
		return
	}
	for i := range next.Schedule {
		c := &next.Schedule[i]
		var was []turn
		for j := range prev.Schedule {
			if prev.Schedule[j].ID == c.ID {
				was = prev.Schedule[j].Turns
			}
		}
		d := differs(was, c.Turns)
		if !d.IsZero() && !d.After(k.at()) && k.get("because") != "recovery" {
			a.found("history_rewritten", []string{before.Where, k.Where}, "revision %d changes cutover %s from %s on, and was committed at %s",
				n, c.ID, d.Format(time.RFC3339Nano), k.at().Format(time.RFC3339Nano))
		}
	}
}

// differs is the first instant at which two lists of turns part, zero for never.
func differs(x, y []turn) time.Time {
	for i := 0; ; i++ {
		switch {
		case i == len(x) && i == len(y):
			return time.Time{}
		case i == len(x):
			return y[i].At.Time
		case i == len(y):
			return x[i].At.Time
		case x[i] != y[i]:
			if x[i].At.Before(y[i].At.Time) {
				return x[i].At.Time
			}
			return y[i].At.Time
		}
	}
}

// index finds the lives of cutovers, and of which numbers they speak.
func (c *chain) index() {
	open := map[string]*life{}
	for _, n := range slices.Sorted(maps.Keys(c.committed)) {
		k := c.committed[n]
		b := c.bodies[k.id]
		if b == nil {
			continue
		}
		live := map[string]*life{}
		for i := range b.Schedule {
			s := &b.Schedule[i]
			l := open[s.ID]
			if l == nil || l.list != s.List {
				l = &life{cutover: s.ID, list: s.List, first: s.First, since: k.at()}
				c.all = append(c.all, l)
			}
			l.grow(s.Turns, k)
			live[s.ID] = l
		}
		open = live
	}
	for _, l := range c.all {
		for _, number := range c.lists[l.list] {
			c.lives[number] = append(c.lives[number], l)
		}
	}
}

// grow takes the turns of a later revision, which has every turn that ever was:
// history only grows. When a recovery committed it is no matter: somebody may have
// seen it committed before.
func (l *life) grow(turns []turn, k *commit) {
	at := k.at()
	if k.get("because") == "recovery" {
		at = l.since
	}
	agreed := make([]time.Time, len(turns))
	for i := range turns {
		if agreed[i] = at; i < len(l.turns) && l.turns[i] == turns[i] {
			agreed[i] = l.agreed[i]
		}
	}
	l.turns, l.agreed = turns, agreed
}
