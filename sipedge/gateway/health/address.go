package health

import "time"

// Address is what is known of one address of a gateway.
type Address struct {
	Addr      Addr
	State     State
	Reason    Reason
	Since     time.Time // of State
	LastProbe time.Time // when the latest probe was judged; zero before the first
	LastCode  int       // of that probe, 0 when it was not answered

	missed    int       // probes in a row without proof of life
	good      int       // answered probes in a row
	faults    int       // weight of calls' faults since the last proof
	faultAt   time.Time // of the latest of them
	falls     int       // times calls made it dark with no call answered since
	hold      time.Time // dark at least until then; zero is no hold
	holdNamed bool      // the gateway itself named that time
}

// Clean says that an answered call would teach nothing about this address.
func (a *Address) Clean() bool {
	return a.State == Up && a.missed == 0 && a.faults == 0 && a.falls == 0
}

func (a *Address) become(s State, why Reason, now time.Time) {
	a.State, a.Reason, a.Since = s, why, now
	a.hold, a.holdNamed = time.Time{}, false
}

// rise takes it up with a clean slate.
func (a *Address) rise(why Reason, now time.Time) {
	a.missed, a.faults = 0, 0
	a.become(Up, why, now)
}

func (a *Address) held(now time.Time) bool { return now.Before(a.hold) }

// score is what speaks against the address at this instant.
func (a *Address) score(now time.Time) int {
	if now.Sub(a.faultAt) >= FaultMemory {
		a.faults = 0
	}
	return probeWeight*a.missed + a.faults
}

func (a *Address) probed(code int, set Settings, now time.Time) {
	a.LastProbe, a.LastCode = now, code
	if !Proves(code) {
		a.good = 0
		a.missed = min(a.missed+1, set.Fall)
		if a.State != Dark && a.score(now) >= set.Fall {
			a.become(Dark, missReason(code), now)
		}
		return
	}
	a.missed = 0
	a.good = min(a.good+1, set.Rise)
	switch {
	case a.State == Unknown:
		// Faults of calls stay on the account: a gateway may answer OPTIONS and
		// swallow every INVITE.
		a.become(Up, ProbeAnswered, now)
	case a.State == Dark && !a.held(now) && a.good >= set.Rise:
		a.rise(ProbeAnswered, now)
	}
}

func missReason(code int) Reason {
	if code == 0 {
		return ProbeSilent
	}
	return ProbeRefused
}

func (a *Address) called(o Outcome, set Settings, now time.Time) {
	if o.Result == Answered {
		a.answered(o, now)
		return
	}
	if o.Result == Unavailable && o.RetryAfter > 0 {
		a.retryAfter(min(o.RetryAfter, MaxRetryAfter), now)
		return
	}
	weight, why := fault(o.Result)
	a.score(now) // forgets what is too old
	a.faults = min(a.faults+weight, set.Fall)
	a.faultAt = now
	if a.State != Dark && a.score(now) >= set.Fall {
		a.fall(why, set, now)
	}
}

func fault(r Result) (weight int, why Reason) {
	switch r {
	case Unavailable:
		return callWeight, CallUnavailable
	case Stalled:
		return stallWeight, CallStalled
	case Unreachable:
		return callWeight, CallUnreachable
	}
	return callWeight, CallSilent
}

// answered: a success of a call proves life at once. One that set out before
// the fall does not: a gateway that refuses new calls goes on answering those
// it has.
func (a *Address) answered(o Outcome, now time.Time) {
	if a.State == Dark && !o.Sent.IsZero() && o.Sent.Before(a.Since) {
		return
	}
	a.missed, a.faults, a.falls = 0, 0, 0
	if a.State != Up {
		a.rise(CallAnswered, now)
	}
}

// retryAfter darkens for as long as the gateway asked (RFC 3261 21.5.4). No
// probe shortens that, and it never shortens a longer hold.
func (a *Address) retryAfter(d time.Duration, now time.Time) {
	if a.State != Dark {
		a.become(Dark, RetryAfter, now)
	}
	if until := now.Add(d); until.After(a.hold) {
		a.hold, a.holdNamed = until, true
	}
}

// fall darkens on the word of calls. The first time probes may bring it back as
// usual. Falling again before any call got through means that probes are fooled,
// so they are not heard for a while that doubles each time.
func (a *Address) fall(why Reason, set Settings, now time.Time) {
	if a.State == Up && now.Sub(a.Since) >= Steady {
		a.falls = 0
	}
	a.become(Dark, why, now)
	a.good = 0
	a.falls = min(a.falls+1, 16)
	doublings := a.falls - 1
	if set.Probed {
		if doublings == 0 {
			return
		}
		doublings--
	}
	a.hold = now.Add(min(FirstHold<<doublings, MaxHold))
}

// tick ends a hold that is over.
func (a *Address) tick(set Settings, now time.Time) {
	if a.State != Dark || a.hold.IsZero() || a.held(now) {
		return
	}
	named := a.holdNamed
	a.hold, a.holdNamed = time.Time{}, false
	switch {
	case set.Probed && a.good >= set.Rise:
		a.rise(ProbeAnswered, now)
	case set.Probed && (!named || a.missed >= set.Fall):
		// stays dark until probes say otherwise
	case named:
		a.missed, a.faults = 0, 0
		a.become(Unknown, RetryAfterPassed, now)
	default:
		a.missed, a.faults = 0, 0
		a.become(Unknown, TriedAgain, now)
	}
}

// configured: with probing gone, nothing but time could end a darkness.
func (a *Address) configured(set Settings, now time.Time) {
	a.missed, a.good = min(a.missed, set.Fall), min(a.good, set.Rise)
	a.faults = min(a.faults, set.Fall)
	if !set.Probed && a.State == Dark && a.hold.IsZero() {
		a.missed, a.good, a.faults = 0, 0, 0
		a.become(Unknown, ProbingOff, now)
	}
}
