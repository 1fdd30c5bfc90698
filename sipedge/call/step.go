package call

// Step takes one event and appends what is owed. The order of effects is the
// order in which they are to be granted.
func (c *Call) Step(ev Event, now Instant, out []Effect) []Effect {
	switch ev.Kind {
	case Tick:
		out = c.tick(now, out)
	case Carry:
		out = c.carry(ev, now, out)
	case Wait:
		if c.state == Proceeding && !c.canceled {
			c.hold = ev.At
		}
	case Refuse:
		out = c.finish(Refused, false, now, out)
	case Again:
		// Absorbed once confirmed or accepted: section 17.2.1, RFC 6026 section 7.1.
		if c.state == Proceeding || c.state == Completed {
			out = append(out, Effect{Kind: Resend})
		}
	case Ack:
		if c.state == Completed {
			c.state = Confirmed
			c.again = Never
			c.end = now.plus(lifetime(c.reliable, T4)) // timer I
		}
	case Cancel:
		out = c.cancelAll(now, out)
	case Response:
		out = c.response(ev.Branch, ev.Code, now, out)
	case CancelResponse:
		if b := &c.branches[ev.Branch]; b.cancel == cancelSent {
			b.cancel = cancelDone
			b.repeat.stop()
		}
	case Forgo:
		out = c.stand(now, out)
	case Broken:
		if b := &c.branches[ev.Branch]; b.open() {
			b.state = gone
			if !b.abandoned {
				out = c.failed(ev.Branch, 0, now, out)
			}
		}
	}
	return c.settle(now, out)
}

func (c *Call) carry(ev Event, now Instant, out []Effect) []Effect {
	if c.state != Proceeding {
		return out // cancelled while it was held
	}
	c.hold = Never
	c.own, c.kept = c.next, 0 // after a rescue only the other side's word counts
	c.rules, c.targets, c.rescue = ev.Rules, ev.Targets, ev.Rescue
	if c.next == len(c.targets) {
		return c.stand(now, out)
	}
	return c.attempt(now, out)
}

// stand ends a call for which nobody is left to ask.
func (c *Call) stand(now Instant, out []Effect) []Effect {
	if c.kept == 0 {
		return c.finish(GatewaysFailed, false, now, out)
	}
	return c.finish(Rejected, true, now, out)
}

func (c *Call) tick(now Instant, out []Effect) []Effect {
	if now >= c.hold {
		c.hold = Never
		out = append(out, Effect{Kind: Decide})
	}
	if now >= c.setup && c.state == Proceeding {
		out = c.late(now, out)
	}
	for i := range c.branches {
		out = c.tickBranch(i, now, out)
	}
	if now >= c.again && c.state == Completed { // timer G
		c.every = min(2*c.every, T2)
		c.again = now.plus(c.every)
		out = append(out, Effect{Kind: Resend})
	}
	if now >= c.end {
		c.state = Terminated
		c.again, c.end = Never, Never
	}
	return out
}

// late is the setup deadline: whatever the gateways do, the caller is told.
func (c *Call) late(now Instant, out []Effect) []Effect {
	ending := GatewaysFailed
	switch {
	case c.canceled:
		ending = Canceled
	case c.alerted:
		ending = Unanswered
	}
	return c.finish(ending, false, now, out)
}

// cancelAll obeys the caller's CANCEL (section 16.10).
func (c *Call) cancelAll(now Instant, out []Effect) []Effect {
	if c.state != Proceeding || c.canceled {
		return out
	}
	c.canceled = true
	waiting := false
	for i := range c.branches {
		out = c.cancelBranch(i, now, out)
		waiting = waiting || c.branches[i].open() && !c.branches[i].abandoned
	}
	if !waiting {
		return c.finish(Canceled, false, now, out)
	}
	return out
}

func (c *Call) response(i, code int, now Instant, out []Effect) []Effect {
	switch b := &c.branches[i]; {
	case code < 200:
		return c.provisional(i, code, now, out)
	case code < 300:
		return c.answered(i, code, now, out)
	case b.state == completed || b.state == gone:
		return append(out, Effect{Kind: SendAck, Branch: i}) // section 17.1.1.2
	case b.state == accepted:
		return out
	default:
		b.state = completed
		b.repeat.stop()
		b.giveUp = now.plus(lifetime(b.reliable, Lifetime)) // timer D
		if b.abandoned {
			return append(out, Effect{Kind: SendAck, Branch: i})
		}
		return c.failed(i, code, now, append(out, Effect{Kind: SendAck, Branch: i, Code: code}))
	}
}

// answered takes a 2xx. Every one is forwarded (section 16.7 step 5), unless
// nobody upstream could make anything of it.
func (c *Call) answered(i, code int, now Instant, out []Effect) []Effect {
	b := &c.branches[i]
	if b.state == completed {
		return out // a final after a final: RFC 6026 section 7.2 knows no such thing
	}
	if b.state != accepted {
		b.state = accepted
		b.repeat.stop()
		b.giveUp = now.plus(Lifetime) // timer M
	}
	switch {
	case b.target < c.own:
		// The call is the other side's by now. Its caller must not have it twice.
		return append(out, Effect{Kind: Reap, Branch: i, Code: code})
	case c.state == Proceeding:
		c.state, c.ending, c.winner = Accepted, Answered, i
		c.hold, c.setup = Never, Never
		c.end = now.plus(Lifetime) // timer L
		out = append(out, Effect{Kind: Relay, Branch: i, Code: code})
		return c.abandonAll(now, out)
	case c.ending == Answered && (i == c.winner || !c.rules.ReapLate), c.rules.InDialog:
		// Inside a dialog a BYE would end the call itself.
		return append(out, Effect{Kind: Relay, Branch: i, Code: code})
	default:
		return append(out, Effect{Kind: Reap, Branch: i, Code: code})
	}
}

func (c *Call) abandonAll(now Instant, out []Effect) []Effect {
	for i := range c.branches {
		out = c.abandon(i, now, out)
	}
	return out
}

// failed is the end of branch i without a 2xx; code 0 is silence or a
// transport error.
func (c *Call) failed(i, code int, now Instant, out []Effect) []Effect {
	if c.state != Proceeding {
		return out
	}
	c.judge(code)
	if c.mayGoOn(code, now) {
		next := c.after(i, code)
		switch {
		case next < len(c.targets):
			out = c.keep(i, code, out)
			c.next = next
			return c.attempt(now, out)
		case c.rescue:
			out = c.keep(i, code, out)
			c.next = len(c.targets)
			return append(out, Effect{Kind: Rescue})
		}
	}
	switch {
	case c.canceled:
		return c.finish(Canceled, false, now, out)
	case c.ending != Open: // a timer has decided
		return c.finish(c.ending, false, now, out)
	}
	return c.stand(now, c.keep(i, code, out))
}

// keep remembers the best response (section 16.7 step 6): 6xx above all, then
// the lowest class, then the latest.
func (c *Call) keep(i, code int, out []Effect) []Effect {
	if code == 0 || c.kept/100 == 6 || c.kept != 0 && code/100 > c.kept/100 && code/100 != 6 {
		return out
	}
	c.kept = code
	return append(out, Effect{Kind: Keep, Branch: i, Code: code})
}

// finish sends the final non-2xx response and leaves the branches behind.
func (c *Call) finish(e Ending, kept bool, now Instant, out []Effect) []Effect {
	if c.state != Proceeding {
		return out
	}
	c.state, c.ending = Completed, e
	c.hold, c.setup = Never, Never
	c.end = now.plus(Lifetime) // timer H
	if !c.reliable {
		c.every = T1
		c.again = now.plus(T1) // timer G
	}
	out = append(out, Effect{Kind: Finish, Ending: e, Kept: kept, Code: c.kept})
	return c.abandonAll(now, out)
}

// settle notices when little or nothing is left to do.
func (c *Call) settle(now Instant, out []Effect) []Effect {
	left := 0
	for i := range c.branches {
		b := &c.branches[i]
		if b.state == completed && now >= b.giveUp {
			b.state = gone
		}
		if b.state != gone && !(b.state == accepted && i == c.winner) {
			left++
		}
	}
	if c.state == Confirmed && now >= c.end {
		c.state, c.end = Terminated, Never
	}
	switch {
	case left > 0:
	case c.state == Terminated:
		out = append(out, Effect{Kind: Gone})
	case (c.state == Accepted || c.state == Confirmed) && !c.rested:
		c.rested = true
		out = append(out, Effect{Kind: Rest})
	}
	return out
}
