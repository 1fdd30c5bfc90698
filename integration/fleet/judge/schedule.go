package judge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Entry is one entry of the store's journal.
type Entry struct {
	ID     string      `json:"id"`
	Hash   string      `json:"hash"`
	Fields [][2]string `json:"fields"`
}

func (e *Entry) get(name string) string {
	for _, f := range e.Fields {
		if f[0] == name {
			return f[1]
		}
	}
	return ""
}

func (e *Entry) at() time.Time { return instant(e.get("at")) }

func instant(text string) time.Time {
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(us)
}

// revision is a body as the journal has it.
type revision struct {
	ID       string    `json:"id"`
	Previous string    `json:"previous"`
	Number   uint64    `json:"number"`
	Schedule []cutover `json:"schedule"`

	proposed  time.Time
	committed time.Time // first said to be
	recovered bool      // it was first said by a recovery
	aborted   time.Time
	why       string // it was aborted
}

type cutover struct {
	ID    string `json:"id"`
	First string `json:"first"`
	Turns []turn `json:"turns"`
}

type turn struct {
	At        string `json:"at"`
	Authority string `json:"authority"`
}

func (t *turn) at() time.Time { return instant(t.At) }

// holder is who has authority at an instant.
func (c *cutover) holder(at time.Time) string {
	who := c.First
	for _, t := range c.Turns {
		if at.Before(t.at()) {
			break
		}
		who = t.Authority
	}
	return who
}

// steady says that nothing changes from one instant to the other.
func (c *cutover) steady(from, to time.Time) bool {
	return !slices.ContainsFunc(c.Turns, func(t turn) bool { return t.at().After(from) && !t.at().After(to) })
}

func (r *revision) cutover(id string) *cutover {
	for i := range r.Schedule {
		if r.Schedule[i].ID == id {
			return &r.Schedule[i]
		}
	}
	return nil
}

// schedule is who held what, by everything that was ever committed.
type schedule struct {
	all   map[string]*revision
	chain []*revision        // committed, ascending
	final map[string]cutover // by the last committed body that speaks of it
}

// schedule puts the chain together, and checks that it is one and that history
// was never rewritten: what a body changes lies after its commitment.
func (v *Verdict) schedule(entries []Entry) *schedule {
	s := &schedule{all: map[string]*revision{}, final: map[string]cutover{}}
	for i := range entries {
		s.read(v, &entries[i])
	}
	byNumber := map[uint64]*revision{}
	for _, r := range s.all {
		if !r.aborted.IsZero() {
			v.Aborted[r.why]++
		}
		if r.committed.IsZero() {
			continue
		}
		if !r.aborted.IsZero() {
			v.breaks("P2", "revision %d (%s) was committed, and aborted", r.Number, r.ID)
		}
		if other := byNumber[r.Number]; other != nil {
			v.breaks("P2", "two revisions were committed as number %d: %s and %s", r.Number, other.ID, r.ID)
		}
		byNumber[r.Number] = r
		s.chain = append(s.chain, r)
	}
	slices.SortFunc(s.chain, func(a, b *revision) int { return int(a.Number) - int(b.Number) })
	for i, r := range s.chain {
		if i > 0 {
			v.follows(s.chain[i-1], r)
		}
		for _, c := range r.Schedule {
			s.final[c.ID] = c
		}
	}
	v.Revisions = len(s.chain)
	return s
}

func (s *schedule) read(v *Verdict, e *Entry) {
	switch e.get("kind") {
	case "proposed":
		var r revision
		if err := json.Unmarshal([]byte(e.get("body")), &r); err != nil || r.ID != e.get("revision") {
			v.breaks("P2", "journal entry %s: its body cannot be read: %v", e.ID, err)
			return
		}
		r.proposed = e.at()
		s.learn(&r)
	case "reported":
		// Of what the store lost before anybody copied it, this is all there is.
		var report struct{ Committed, Prepared *revision }
		if err := json.Unmarshal([]byte(e.get("report")), &report); err != nil {
			v.breaks("P2", "journal entry %s: its report cannot be read: %v", e.ID, err)
			return
		}
		for _, r := range []*revision{report.Committed, report.Prepared} {
			if r != nil && r.ID != "" {
				s.learn(r)
			}
		}
	case "committed":
		s.revision(e.get("revision")).commit(e.at(), e.get("because") == "recovery")
	case "recovered":
		if base := e.get("base"); base != "" {
			s.revision(base).commit(e.at(), true)
		}
	case "aborted":
		r := s.revision(e.get("revision"))
		r.aborted, r.why = earliest(r.aborted, e.at()), e.get("because")+": "+e.get("reason")
	}
}

// learn takes a body; what was said of the revision stays.
func (s *schedule) learn(r *revision) {
	known := s.revision(r.ID)
	if !known.proposed.IsZero() && (r.proposed.IsZero() || known.proposed.Before(r.proposed)) {
		r.proposed = known.proposed
	}
	r.committed, r.recovered, r.aborted, r.why = known.committed, known.recovered, known.aborted, known.why
	*known = *r
}

func (r *revision) commit(at time.Time, recovered bool) {
	if r.committed.IsZero() || at.Before(r.committed) {
		r.committed, r.recovered = at, recovered
	}
}

func (s *schedule) revision(id string) *revision {
	r := s.all[id]
	if r == nil {
		r = &revision{ID: id}
		s.all[id] = r
	}
	return r
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// follows checks one link of the chain.
func (v *Verdict) follows(was, next *revision) {
	if next.Number != was.Number+1 || next.Previous != was.ID {
		v.breaks("P2", "revision %d (%s) follows %s, and what was committed before it is %d (%s)", next.Number, next.ID, next.Previous, was.Number, was.ID)
	}
	for i := range was.Schedule {
		before := &was.Schedule[i]
		after := next.cutover(before.ID)
		if after == nil {
			continue // dropped: its numbers are recorded as it ended
		}
		// What a recovery commits had been prepared by all, and perhaps committed in the
		// store that was lost: only that it was proposed in time is known.
		word, since := "committed", next.committed
		if next.recovered {
			word, since = "proposed", next.proposed
		}
		if d := differs(before, after); !d.IsZero() && !d.After(since) {
			v.breaks("P2", "revision %d changes cutover %s from %s on, and was %s at %s", next.Number, before.ID, clockTime(d), word, clockTime(since))
		}
	}
}

// differs is the first instant at which two timelines do not agree, zero for never.
func differs(a, b *cutover) time.Time {
	var all []time.Time
	for _, c := range []*cutover{a, b} {
		for _, t := range c.Turns {
			all = append(all, t.at())
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	for _, at := range all {
		if a.holder(at) != b.holder(at) {
			return at
		}
	}
	return time.Time{}
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05.000000") }

func (t *turn) String() string { return fmt.Sprintf("%s from %s", t.Authority, clockTime(t.at())) }
