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
func decide(view View, at Interval, call *Call, t *trace) (d Decision) {
	t.call(call, at)
	var q question
	q.view, q.at, q.t = view, at, t
	q.answer(call, &d)
	d.PublicNumber = call.To
	t.verdict(&d)
	return d
}

// question is one decision under way. Its parts stay where they are: handing
// them from rule to rule by value costs a call more than the rules do.
type question struct {
	view   View
	at     Interval
	t      *trace
	number Brief
	claim  claim
}

func (q *question) answer(call *Call, d *Decision) {
	if call.To == 0 {
		*d = Refuse(NotOurs, NotANumber)
		return
	}
	number, known := q.view.Brief(call.To)
	q.t.number(number, known)
	if !known {
		*d = q.stranger()
		return
	}
	q.number = number
	q.holder(call)
	q.conclude(call, d)
	d.Revision, d.PortingState = q.claim.revision, number.PortingState()
}

// stranger is the answer for a number the table has not heard of. Only a fresh
// table may say that there is no such number: from a stale one, the caller of a
// number provisioned an hour ago would be told it does not exist.
func (q *question) stranger() Decision {
	stale := q.view.Stale(q.at)
	q.t.stale(stale)
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

func (c *claim) open() bool { return c.intent != IntentNone || !c.until.IsZero() }

func (q *question) conclude(call *Call, d *Decision) {
	switch c := &q.claim; {
	case c.intent != IntentNone:
		*d = Refuse(c.intent, c.because)
	case !c.until.IsZero():
		*d = HoldUntil(c.until, c.because)
	default:
		q.carry(call, d)
	}
}

// holder finds who holds the number: block or override, then the revisions, then
// the record. The porting state is not asked; it only words the record's answer.
func (q *question) holder(call *Call) {
	c := &q.claim
	c.revision, c.comes = q.number.Revision(), q.number.PortingState().ComesToUs()
	schedule, live := q.view.Schedule(call.To)
	if live && schedule.Committed != nil {
		c.comes = c.comes || schedule.Committed.Stepped(q.at, SpeakOps)
		q.t.edgesOf(schedule.Committed) // also where an override speaks: the way to us opens by them
	}
	kind, edge, sure := q.override()
	forced := call.Forced
	passes := call.PSAP && kind == Block
	switch {
	case passes:
		q.t.psap() // whoever holds the number takes it, no test trunk's choice
		forced = AuthorityNone
	case kind == OverrideNone:
	case !sure && (forced == AuthorityNone || kind == Block):
		q.wait(edge)
		return
	case kind == Block:
		c.intent, c.because = Blocked, OverrideBlock
		return
	}

	switch {
	case forced != AuthorityNone:
		c.authority, c.because, c.forced = forced, TestOverride, true
	case kind == ForceLegacy:
		c.authority, c.because, c.forced = Legacy, OverrideForceLegacy, true
	case kind == ForceSpeakOps:
		c.authority, c.because, c.forced = SpeakOps, OverrideForceSpeakOps, true
	case live:
		if q.scheduled(schedule, call.PSAP); c.open() {
			return
		}
	default:
		c.authority, c.because = recorded(q.number)
		q.t.record(c.authority, c.because)
	}
	if passes && c.authority != AuthorityNone {
		c.because = PSAP
	}
}

// override is what the record's override asks for, as Override.During.
func (q *question) override() (kind OverrideKind, edge time.Time, sure bool) {
	if q.number.plain() && q.t == nil {
		return OverrideNone, time.Time{}, true
	}
	override := q.number.override()
	kind, edge, sure = override.During(q.at)
	q.t.override(&override, kind, sure)
	return kind, edge, sure
}

// scheduled is the answer of a number the revisions speak of (rule 9): hold while
// the committed one steps inside the interval, and answer nobody while a
// prepared one, which may or may not hold by now, would answer otherwise.
func (q *question) scheduled(s Schedule, psap bool) {
	c := &q.claim
	record := s.record(q.number)
	switch line := s.Committed; {
	case line != nil:
		authority, sure := line.During(q.at)
		q.t.timeline(line, q.at, authority, sure)
		c.revision = line.Revision()
		if !sure {
			q.wait(line.NextStep(q.at))
			return
		}
		c.authority, c.because = authority, line.because(q.at)
	case record != q.number.RoutingAuthority():
		c.authority, c.because = record, SettledOverRecord
		q.t.record(record, c.because)
	default:
		c.authority, c.because = recorded(q.number)
		q.t.record(record, c.because)
	}
	disputed := s.disputes(q.at, c.authority, record)
	q.t.prepared(s, disputed)
	switch {
	case disputed && psap && c.authority != AuthorityNone:
		c.because = PSAP // RFC 7090: either side will do, nobody will not
	case disputed:
		c.intent, c.because = RetryElsewhere, RevisionUnresolved
	}
}

// wait holds the call until edge is behind for certain, unless the clock is so
// uncertain that this would take longer than a call may be held.
func (q *question) wait(edge time.Time) {
	c := &q.claim
	if bound := q.view.MaxHold(); bound > 0 && q.at.Width() > bound {
		c.intent, c.because = RetryElsewhere, ClockTooWide
	} else {
		c.until, c.because = q.at.certainFrom(edge), ClockUncertain
	}
}

// recorded is the record's word. A state that expects another holder does not
// change it, but the reason says that the two disagree.
func recorded(number Brief) (RoutingAuthority, Because) {
	trait := number.PortingState().trait()
	holder := number.RoutingAuthority()
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
func (q *question) carry(call *Call, d *Decision) {
	c, number, t := &q.claim, q.number, q.t
	authority, because := c.authority, c.because
	if call.Looped && authority == Legacy {
		// What we sent to the old provider came back to us: sending it there again
		// would only turn the wheel (RFC 3261 section 16.3 item 4 catches the tight
		// loops; this is the wide one through the public network).
		t.loop(number)
		if !number.Assigned() {
			*d = Refuse(Loop, LoopGuard)
			return
		}
		authority, because = SpeakOps, LoopGuard
	}
	if authority == AuthorityNone {
		*d = Refuse(NotOurs, because)
		return
	}
	route, why := q.passable(authority)
	t.route(number.route(authority), authority, route, why)
	switch {
	case why == PSTNComesBack:
		*d = Refuse(Loop, why)
		return
	case why != "":
		*d = Refuse(RetryElsewhere, why)
		return
	}
	d.routeTo(route, because)
	d.Order.sort(route.Gateways, call.Draw, q.view)
	if word := rescue(call, number, c, route); word != "" && because != LoopGuard {
		if other, why := q.passable(authority.Other()); why == "" {
			d.Rescue, d.RescueBecause = other, word
			d.RescueOrder.sort(other.Gateways, call.Draw, q.view)
		}
		t.rescue(d, word)
	}
}

// passable finds the route of an authority, and what keeps calls off it.
func (q *question) passable(authority RoutingAuthority) (*Route, Because) {
	route := q.view.Route(q.number.route(authority), authority)
	switch {
	case route == nil:
		return nil, NoRoute
	case route.Authority != authority:
		return nil, WrongRoute
	case authority == Legacy && route.Target == PSTNSameTN && q.claim.comes:
		return nil, PSTNComesBack
	case len(route.Gateways) == 0 && route.Builtin == "":
		return nil, NoRoute
	}
	return route, ""
}

// rescue is the exception under which the other side may take the call when
// route fails, "" for none.
func rescue(call *Call, number Brief, c *claim, route *Route) Because {
	trait := number.PortingState().trait()
	switch {
	case call.PSAP:
		return PSAP // RFC 7090: reaching the person outweighs who holds the number
	case c.forced || !route.Rescue:
		return ""
	case route.Authority == Legacy && trait.rescue && !c.comes:
		return RescueEarlyDisconnect
	case call.Looped:
		return "" // the losing carrier, if asked again, would bring it back again
	case route.Authority == SpeakOps && (trait.back || c.because == Cut && !trait.comes):
		return FallbackAfterCut
	}
	return ""
}
