package cutover

import (
	"slices"
	"strconv"
	"time"

	"github.com/speakops/sipedge/routing"
)

// RevisionID names one revision body for ever: 128 random bits in lower hex,
// never a counter, because a store that lost its tail would count the same
// number twice.
type RevisionID string

// MemberID is the identity of an edge: its edge.id, "~", and a nonce made with
// its journal. An edge that lost its journal, left or was declared off comes
// back as somebody else.
type MemberID string

// ID names a cutover.
type ID string

// ListID is the content address of an immutable list of numbers: the SHA-256,
// in lower hex, of its encoding (see List).
type ListID string

// Generation is one life of the store: a failover or a restart begins a new
// one. Number is the highest any edge has seen plus one; Nonce tells two stores
// apart that counted alike. The zero Generation is none.
type Generation struct {
	Number uint64
	Nonce  string
}

// Above says that g began after h for certain. Two generations of one number
// are above neither: an edge that promised the one never speaks to the other.
func (g Generation) Above(h Generation) bool { return g.Number > h.Number }

// String is "3~nonce", the form of text, JSON and logs; "" for none.
func (g Generation) String() string {
	if g == (Generation{}) {
		return ""
	}
	return strconv.FormatUint(g.Number, 10) + "~" + g.Nonce
}

// Revision is one immutable body of the chain: the complete schedule, and who
// must agree to the next one. Validate says what a body must be, Follows what
// it must be after another.
type Revision struct {
	ID       RevisionID
	Previous RevisionID // "" for the first of a chain
	Number   uint64     // of Previous plus one; 1 for the first
	Schedule []Cutover  // ascending by ID; every live cutover of the fleet
	Members  []MemberID // ascending
	Fleet    Fleet
}

// Cutover is the schedule of one live cutover.
type Cutover struct {
	ID    ID
	List  ListID
	Count int // numbers in List
	// First holds until the first turn, and must be what the number records say:
	// a revision that said otherwise would differ from its predecessor at once.
	First routing.RoutingAuthority
	// Turns ascend strictly, each to another authority than the one before, in
	// whole microseconds of store time. The last one may have the zero instant
	// in a proposal: the store fills in now + lead (see Filled).
	Turns []routing.Turn
}

// Final is who holds authority after the last turn.
func (c *Cutover) Final() routing.RoutingAuthority {
	if n := len(c.Turns); n > 0 {
		return c.Turns[n-1].Authority
	}
	return c.First
}

// Last is the instant of the last turn, the zero time when there is none.
func (c *Cutover) Last() time.Time {
	if n := len(c.Turns); n > 0 {
		return c.Turns[n-1].At
	}
	return time.Time{}
}

// At is who holds authority at t.
func (c *Cutover) At(t time.Time) routing.RoutingAuthority {
	holder := c.First
	for _, turn := range c.Turns {
		if t.Before(turn.At) {
			break
		}
		holder = turn.Authority
	}
	return holder
}

// Fleet is what all members share and only a revision changes.
type Fleet struct {
	// Guard is how far ahead of D, the first instant a revision differs, the last
	// acknowledgement must be. It covers the store's clock error, a poll, a round
	// trip, an fsync and twice the edges' clock error.
	Guard time.Duration
	// Lead is how far ahead of D a revision must be proposed: Guard and the same again.
	Lead time.Duration
	// PrepareTimeout bounds a proposal that not everybody answers.
	PrepareTimeout time.Duration
}

// Never is the D of a revision that changes no answer: a joining, a leaving, a
// settling.
var Never = time.Time{}

// before is t < d where d may be Never, before which everything lies.
func before(t, d time.Time) bool { return d.IsZero() || t.Before(d) }

// Has says whether m must agree to what follows r; nobody must for nil.
func (r *Revision) Has(m MemberID) bool {
	if r == nil {
		return false
	}
	_, found := slices.BinarySearch(r.Members, m)
	return found
}

// Cutover is the live cutover of that ID, nil for none.
func (r *Revision) Cutover(id ID) *Cutover {
	if r == nil {
		return nil
	}
	for i := range r.Schedule {
		if r.Schedule[i].ID == id {
			return &r.Schedule[i]
		}
	}
	return nil
}

// number is 0 for no revision at all.
func (r *Revision) number() uint64 {
	if r == nil {
		return 0
	}
	return r.Number
}

func (r *Revision) id() RevisionID {
	if r == nil {
		return ""
	}
	return r.ID
}
