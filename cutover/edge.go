package cutover

import "github.com/speakops/sipedge/routing"

// Pair is what decisions are made from: the committed revision and, while its
// outcome is unknown here, the one prepared above it. A Pair is immutable and
// published as a whole (rule 8); nil stands for none.
type Pair struct {
	Committed *Revision
	Prepared  *Revision
}

// Edge is one edge's part of the protocol, rules 8 to 12. The zero Edge with a
// Self has never seen a chain. It is a value: Step returns the next one.
type Edge struct {
	Self       MemberID
	Generation Generation // promised: every lower one is refused for ever (rule 11)
	Pair       Pair
	Aborted    map[RevisionID]bool // explicit evidence only (rule 10)
	Left       bool                // final for this identity
	// more, as Step needs it
}

// Event is something that came true: a StoreSeen, a Journaled, a Listed, a
// Disagrees (the edge cannot prepare, with the reason), a Leave.
type Event interface{ event() }

// Effect is a wish of the protocol, granted in the order given: Publish a Pair,
// Keep an Entry in the journal (answered by Journaled), fetch a list (answered
// by Listed), Ack, Refuse, Report, Join, tell the operator.
type Effect interface{ effect() }

// StoreSeen is one answer of the store's read script, by one connection. It may
// be stale, doubled, reordered, or come from a zombie of a lower generation:
// Step believes only what explicit evidence in it proves.
type StoreSeen struct {
	Generation Generation
	Recovered  bool
	Committed  *Revision
	Pending    *Revision // nil when nothing is proposed
	Acked      []MemberID
	Aborted    []RevisionID // the newest, and every one this edge asked about
	Off        []MemberID
}

// Step takes an event at an interval of store time that was read after the
// event, and returns the next state and what is to be done, in order.
func (e Edge) Step(ev Event, at routing.Interval) (Edge, []Effect) { return e, nil }

func (StoreSeen) event() {}
