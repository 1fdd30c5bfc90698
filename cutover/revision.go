package cutover

import (
	"time"

	"github.com/speakops/sipedge/routing"
)

// RevisionID names one revision body for ever: 128 random bits, never a counter,
// because a store that lost its tail would count the same number twice.
type RevisionID string

// MemberID is the identity of an edge: its edge.id, "~", and a nonce made with
// its journal. An edge that lost its journal, left or was declared off comes
// back as somebody else.
type MemberID string

// ID names a cutover.
type ID string

// ListID is the content address of an immutable list of numbers: the SHA-256,
// in hex, of the sorted numbers.
type ListID string

// Generation is one life of the store: a failover or a restart begins a new
// one. Number is the highest any edge has seen plus one; Nonce tells two stores
// apart that counted alike.
type Generation struct {
	Number uint64
	Nonce  string
}

// Revision is one immutable body of the chain: the complete schedule, and who
// must agree to the next one.
type Revision struct {
	ID       RevisionID
	Previous RevisionID // "" for the first of a chain
	Number   uint64     // of Previous plus one
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
	Turns []routing.Turn // strictly ascending, whole microseconds of store time
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
