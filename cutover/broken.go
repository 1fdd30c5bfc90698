package cutover

// rules is a set of rules that are not kept. It is empty but in tests: each rule
// is there because its absence loses calls, and the exploration shows how.
type rules uint64

const (
	noEdgeGuard     rules = 1 << iota // 8: prepare and acknowledge whatever the clock says
	ackFirst                          // 8: acknowledge before the journal has it
	volatile                          // 8: the prepared revision is not journaled at all
	overwrite                         // 8: a second prepare takes the place of an unresolved one
	reprepare                         // 8: an aborted id is prepared again
	anyBase                           // 8: whatever the predecessor
	actFirst                          // 10: act on an outcome before it is durable
	absence                           // 10: an id the store does not know is taken as aborted
	dropLate                          // 10: a prepare is dropped once D is behind
	naive                             // 10: adopt whatever committed revision the store shows
	oldGeneration                     // 11: believe lower generations
	joinAtOnce                        // 12: serve before a body containing itself is committed
	noAbortedReport                   // 7: reports leave out what is known aborted

	noStoreGuard // 3: acknowledgements count at any time
	noDeadline   // 4: nobody aborts what is overdue
	majority     // 3: all but one acknowledgement commit
	joinerAlone  // 3: a joiner's acknowledgement is enough for its joining
	unrecovered  // 6: propose and ack work in an unrecovered generation
	noBarrier    // 7: a new generation is recovered from the start
	quorum       // 7: recovery goes on with one member missing
	lateOff      // 5: a declared-off member completes a commit after the deadline
	blindCommit  // 7: without an off member's journal, commit
	blindAbort   // 7: without an off member's journal, abort
	noLead       // 2: propose what differs at once
	removeAny    // 1: a revision removes members that still run
	noOverlap    // 1: two cutovers may have the same number
	rewrite      // 2: the past may be changed
	sameIDs      // 1: an id may be proposed again
)

func (r rules) breaks(rule rules) bool { return r&rule != 0 }
