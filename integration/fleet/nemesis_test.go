package fleet

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

// nemesis is everything that is done to the town. What it draws comes from one
// seed; when things happen depends on the machine.
type nemesis struct {
	*town
	desk *desk
	r    *rand.Rand
}

// fault is one thing that can befall the town. It is over, and healed, when do
// returns.
type fault struct {
	name string
	do   func(*nemesis)
}

var faults = []fault{
	{"redis dies before T", func(n *nemesis) { n.redisDies(-time.Duration(200+n.r.IntN(700)) * time.Millisecond) }},
	{"redis dies at T", func(n *nemesis) { n.redisDies(0) }},
	{"redis dies after T", func(n *nemesis) { n.redisDies(time.Duration(50+n.r.IntN(500)) * time.Millisecond) }},
	{"redis is restarted", (*nemesis).redisRestarts},
	{"a failover loses the last write", (*nemesis).failoverLosesWrites},
	{"the old master freezes and comes back", (*nemesis).zombie},
	{"an edge is cut off before arming", func(n *nemesis) { n.cutOff(false, false) }},
	{"an edge is cut off after arming", func(n *nemesis) { n.cutOff(true, false) }},
	{"an edge hears nothing back, before T", func(n *nemesis) { n.cutOff(true, true) }},
	{"an edge loses its cable", (*nemesis).unplugged},
	{"an edge is killed", (*nemesis).edgeKilled},
	{"an edge is stopped", (*nemesis).edgeStopped},
}

// befalls does one of them, and waits until the fleet agrees about something new.
func (n *nemesis) befalls(f fault) {
	n.t.Helper()
	n.say("nemesis: %s", f.name)
	f.do(n)
	n.until("the Redis to be in step again", n.replicated)
	n.ready()
	was := n.desk.agreed()
	n.until("the fleet to agree about something again after: "+f.name, func() bool { return n.desk.agreed() > was })
	n.say("nemesis: over")
}

// atFlip waits for a flip that lies ahead, and until it is so far away, or behind.
func (n *nemesis) atFlip(offset time.Duration) {
	n.t.Helper()
	var at time.Time
	n.until("a flip that lies ahead", func() (ok bool) {
		at, ok = n.desk.soon(1200*time.Millisecond, 6*time.Second)
		return ok
	})
	time.Sleep(time.Until(at.Add(offset)))
	n.say("  %s from T", time.Since(at).Round(time.Millisecond))
}

func (n *nemesis) soon() time.Duration { return time.Duration(300+n.r.IntN(1500)) * time.Millisecond }

// redisDies kills the master so long after a flip, lets Sentinel promote the other
// one, and brings the old one back with what it had written.
func (n *nemesis) redisDies(afterT time.Duration) {
	n.atFlip(afterT)
	defer n.trouble("", false, "redis is dead")()
	n.failover(n.master())
}

// failover ends a master, and waits for the other and for its own return.
func (n *nemesis) failover(m int) {
	n.redis[m].Kill()
	n.until("the failover", func() bool { return n.master() == 1-m })
	time.Sleep(n.soon())
	n.redis[m].Start(n.t)
	n.until("the old master to follow", n.replicated)
}

func (n *nemesis) redisRestarts() {
	defer n.trouble("", false, "redis is restarted")()
	m := n.master()
	n.redis[m].Kill()
	n.redis[m].Start(n.t) // sooner than Sentinel gives it up, or not
	n.until("a master", n.replicated)
}

// failoverLosesWrites cuts the replica off, lets something be agreed on, and kills
// the master: whoever is promoted has never heard of it.
func (n *nemesis) failoverLosesWrites() {
	m := n.master()
	defer n.trouble("", false, "redis lost its last writes")()
	n.stores[m].mute(n.stores[1-m])
	n.stores[1-m].mute(n.stores[m])
	was, end := n.desk.agreed(), time.Now().Add(3*time.Second) // a replica that was away for long is not promoted
	for n.desk.agreed() == was && time.Now().Before(end) {
		time.Sleep(5 * time.Millisecond)
	}
	n.say("  %d agreements are lost with it", n.desk.agreed()-was)
	n.redis[m].Kill()
	n.stores[m].speak(n.stores[1-m])
	n.stores[1-m].speak(n.stores[m])
	n.until("the failover", func() bool { return n.master() == 1-m })
	time.Sleep(n.soon())
	n.redis[m].Start(n.t)
	n.until("the old master to follow", n.replicated)
}

// zombie freezes the master until another was promoted; then it goes on, and
// answers what it was asked before, until somebody tells it.
func (n *nemesis) zombie() {
	n.atFlip(-time.Duration(n.r.IntN(1000)) * time.Millisecond)
	defer n.trouble("", false, "redis is frozen")()
	m := n.master()
	n.redis[m].Signal(syscall.SIGSTOP)
	n.until("the failover", func() bool { return n.master() == 1-m })
	time.Sleep(time.Duration(n.r.IntN(500)) * time.Millisecond)
	n.redis[m].Signal(syscall.SIGCONT)
	n.until("the old master to follow", n.replicated)
}

// cutOff keeps an edge from the store, while calls go on to reach it. half: what
// it asks is heard, and the answers are lost.
func (n *nemesis) cutOff(armed, half bool) {
	e := n.edges[n.r.IntN(len(n.edges))]
	if armed {
		n.atFlip(-time.Duration(300+n.r.IntN(800)) * time.Millisecond)
	}
	n.say("  %s", e.name)
	defer n.trouble(e.name, false, "cut off from the store")()
	if half {
		for _, s := range n.stores {
			s.mute(e.house)
			defer s.speak(e.house)
		}
	} else {
		e.house.mute(n.stores[:]...)
		defer e.house.speak(n.stores[:]...)
	}
	time.Sleep(2*time.Second + n.soon())
}

func (n *nemesis) unplugged() {
	e := n.edges[n.r.IntN(len(n.edges))]
	n.say("  %s", e.name)
	defer n.trouble(e.name, true, "its cable is out")()
	e.house.unplug()
	time.Sleep(500*time.Millisecond + n.soon())
	e.house.plug()
	n.until(e.name+" to be reached", e.takesCalls)
}

func (n *nemesis) edgeKilled() {
	n.edgeRestarts("it was killed", func(e *edge) { e.Kill() })
}

func (n *nemesis) edgeStopped() {
	n.edgeRestarts("it was stopped", func(e *edge) {
		e.Signal(syscall.SIGTERM)
		n.until(e.name+" to stop", e.Ended)
	})
}

func (n *nemesis) edgeRestarts(why string, end func(*edge)) {
	e := n.edges[n.r.IntN(len(n.edges))]
	if n.r.IntN(2) == 0 {
		n.atFlip(-time.Duration(n.r.IntN(1000)) * time.Millisecond)
	}
	n.say("  %s", e.name)
	defer n.trouble(e.name, true, why)()
	end(e)
	time.Sleep(time.Duration(n.r.IntN(500)) * time.Millisecond)
	e.Edge = e.lab.Start(e.name)
	n.until(fmt.Sprintf("%s to be back", e.name), e.takesCalls)
}
