package routing

import "time"

// Decide answers one question: where does this call go? It reads only its
// arguments, so a Decision can be explained from a log line years later. at is
// an interval of store time that contains the true instant; it must have been
// read before the view was loaded.
func Decide(view View, at Interval, call Call) Decision {
	return decide(view, at, &call, nil)
}

// decide is Decide with a trace of the rules it asked, nil when nobody wants one.
func decide(view View, at Interval, call *Call, t *trace) Decision {
	t.call(call, at)
	d := answer(view, at, call, t)
	d.PublicNumber = call.To
	t.verdict(&d)
	return d
}

func answer(view View, at Interval, call *Call, t *trace) Decision {
	if call.To == 0 {
		return Refuse(NotOurs, NotANumber)
	}
	number, known := view.Brief(call.To)
	t.number(&number, known)
	if !known {
		return stranger(view, at, t)
	}
	c := holder(view, at, call, &number, t)
	d := c.decision(view, call, &number, t)
	d.Revision, d.PortingState = c.revision, number.PortingState
	return d
}

// stranger is the answer for a number the table has not heard of. Only a fresh
// table may say that there is no such number: from a stale one, the caller of a
// number provisioned an hour ago would be told it does not exist.
func stranger(view View, at Interval, t *trace) Decision {
	stale := view.Stale(at)
	t.stale(stale)
	if stale {
		return Refuse(RetryElsewhere, TableStale)
	}
	return Refuse(NotOurs, NumberUnknown)
}

// claim is who holds the call's number, and why; or, instead, the intent it is
// refused with or the instant it is held until.
type claim struct {
	authority RoutingAuthority
	because   Because
	revision  uint64
	comes     bool // the network may already bring calls for the number to us
	forced    bool // by a word above timeline and record: no other side may help out
	intent    Intent
	until     time.Time
}

func (c *claim) decision(view View, call *Call, number *Brief, t *trace) Decision {
	switch {
	case c.intent != IntentNone:
		return Refuse(c.intent, c.because)
	case !c.until.IsZero():
		return HoldUntil(c.until, c.because)
	}
	return carry(view, call, number, c, t)
}

// holder finds who holds the number: block or override, then the revisions, then
// the record. The porting state is not asked; it only words the record's answer.
func holder(view View, at Interval, call *Call, number *Brief, t *trace) claim {
	c := claim{revision: number.Revision, comes: number.PortingState.ComesToUs()}
	schedule, live := view.Schedule(call.To)
	if live && schedule.Committed != nil {
		c.comes = c.comes || schedule.Committed.Stepped(at, SpeakOps)
		t.edgesOf(schedule.Committed) // also where an override speaks: the way to us opens by them
	}
	override := number.override()
	kind, edge, sure := override.During(at)
	t.override(&override, kind, sure)
	forced := call.Forced
	passes := call.PSAP && kind == Block
	switch {
	case passes:
		t.psap() // whoever holds the number takes it, no test trunk's choice
		forced = AuthorityNone
	case kind == OverrideNone:
	case !sure && (forced == AuthorityNone || kind == Block):
		return c.wait(view, at, edge)
	case kind == Block:
		c.intent, c.because = Blocked, OverrideBlock
		return c
	}

	switch {
	case forced != AuthorityNone:
		c.authority, c.because, c.forced = forced, TestOverride, true
	case kind == ForceLegacy:
		c.authority, c.because, c.forced = Legacy, OverrideForceLegacy, true
	case kind == ForceSpeakOps:
		c.authority, c.because, c.forced = SpeakOps, OverrideForceSpeakOps, true
	case live:
		if c = c.scheduled(view, at, call.PSAP, number, &schedule, t); c.intent != IntentNone || !c.until.IsZero() {
			return c
		}
	default:
		c.authority, c.because = recorded(number)
		t.record(c.authority, c.because)
	}
	if passes && c.authority != AuthorityNone {
		c.because = PSAP
	}
	return c
}

// scheduled is the answer of a number the revisions speak of (rule 9): hold while
// the committed one steps inside the interval, and answer nobody while a
// prepared one, which may or may not hold by now, would answer otherwise.
func (c claim) scheduled(view View, at Interval, psap bool, number *Brief, s *Schedule, t *trace) claim {
	record := s.record(number)
	switch line := s.Committed; {
	case line != nil:
		authority, sure := line.During(at)
		t.timeline(line, at, authority, sure)
		c.revision = line.Revision()
		if !sure {
			return c.wait(view, at, line.NextStep(at))
		}
		c.authority, c.because = authority, line.because(at)
	case record != number.RoutingAuthority:
		c.authority, c.because = record, SettledOverRecord
		t.record(record, c.because)
	default:
		c.authority, c.because = recorded(number)
		t.record(record, c.because)
	}
	disputed := s.disputes(at, c.authority, record)
	t.prepared(s, disputed)
	switch {
	case disputed && psap && c.authority != AuthorityNone:
		c.because = PSAP // RFC 7090: either side will do, nobody will not
	case disputed:
		c.intent, c.because = RetryElsewhere, RevisionUnresolved
	}
	return c
}

// wait holds the call until edge is behind for certain, unless the clock is so
// uncertain that this would take longer than a call may be held.
func (c claim) wait(view View, at Interval, edge time.Time) claim {
	if bound := view.MaxHold(); bound > 0 && at.Width() > bound {
		c.intent, c.because = RetryElsewhere, ClockTooWide
	} else {
		c.until, c.because = at.certainFrom(edge), ClockUncertain
	}
	return c
}

// recorded is the record's word. A state that expects another holder does not
// change it, but the reason says that the two disagree.
func recorded(number *Brief) (RoutingAuthority, Because) {
	trait := number.PortingState.trait()
	holder := number.RoutingAuthority
	switch {
	case holder == AuthorityNone && trait.over:
		return holder, trait.because
	case holder == AuthorityNone:
		return holder, NoAuthority
	case trait.expects != AuthorityNone && trait.expects != holder:
		return holder, RecordOverState
	}
	return holder, trait.because
}

// carry takes the call to the holder, or says why that cannot be.
func carry(view View, call *Call, number *Brief, c *claim, t *trace) Decision {
	authority, because := c.authority, c.because
	if call.Looped && authority == Legacy {
		// What we sent to the old provider came back to us: sending it there again
		// would only turn the wheel (RFC 3261 section 16.3 item 4 catches the tight
		// loops; this is the wide one through the public network).
		t.loop(number)
		if !number.Assigned {
			return Refuse(Loop, LoopGuard)
		}
		authority, because = SpeakOps, LoopGuard
	}
	if authority == AuthorityNone {
		return Refuse(NotOurs, because)
	}
	route, why := passable(view, number, authority, c.comes)
	t.route(number.route(authority), authority, route, why)
	switch {
	case why == PSTNComesBack:
		return Refuse(Loop, why)
	case why != "":
		return Refuse(RetryElsewhere, why)
	}
	d := RouteTo(route, order(route.Gateways, call.Draw, view), because)
	if word := rescue(call, number, c, route); word != "" && because != LoopGuard {
		if other, why := passable(view, number, authority.Other(), c.comes); why == "" {
			d.Rescue, d.RescueBecause = other, word
			d.RescueOrder = order(other.Gateways, call.Draw, view)
		}
		t.rescue(&d, word)
	}
	return d
}

// passable finds the route of an authority, and what keeps calls off it.
func passable(view View, number *Brief, authority RoutingAuthority, comes bool) (*Route, Because) {
	route := view.Route(number.route(authority), authority)
	switch {
	case route == nil:
		return nil, NoRoute
	case route.Authority != authority:
		return nil, WrongRoute
	case authority == Legacy && route.Target == PSTNSameTN && comes:
		return nil, PSTNComesBack
	case len(route.Gateways) == 0 && route.Builtin == "":
		return nil, NoRoute
	}
	return route, ""
}

// rescue is the exception under which the other side may take the call when
// route fails, "" for none.
func rescue(call *Call, number *Brief, c *claim, route *Route) Because {
	trait := number.PortingState.trait()
	switch {
	case call.PSAP:
		return PSAP // RFC 7090: reaching the person outweighs who holds the number
	case c.forced || !route.Rescue:
		return ""
	case route.Authority == Legacy && trait.rescue && !c.comes:
		return RescueEarlyDisconnect
	case route.Authority == SpeakOps && (trait.back || c.because == Cut && !trait.comes):
		return FallbackAfterCut
	}
	return ""
}
