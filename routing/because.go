package routing

// The reasons. Each branch of Decide has one, and no two branches that ask for
// different action share one. They are written into records that outlive this
// program, so a word is never given a new meaning.
const (
	// The number itself.
	NotANumber    Because = "not_a_number"   // what was dialled names no public number
	NumberUnknown Because = "number_unknown" // not in a fresh table: not ours
	TableStale    Because = "table_stale"    // not in a table too old to know: ask another edge

	// The record's routing_authority, with what its porting_state adds.
	Record          Because = "record"            // no port in flight
	PortPending     Because = "port_pending"      // a port is under way and not yet active
	PortActive      Because = "port_active"       // activation was seen, settling is ahead
	PortSuspended   Because = "port_suspended"    // jeopardy or conflict: nothing flips until it is lifted
	PortCancelled   Because = "port_cancelled"    // the order is cancelled or about to be
	PortOut         Because = "port_out"          // the customer leaves, or has left
	SnapbackWaits   Because = "snapback_pending"  // going back was asked for and not yet seen
	SnappedBackTo   Because = "snapped_back"      // the number is back where it came from
	RecordOverState Because = "record_over_state" // the record names another authority than its state expects, and is followed
	NoAuthority     Because = "no_authority"      // the record says nobody carries this number

	// The timeline of a live cutover.
	BeforeCut      Because = "before_cut"      // wholly before the first step
	Cut            Because = "cut"             // wholly after a step to speakops
	RolledBack     Because = "rolled_back"     // wholly after a step back to legacy
	ClockUncertain Because = "clock_uncertain" // the clock cannot tell on which side of an edge it stands: wait
	ClockTooWide   Because = "clock_too_wide"  // and would take longer than a call may be held: ask another edge

	// A revision of it.
	RevisionUnresolved Because = "revision_unresolved" // one is prepared that would answer otherwise, and may or may not hold: ask another edge
	SettledOverRecord  Because = "settled_over_record" // the record contradicts a settled cutover, and is not followed

	// The exceptions to "only the holder carries a call".
	OverrideBlock         Because = "override_block"
	OverrideForceLegacy   Because = "override_force_legacy"
	OverrideForceSpeakOps Because = "override_force_speakops"
	TestOverride          Because = "test_override"           // a trusted test trunk chose the side
	LoopGuard             Because = "loop_guard"              // our own legacy leg came back
	PSAP                  Because = "psap"                    // an emergency call-back passes a block or a dispute, and may use either side
	RescueEarlyDisconnect Because = "rescue_early_disconnect" // the losing carrier let go before the cut
	FallbackAfterCut      Because = "fallback_after_cut"      // SpeakOps is down after the cut, the losing carrier still answers

	// The way there.
	NoRoute       Because = "no_route"        // no route configured for the holder, or it has no gateway
	WrongRoute    Because = "wrong_route"     // the record's route belongs to the other authority
	PSTNComesBack Because = "pstn_comes_back" // a pstn_same_tn route once the network brings the number to us
)

// Reasons lists every Because of this package, for those who count by it.
func Reasons() []Because {
	return []Because{
		NotANumber, NumberUnknown, TableStale, Record, PortPending,
		PortActive, PortSuspended, PortCancelled, PortOut, SnapbackWaits,
		SnappedBackTo, RecordOverState, NoAuthority, BeforeCut, Cut,
		RolledBack, ClockUncertain, ClockTooWide, RevisionUnresolved, SettledOverRecord, OverrideBlock, OverrideForceLegacy,
		OverrideForceSpeakOps, TestOverride, LoopGuard, PSAP, RescueEarlyDisconnect,
		FallbackAfterCut, NoRoute, WrongRoute, PSTNComesBack,
	}
}
