package call

// Exchange is one non-INVITE request on its way through: a server transaction
// (RFC 3261 section 17.2.2) and its one client transaction (17.1.2), with the
// corrections of RFC 4320. Without a server side it is a request of our own,
// such as a probe or the BYE of a hang-up.
type Exchange struct {
	reliableUp, reliableDown bool
	ours                     bool // no server side
	server                   exchangeState
	client                   exchangeState
	proceeding               bool
	repeat                   timer   // timer E
	giveUp                   Instant // timer F, then K
	trying                   Instant // RFC 4320 section 4.1: a 100 no earlier than this
	end                      Instant // timer J
	rested                   bool
}

type exchangeState uint8

const (
	exTrying exchangeState = iota
	exCompleted
	exGone
)

// Begin sends the request on; the owner has just done so. ours means that the
// request is our own.
func (x *Exchange) Begin(now Instant, reliableUp, reliableDown, ours bool) {
	*x = Exchange{reliableUp: reliableUp, reliableDown: reliableDown, ours: ours, end: Never}
	x.repeat.stop()
	if !reliableDown {
		x.repeat.start(now, T1)
	}
	x.giveUp = now.plus(Lifetime)
	x.trying = Never
	if ours {
		x.server = exGone
	} else {
		x.trying = now.plus(7 * T1) // when timer E of a UDP peer reaches T2
	}
}

// Next is the earliest instant at which Step wants a Tick.
func (x *Exchange) Next() Instant { return min(x.repeat.at, x.giveUp, x.trying, x.end) }

// Answered says whether a final response has passed, or will never come.
func (x *Exchange) Answered() bool { return x.server != exTrying }

// Step takes one event: Tick, Again (the request was retransmitted), Response, Broken.
func (x *Exchange) Step(ev Event, now Instant, out []Effect) []Effect {
	switch ev.Kind {
	case Tick:
		out = x.tick(now, out)
	case Again:
		if x.server == exCompleted || x.proceeding {
			out = append(out, Effect{Kind: Resend})
		}
	case Response:
		out = x.response(ev.Code, now, out)
	case Broken:
		if x.client == exTrying {
			x.clientGone()
			// Section 16.9: as if 503 had come, which leaves as 500 (16.7 step 6).
			out = x.final(Effect{Kind: Respond, Code: 500}, now, out)
		}
	}
	return x.settle(now, out)
}

func (x *Exchange) response(code int, now Instant, out []Effect) []Effect {
	if x.client != exTrying {
		return out // a retransmission: section 17.1.2.2, Completed
	}
	if code < 200 {
		// RFC 4320 section 4.1: no provisional but a late 100 of our own travels on.
		x.repeat.every = T2 // Proceeding: E fires at T2
		return out
	}
	x.client = exCompleted
	x.repeat.stop()
	x.giveUp = now.plus(lifetime(x.reliableDown, T4)) // timer K
	return x.final(Effect{Kind: Relay, Code: code}, now, out)
}

func (x *Exchange) final(e Effect, now Instant, out []Effect) []Effect {
	if x.ours {
		return append(out, e)
	}
	if x.server != exTrying {
		return out
	}
	x.server = exCompleted
	x.trying = Never
	x.end = now.plus(lifetime(x.reliableUp, Lifetime)) // timer J
	return append(out, e)
}

func (x *Exchange) tick(now Instant, out []Effect) []Effect {
	if x.client == exTrying && x.repeat.ring(now, T2) {
		out = append(out, Effect{Kind: Repeat})
	}
	if now >= x.trying {
		x.trying = Never
		x.proceeding = true
		out = append(out, Effect{Kind: Respond, Code: 100})
	}
	if now >= x.giveUp {
		if x.client == exTrying {
			// RFC 4320 section 4.2: no 408 to a non-INVITE, it would come too late.
			out = append(out, Effect{Kind: Finish, Ending: Unanswered})
			if x.server == exTrying {
				x.server = exGone
			}
		}
		x.clientGone()
	}
	return out
}

func (x *Exchange) clientGone() {
	x.client = exGone
	x.repeat.stop()
	x.giveUp = Never
	if x.server != exTrying {
		x.trying = Never
	}
}

func (x *Exchange) settle(now Instant, out []Effect) []Effect {
	if x.client == exCompleted && now >= x.giveUp {
		x.clientGone()
	}
	if x.server == exCompleted && now >= x.end {
		x.server, x.end = exGone, Never
	}
	switch {
	case x.client == exGone && x.server == exGone:
		x.trying = Never
		return append(out, Effect{Kind: Gone})
	case x.client != exTrying && x.server != exTrying && !x.ours && !x.rested:
		// Whichever side still waits for what is sent again, J's or K's.
		x.rested = true
		return append(out, Effect{Kind: Rest})
	}
	return out
}
