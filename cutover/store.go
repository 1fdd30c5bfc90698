package cutover

import (
	"time"

	"github.com/speakops/sipedge/routing"
)

// Store is the store's part of the protocol, rules 1 to 7, as a value in
// memory: the reference that the scripts are compared with. now is the store's
// own clock. Methods answer an error and change nothing when the rule says no.
type Store struct {
	Generation Generation
	Changed    bool // see StoreSeen.Changed
	Recovered  bool
	Committed  *Revision
	Pending    *Revision
	Deadline   time.Time // of Pending: an ack at or after it comes too late
	Acked      map[MemberID]bool
	Aborted    map[RevisionID]uint64  // by number
	Off        map[MemberID]time.Time // declared off; when it stopped by the operator's word, zero when unknown
	Reports    map[MemberID]Report    // to this generation while unrecovered
	Lists      map[ListID]List
}

// Report is what an edge tells a new generation: the durable part of its
// journal (rule 7). For an edge that is off, anybody may bring its journal.
type Report struct {
	Member     MemberID     `json:"member"`
	Generation Generation   `json:"generation"`
	Committed  *Revision    `json:"committed,omitempty"`
	Prepared   *Revision    `json:"prepared,omitempty"`
	Aborted    []RevisionID `json:"aborted,omitempty"`
	Left       bool         `json:"left,omitempty"`
}

// Barrier is everything recovery is decided from (rule 7).
type Barrier struct {
	Committed *Revision // as the store has them
	Pending   *Revision
	Aborted   map[RevisionID]uint64
	Off       map[MemberID]time.Time
	Reports   map[MemberID]Report
	// Begin is the word of the operator that there never was a chain: without it
	// a store that has none starts only from a report with a committed body.
	Begin bool
}

// Verdict is the outcome of a recovery.
type Verdict struct {
	Base    *Revision             // what is committed from now on
	Aborted map[RevisionID]uint64 // every aborted id, the old ones included
	// Before bounds the verdict: it was reached from now being before that
	// instant, and must be applied before it. Never is no bound.
	Before time.Time
}

// Blocked says why recovery cannot finish, member by member.
type Blocked []Obstacle

// Obstacle is one member whose evidence is missing.
type Obstacle struct {
	Member MemberID
	// Off: the member is declared off, and what is missing is its journal, or the
	// operator's word that it stopped before Before. Otherwise its report is
	// missing: start it, or declare it off.
	Off      bool
	Before   time.Time
	Revision RevisionID // because of which the member is needed
}

// Records is what Check asks of this edge's table.
type Records interface {
	Get(routing.PublicNumber) (routing.Number, bool)
}
