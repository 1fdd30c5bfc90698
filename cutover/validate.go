package cutover

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Bounds of a body. A script must hold it, and a person must be able to look
// through it.
const (
	MaxCutovers = 1000 // live at once
	MaxTurns    = 32   // of one cutover
	MaxMembers  = 64
)

// Instants of a schedule lie in these years, so that their microseconds stay
// whole in a script's numbers (below 2^53, until the year 2255).
var (
	earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Validate says what keeps r from being a body, by itself.
func (r *Revision) Validate() error {
	if !isHex(string(r.ID), 32) {
		return fmt.Errorf("revision %.40q: id: want 32 hex digits, drawn at random", r.ID)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("revision %s: %s", r.ID, fmt.Sprintf(format, args...))
	}
	switch first := r.Previous == ""; {
	case r.Number == 0 || r.Number >= 1<<40:
		return fail("number %d: want 1 and upwards", r.Number)
	case first != (r.Number == 1):
		return fail("number %d does not go with previous %q: the first of a chain has number 1 and none", r.Number, r.Previous)
	case !first && (!isHex(string(r.Previous), 32) || r.Previous == r.ID):
		return fail("previous %.40q: want the id of another revision", r.Previous)
	case len(r.Members) == 0 || len(r.Members) > MaxMembers:
		return fail("%d members: want 1 to %d", len(r.Members), MaxMembers)
	case len(r.Schedule) > MaxCutovers:
		return fail("%d live cutovers: at most %d; settle those that are done", len(r.Schedule), MaxCutovers)
	}
	for i, m := range r.Members {
		if err := m.Check(); err != nil {
			return fail("%v", err)
		}
		if i > 0 && m <= r.Members[i-1] {
			return fail("member %s: want members ascending, each once", m)
		}
	}
	if err := r.Fleet.Check(); err != nil {
		return fail("%v", err)
	}
	for i := range r.Schedule {
		c := &r.Schedule[i]
		if err := c.check(); err != nil {
			return fail("%v", err)
		}
		if i > 0 && c.ID <= r.Schedule[i-1].ID {
			return fail("cutover %s: want cutovers ascending by id, each once", c.ID)
		}
	}
	return nil
}

// Check says what keeps m from being an identity.
func (m MemberID) Check() error {
	id, nonce, ok := strings.Cut(string(m), "~")
	if !ok || !isName(id, 64) || !isName(nonce, 64) {
		return fmt.Errorf("member %.40q: want edge.id~nonce of letters, digits, dots, dashes and underscores", m)
	}
	return nil
}

// Check says what is wrong with the settings.
func (f *Fleet) Check() error {
	for what, d := range map[string]time.Duration{"guard": f.Guard, "lead": f.Lead, "prepare_timeout": f.PrepareTimeout} {
		if d <= 0 || d > time.Hour || d%time.Microsecond != 0 {
			return fmt.Errorf("fleet: %s %s: want whole microseconds, above 0 and up to 1h", what, d)
		}
	}
	if f.Lead < f.Guard {
		return fmt.Errorf("fleet: lead %s is shorter than guard %s: nothing proposed could be acknowledged in time", f.Lead, f.Guard)
	}
	return nil
}

func (c *Cutover) check() error {
	switch {
	case !isName(string(c.ID), 64):
		return fmt.Errorf("cutover %.40q: want letters, digits, dots, dashes and underscores", c.ID)
	case !isHex(string(c.List), 64):
		return fmt.Errorf("cutover %s: list %.70q: want a SHA-256 in hex", c.ID, c.List)
	case c.Count < 1 || c.Count > MaxList:
		return fmt.Errorf("cutover %s: count %d: want 1 to %d", c.ID, c.Count, MaxList)
	case c.First > routing.SpeakOps:
		return fmt.Errorf("cutover %s: first: no routing_authority", c.ID)
	case len(c.Turns) > MaxTurns:
		return fmt.Errorf("cutover %s: %d turns: at most %d; settle it and plan a new one", c.ID, len(c.Turns), MaxTurns)
	}
	holder := c.First
	for i, t := range c.Turns {
		floating := t.At.IsZero() && i == len(c.Turns)-1
		switch {
		case t.Authority > routing.SpeakOps || t.Authority == holder:
			return fmt.Errorf("cutover %s: turn %d: %s held already; a turn changes who does", c.ID, i+1, t.Authority)
		case floating:
		case t.At.Before(earliest) || !t.At.Before(latest) || t.At.Nanosecond()%1000 != 0:
			return fmt.Errorf("cutover %s: turn %d: %s: want whole microseconds in the years 2000 to 2199", c.ID, i+1, t.At.UTC().Format(time.RFC3339Nano))
		case i > 0 && !t.At.After(c.Turns[i-1].At):
			return fmt.Errorf("cutover %s: turn %d is not after turn %d", c.ID, i+1, i)
		}
		holder = t.Authority
	}
	return nil
}

// Follows says what keeps next from coming after prev, whatever the time, with
// these edges declared off. prev is nil for the first of a chain.
func (next *Revision) Follows(prev *Revision, off func(MemberID) bool) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("revision %s: %s", next.ID, fmt.Sprintf(format, args...))
	}
	if next.Previous != prev.id() || next.Number != prev.number()+1 {
		return fail("follows %q as number %d, but the chain stands at %q, number %d; make it anew on that",
			next.Previous, next.Number, prev.id(), prev.number())
	}
	joined := false
	for _, m := range next.Members {
		if prev.Has(m) {
			continue
		}
		joined = true
		if off(m) {
			return fail("member %s was declared off; it comes back under a new identity", m)
		}
	}
	if prev == nil {
		if len(next.Schedule) > 0 {
			return fail("the first of a chain has no cutovers yet")
		}
		return nil
	}
	for _, m := range prev.Members {
		// Removal by revision alone is unsafe: whoever is removed may still answer
		// by the old revision when the new one takes force.
		if !next.Has(m) && !off(m) {
			return fail("member %s was not declared off; declare it off first, or keep it", m)
		}
	}
	// Joining is a revision with no other change and D = never: the joiner needs
	// nobody's past, only the body it joins on.
	if joined && (next.Fleet != prev.Fleet || !slices.EqualFunc(next.Schedule, prev.Schedule, equal)) {
		return fail("an edge joins by a revision that changes nothing else")
	}
	for i := range next.Schedule {
		c := &next.Schedule[i]
		if was := prev.Cutover(c.ID); was != nil && (was.List != c.List || was.Count != c.Count || was.First != c.First) {
			return fail("cutover %s has other numbers than before, or another beginning; drop it and plan a new one", c.ID)
		}
	}
	return nil
}

func equal(a, b Cutover) bool {
	return a.ID == b.ID && a.List == b.List && a.Count == b.Count && a.First == b.First && slices.EqualFunc(a.Turns, b.Turns, same)
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

func isName(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
