package call

import "time"

// branch is one INVITE client transaction (RFC 3261 section 17.1.1, with the
// Accepted state of RFC 6026) and the CANCEL that may follow it.
type branch struct {
	target    int
	state     branchState
	cancel    cancelState
	reliable  bool
	ringing   bool    // an 18x came
	abandoned bool    // another gateway is being tried, or the call is over
	repeat    timer   // timer A, then timer E of the CANCEL
	giveUp    Instant // what the state waits for ends here: B, C, D, M or a gateway timer
}

type branchState uint8

const (
	calling branchState = iota
	proceeding
	completed
	accepted
	gone
)

type cancelState uint8

const (
	cancelNone   cancelState = iota
	cancelWanted             // RFC 3261 9.1: not before a provisional response
	cancelSent
	cancelDone // its own response came, or it was not worth waiting for
)

func (b *branch) due() Instant {
	if b.state == gone {
		return Never
	}
	return min(b.repeat.at, b.giveUp)
}

// open says whether the branch may still bring a final response.
func (b *branch) open() bool { return b.state == calling || b.state == proceeding }

// attempt opens a branch to the next target.
func (c *Call) attempt(now Instant, out []Effect) []Effect {
	t := c.targets[c.next]
	b := branch{target: c.next, reliable: t.Reliable, repeat: timer{at: Never}}
	if !t.Reliable {
		b.repeat.start(now, T1)
	}
	b.giveUp = now.plus(Lifetime) // timer B
	if c.rules.NoAnswer > 0 {
		b.giveUp = now.plus(min(c.rules.NoAnswer, Lifetime))
	}
	if len(c.branches) == 0 {
		c.first = now
	}
	c.next++
	c.branches = append(c.branches, b)
	return append(out, Effect{Kind: Attempt, Branch: len(c.branches) - 1, Target: b.target})
}

// provisional takes a 1xx of branch i.
func (c *Call) provisional(i, code int, now Instant, out []Effect) []Effect {
	b := &c.branches[i]
	if !b.open() {
		return out
	}
	if b.state == calling {
		b.state = proceeding
		b.repeat.stop()
		if b.cancel == cancelNone {
			b.giveUp = c.patience(b, now)
		}
	}
	if b.cancel == cancelWanted || (b.abandoned && b.cancel == cancelNone) {
		return c.sendCancel(i, now, out)
	}
	if code == 100 || b.cancel != cancelNone {
		return out // 100 is hop by hop, section 16.7 step 2
	}
	first := !b.ringing
	b.ringing = true
	if first || c.rules.Ring == 0 {
		b.giveUp = c.patience(b, now)
	}
	if b.abandoned || c.state != Proceeding {
		return out
	}
	c.alerted = true
	c.rang = c.rang || code != 183
	return append(out, Effect{Kind: Relay, Branch: i, Code: code})
}

// patience is how long a proceeding branch may take for its next step.
func (c *Call) patience(b *branch, now Instant) Instant {
	switch {
	case c.rules.InDialog:
	case b.ringing && c.rules.Ring > 0:
		return now.plus(min(c.rules.Ring, TimerC))
	case !b.ringing && c.rules.Progress > 0:
		return now.plus(c.rules.Progress)
	}
	return now.plus(TimerC) // reset by every 101 to 199, section 16.7 step 2
}

// linger leaves an unanswered branch waiting for its first provisional, to be
// cancelled then. Sending the INVITE again would only wake a phone for that.
func (b *branch) linger(now Instant) {
	b.cancel = cancelWanted
	b.repeat.stop()
	b.giveUp = now.plus(Lifetime)
}

// abandon lets a branch live on only to be cancelled.
func (c *Call) abandon(i int, now Instant, out []Effect) []Effect {
	b := &c.branches[i]
	if b.abandoned || !b.open() {
		return out
	}
	b.abandoned = true
	if b.state == calling {
		b.linger(now)
		return out
	}
	return c.cancelBranch(i, now, out)
}

// cancelBranch cancels branch i now, or at its first provisional response.
func (c *Call) cancelBranch(i int, now Instant, out []Effect) []Effect {
	b := &c.branches[i]
	if !b.open() || b.cancel != cancelNone {
		return out
	}
	if b.state == calling {
		b.cancel = cancelWanted // a provisional may still be on its way: the INVITE goes on
		return out
	}
	return c.sendCancel(i, now, out)
}

func (c *Call) sendCancel(i int, now Instant, out []Effect) []Effect {
	b := &c.branches[i]
	b.cancel = cancelSent
	b.repeat.stop()
	if !b.reliable {
		b.repeat.start(now, T1) // timer E of the CANCEL
	}
	b.giveUp = now.plus(Lifetime) // section 9.1: then it counts as cancelled
	return append(out, Effect{Kind: SendCancel, Branch: i})
}

// tick lets the timers of branch i expire.
func (c *Call) tickBranch(i int, now Instant, out []Effect) []Effect {
	b := &c.branches[i]
	if b.state == gone {
		return out
	}
	if b.cancel == cancelSent {
		if b.repeat.ring(now, T2) {
			out = append(out, Effect{Kind: RepeatCancel, Branch: i})
		}
	} else if b.repeat.ring(now, 0) {
		out = append(out, Effect{Kind: Repeat, Branch: i})
	}
	if now < b.giveUp {
		return out
	}
	switch b.state {
	case calling, proceeding:
		return c.timeout(i, now, out)
	default: // D, M
		b.state = gone
	}
	return out
}

// timeout is a branch whose patience has ended without a final response.
func (c *Call) timeout(i int, now Instant, out []Effect) []Effect {
	b := &c.branches[i]
	switch {
	case b.abandoned, c.state != Proceeding:
		b.state = gone
		return out
	case b.cancel == cancelSent || b.cancel == cancelDone: // section 9.1: it counts as cancelled
		b.state = gone
		return c.failed(i, 0, now, out)
	case b.state == calling:
		// Timer B, or a gateway that is too slow for us: it may wake up yet, and
		// then its phone must not ring for nobody.
		out = c.abandon(i, now, out)
		return c.failed(i, 0, now, out)
	case b.ringing:
		if c.ending == Open {
			c.ending = Unanswered
		}
		return c.cancelBranch(i, now, out)
	case !c.rules.InDialog && c.rules.Progress > 0 && now < c.began.plus(TimerC):
		// Only 100 so far. Another gateway may be quicker; with none left,
		// waiting serves the caller better than giving up.
		if next := c.nextGateway(i); next < len(c.targets) && c.mayGoOn(0, now) {
			c.judge(0)
			out = c.abandon(i, now, out)
			c.next = next
			return c.attempt(now, out)
		}
		b.giveUp = now.plus(TimerC)
		return out
	default: // timer C, section 16.8: as if 408 had come
		if c.ending == Open {
			c.ending = GatewaysFailed
		}
		return c.cancelBranch(i, now, out)
	}
}

// nextGateway is the first untried target of another gateway than branch i's.
func (c *Call) nextGateway(i int) int {
	next := c.next
	for next < len(c.targets) && c.targets[next].Gateway == c.targets[c.branches[i].target].Gateway {
		next++
	}
	return next
}

// judge gives the rescue up when a gateway failed in another way than it is for.
func (c *Call) judge(code int) {
	c.rescue = c.rescue && (code == 0 && c.rules.RescueSilent || c.rules.RescueOn.Has(code))
}

// mayGoOn says whether somebody else may be asked after a final with this code,
// or after silence (0).
func (c *Call) mayGoOn(code int, now Instant) bool {
	if c.state != Proceeding || c.canceled || c.ending != Open {
		return false
	}
	if c.rules.Budget > 0 && now > c.first.plus(c.rules.Budget) {
		return false
	}
	switch {
	case c.rescue && !c.alerted:
		return true // a rescue wants to have heard every gateway
	case code == 486 || code == 487 || code >= 600:
		return false // the callee has spoken
	case code != 0 && !c.rules.FailoverOn.Has(code):
		return c.announced(code)
	case c.alerted:
		return c.announced(code)
	}
	return true
}

// announced says whether all the caller has heard was an announcement that the
// route allows to be followed by another gateway.
func (c *Call) announced(code int) bool {
	return c.rules.AfterAnnouncement && c.alerted && !c.rang &&
		(code == 404 || code == 410 || code >= 500 && code < 600)
}

// after is the target to try after a final with this code on branch i: 503 and
// transport errors speak of the address (RFC 3263 section 4.3), all else of the gateway.
func (c *Call) after(i, code int) int {
	if code == 0 || code == 503 {
		return c.next
	}
	return c.nextGateway(i)
}

// lifetime is how long a finished transaction waits for strays.
func lifetime(reliable bool, d time.Duration) time.Duration {
	if reliable {
		return 0
	}
	return d
}
