package cutover

import "time"

// Pair is what decisions are made from: the committed revision and, while its
// outcome is unknown here, the one prepared above it. A Pair is immutable and
// published as a whole (rule 8); nil stands for none.
type Pair struct {
	Committed *Revision
	Prepared  *Revision
}

// D is the first instant at which the prepared revision differs, Never when it
// never does or none is prepared.
func (p Pair) D() time.Time {
	if p.Prepared == nil {
		return Never
	}
	return Differs(p.Committed, p.Prepared)
}

// Edge is one edge's part of the protocol, rules 8 to 12. The zero Edge with a
// Self has never seen a chain; Replay makes one from a journal. It is a value:
// Step returns the next one, and earlier ones stay as they were.
type Edge struct {
	Self       MemberID
	Generation Generation            // promised: every lower one is refused for ever (rule 11)
	Pair       Pair                  // as published
	Aborted    map[RevisionID]uint64 // explicit evidence only (rule 10), by number
	Floors     []Floor               // of settled cutovers, the oldest first
	Left       bool                  // final for this identity
	Stopped    time.Time             // when it left, at the latest
	Off        bool                  // declared off: this identity is over
	Waits      Waits                 // what the last answer of the store waited for

	leaving  time.Time // zero when it stays; no call is taken from then on
	ending   bool      // the store says that this identity is over, and the disk does not yet
	checking Inspect   // under way; its Revision is nil for none
	writing  *Entry    // on its way to the disk
	seq      uint64    // of writing
	failed   bool      // the disk did not take it
	broken   rules     // tests only
}

// Serves says that INVITEs may be taken: a body containing this identity is
// journaled here, and the identity is not over (rule 12).
func (e *Edge) Serves() bool {
	return e.Pair.Committed.Has(e.Self) && !e.Left && !e.Off && !e.ending && e.leaving.IsZero()
}

// MetChain says that the journal tells of a chain, if only of one that this edge was
// to join and did not.
func (e *Edge) MetChain() bool {
	return e.Pair.Committed != nil || e.Pair.Prepared != nil || len(e.Aborted) > 0
}

// Idle says that nothing is on its way to the disk: what e says, the journal says.
func (e *Edge) Idle() bool { return e.writing == nil }

// Waits names what keeps the store from going on, for people.
type Waits struct {
	Recovery []MemberID // who has not reported to the new generation
	Acks     []MemberID // whose acknowledgement the pending revision lacks
	Pending  RevisionID
}

// Event is something that came true: StoreSeen, Ready, Disagrees, Journaled,
// JournalFailed, Leave.
type Event interface{ event() }

// StoreSeen is one answer of the store's read script, by one connection. It may
// be stale, doubled, reordered, or come from a zombie of a lower generation:
// Step believes only what explicit evidence in it proves.
type StoreSeen struct {
	Life       string     // of the store that answered: its replid (see Store.Life)
	Generation Generation // zero for a store that has none
	// Changed says that the store is not the one this generation was begun on
	// (another replid, or no generation at all): only Begin works.
	Changed   bool
	Recovered bool
	Committed *Revision
	Pending   *Revision // nil when nothing is proposed
	Deadline  time.Time // of Pending, by the store's clock
	Acked     []MemberID
	Aborted   []RevisionID // the newest, and every one this edge asked about
	Off       []MemberID
	Reported  []MemberID // to an unrecovered generation
	Missing   []MemberID // whose reports its recovery still needs
}

// Ready answers Inspect: every list is fsynced here, and the number table says
// what the revision takes for granted.
type Ready struct{ ID RevisionID }

// Disagrees answers Inspect: this edge cannot prepare.
type Disagrees struct {
	ID     RevisionID
	Reason string
}

// Journaled answers Keep: the entry is durable.
type Journaled struct{ Seq uint64 }

// JournalFailed answers Keep: the entry may or may not be on the disk. Keep is
// asked for again when the store is next seen.
type JournalFailed struct {
	Seq    uint64
	Reason string
}

// Leave is the wish to leave the fleet for good. INVITEs are no longer taken
// when it comes.
type Leave struct{}

func (StoreSeen) event()     {}
func (Ready) event()         {}
func (Disagrees) event()     {}
func (Journaled) event()     {}
func (JournalFailed) event() {}
func (Leave) event()         {}

// Effect is a wish of the protocol, granted in the order given: Publish, Keep,
// Inspect, Ack, Refuse, Abort, Begin, SendReport, Recover, Join, DeclareOff,
// Retire. All but Publish and Keep may be lost or granted twice.
type Effect interface{ effect() }

// Publish puts a Pair in force behind the one atomic pointer decisions read,
// and says whether INVITEs may be taken (rule 12).
type Publish struct {
	Pair    Pair
	Floors  []Floor
	Serving bool
}

// Keep appends the entry to the journal and makes it durable; answered by
// Journaled or JournalFailed with the same Seq. The same Seq again is the same
// entry again.
type Keep struct {
	Seq   uint64
	Entry Entry
}

// Inspect fetches and fsyncs the lists of Revision and asks Check about it;
// answered by Ready or Disagrees.
type Inspect struct{ Base, Revision *Revision }

// Ack acknowledges (rule 3). It is only ever sent while the revision is durable
// here and the clock certain that it does not differ yet.
type Ack struct{ ID RevisionID }

// Refuse says that this member cannot prepare, which aborts at once (rule 3).
type Refuse struct {
	ID     RevisionID
	Reason string
}

// Abort asks to abort what is overdue; the store's clock decides (rule 4).
type Abort struct{ ID RevisionID }

// Begin starts a new generation of that number in that Life of the store and
// over the generation that stood there: one that changed, or one that this edge may not speak to because it has
// promised a higher one. Whoever grants it draws the nonce (rule 6).
type Begin struct {
	Number uint64
	Over   Generation
	Life   string
}

// SendReport reports to an unrecovered generation (rule 7).
type SendReport struct{ Report Report }

// Recover asks the store to finish recovery if it can (rule 7).
type Recover struct{ Generation Generation }

// Join proposes a revision that adds Self and changes nothing else (rule 1).
// Base is nil on a store whose chain has not begun.
type Join struct {
	Self MemberID
	Base *Revision
}

// DeclareOff declares this edge off by its own word, after it left (rule 5); it
// is granted by Store.Leave, which keeps the last member on.
type DeclareOff struct {
	Self    MemberID
	Stopped time.Time // it takes no calls since
}

// Retire ends this identity: no INVITE is taken, and a new journal begins.
type Retire struct{ Reason string }

func (Publish) effect()    {}
func (Keep) effect()       {}
func (Inspect) effect()    {}
func (Ack) effect()        {}
func (Refuse) effect()     {}
func (Abort) effect()      {}
func (Begin) effect()      {}
func (SendReport) effect() {}
func (Recover) effect()    {}
func (Join) effect()       {}
func (DeclareOff) effect() {}
func (Retire) effect()     {}
