package storm

import (
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// troubles is what goes wrong by itself, one after the other.
func (s *Storm) troubles() {
	d := diceOf(s.seed, "troubles")
	if !s.pause(2 * time.Second) { // the fleet comes together first
		return
	}
	for s.pause(d.span(0, 2*s.weather().Every)) && len(s.weather().Faults) > 0 {
		f, e := s.weather().Faults[d.below(len(s.weather().Faults))], s.edges[d.below(len(s.edges))]
		seed := d.next()
		s.working.Go(func() { s.trouble(f, e, &dice{seed}) })
	}
}

func (s *Storm) trouble(f fault, e *edge, d *dice) {
	s.say("trouble: %s of %s", f, e.name)
	switch f {
	case partition:
		s.cut(e, d.span(50*time.Millisecond, 8*time.Second))
	case slowness:
		e.slow.Store(true)
		s.pause(d.span(time.Second, 6*time.Second))
		e.slow.Store(false)
	case slowDisk:
		e.lazy.Store(true)
		s.pause(d.span(time.Second, 6*time.Second))
		e.lazy.Store(false)
	case failDisk:
		e.failing.Store(true)
		s.pause(d.span(50*time.Millisecond, 3*time.Second))
		e.failing.Store(false)
	case crash, reboot, lost, corrupt:
		s.crash(f, e, d)
	case withdrawn:
		s.withdraw(e, d)
	case silence:
		s.mu.Lock()
		s.away++
		s.mu.Unlock()
		s.pause(d.span(200*time.Millisecond, 6*time.Second))
		s.mu.Lock()
		s.away--
		s.mu.Unlock()
	case restart:
		s.succeed(again, d)
	case failover:
		s.succeed(older, d)
	case emptying:
		s.succeed(emptied, d)
	case clockStep:
		s.shop.step(d.either(80 * time.Millisecond))
	case wallStep:
		e.machine.set(d.either(5 * time.Second))
	case sleep:
		e.machine.sleeps(true)
		s.pause(d.span(100*time.Millisecond, 5*time.Second))
		e.machine.sleeps(false)
	case staleTable:
		s.stale(e, d)
	case leaving:
		s.leave(e, d)
	}
}

// cut takes an edge off the network for a while.
func (s *Storm) cut(e *edge, d time.Duration) {
	s.figures.Partitions.Add(1)
	e.mu.Lock()
	e.cut++
	e.mu.Unlock()
	s.pause(d)
	e.mu.Lock()
	e.cut--
	e.mu.Unlock()
}

// crash kills the program and starts it again some time later.
func (s *Storm) crash(f fault, e *edge, d *dice) {
	if e.now() == nil || e.isLast() && (f == lost || f == corrupt) {
		return
	}
	e.die(d)
	s.figures.Crashes.Add(1)
	switch f {
	case lost:
		e.disk.names, e.owed = nil, ""
	case corrupt:
		e.disk.change(d)
		e.owed = ""
	}
	s.pause(d.span(10*time.Millisecond, 5*time.Second))
	if f != crash {
		e.machine.boot()
	}
	e.start()
}

// isLast says that nobody else is a member with a journal: what goes with this
// disk nobody could bring back.
func (e *edge) isLast() bool {
	for _, other := range e.s.edges {
		if p := other.now(); other != e && p != nil && p.runner.Pair().Committed.Has(p.runner.Self()) {
			return false
		}
	}
	return true
}

// withdraw stops an edge for good; its address is withdrawn until it has come
// back as somebody else.
func (s *Storm) withdraw(e *edge, d *dice) {
	p := e.now()
	if p == nil || e.isLast() {
		return
	}
	self := p.runner.Self()
	e.mu.Lock()
	e.silent = self
	e.mu.Unlock()
	e.die(d)
	s.bury(self, time.Now())
	s.pause(d.span(time.Second, 20*time.Second))
	e.start()
}

// bury tells operators that an identity is over.
func (s *Storm) bury(m cutover.MemberID, stopped time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.gone[m]; !known {
		s.gone[m] = absence{stopped: stopped}
	}
}

// succeed brings another life of the store; edges find it one by one, and until
// then they speak to the zombie.
func (s *Storm) succeed(how succession, d *dice) {
	s.figures.Failovers.Add(1)
	s.shop.mu.Lock()
	was := s.shop.live()
	s.shop.mu.Unlock()
	ahead, drift := was.ahead, was.drift
	if how != again {
		// Mostly a clock like the one before; now and then one that is far off.
		ahead, drift = d.either(min(s.weather().Skew, 40*time.Millisecond)), d.skew(s.weather().Drift)
		if d.chance(0.15) {
			ahead = d.either(s.weather().Skew)
		}
	}
	s.say("store: life %d follows", was.number+1)
	s.shop.failover(how, ahead, drift)
	for _, e := range s.edges {
		seed := d.next()
		s.working.Go(func() {
			d := &dice{seed}
			e.mu.Lock()
			e.route = was
			e.mu.Unlock()
			s.pause(d.span(0, 4*time.Second))
			e.mu.Lock()
			if e.route == was {
				e.route = nil
			}
			e.mu.Unlock()
		})
	}
}

// stale gives an edge's table a record that an older store had.
func (s *Storm) stale(e *edge, d *dice) {
	p := e.now()
	if p == nil {
		return
	}
	n := 12025550100 + routing.PublicNumber(d.below(8))
	if schedule, said := p.runner.Schedule(n); !said || schedule.Committed == nil && !schedule.Floor.Settled {
		return // its record is what holds
	}
	p.record(n, s.recorded(n).Other())
}

// leave takes an edge out politely; some time later somebody starts it again.
func (s *Storm) leave(e *edge, d *dice) {
	p := e.now()
	if p == nil || e.isLast() {
		return
	}
	p.runner.Leave()
	s.pause(d.span(time.Second, 15*time.Second))
	if e.now() == p {
		e.die(d)
		e.start()
	}
}

// trigger is trouble that waits for the moment when it hurts: an acknowledgement
// leaves an edge.
func (s *Storm) trigger(e *edge, kind string, d *dice) {
	if kind != "ack" || s.isCalm() {
		return
	}
	aim := func(what string, then func(*dice)) {
		if seed := d.next(); d.chance(s.weather().Aimed[what]) {
			s.working.Go(func() {
				d := &dice{seed}
				time.Sleep(d.span(0, 4*time.Millisecond))
				s.say("aimed: %s of %s", what, e.name)
				then(d)
			})
		}
	}
	other := s.edges[d.below(len(s.edges))]
	aim("crash", func(d *dice) { s.crash(crash, e, d) })
	aim("failover", func(d *dice) { s.succeed(older, d) })
	aim("cut", func(d *dice) { s.cut(e, d.span(time.Second, 12*time.Second)) })
	aim("cut others", func(d *dice) { s.cut(other, d.span(time.Second, 12*time.Second)) })
}

func (s *Storm) isCalm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calm
}

// change is a disk that returns what was not written: a byte of the journal.
func (d *disk) change(by *dice) {
	if c := d.names["/edge/cutover.journal"]; c != nil && len(c.forced) > 0 {
		changed := append([]byte(nil), c.forced...)
		changed[by.below(len(changed))] ^= 0x40
		c.forced = changed
	}
}
