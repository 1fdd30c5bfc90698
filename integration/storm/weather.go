package storm

import "time"

// Weather is how bad an evening is: chances per message, and how often the rest
// happens.
type Weather struct {
	Edges, Later int           // edges at the beginning, and those that come later
	Length       time.Duration // of the bad part
	Operators    int

	Late, Doubled, Stale, Lost float64 // per message

	Every   time.Duration // between two faults, on average
	Faults  []fault       // one of these at a time
	Aimed   map[string]float64
	Slow    float64 // of all decisions read the clock, and wait before they look further
	Skew    time.Duration
	Drift   int64 // parts per million at most, of each clock
	DiskBad float64
	Blind   bool // machines have no clock of their own: each boot begins at the same wall time

	Story func(*tale) // nil: chance decides what happens; otherwise only this does
}

// fault is one kind of trouble; a kind that is listed twice comes twice as often.
type fault string

const (
	partition  fault = "partition"  // an edge is cut off for a while
	slowness   fault = "slow"       // the network of an edge is slow for a while
	slowDisk   fault = "slow disk"  // its disk is
	crash      fault = "crash"      // an edge dies and comes back with its journal
	reboot     fault = "reboot"     // the same, with its machine
	lost       fault = "lost"       // it comes back without its journal
	corrupt    fault = "corrupt"    // it comes back with one that was changed
	silence    fault = "silence"    // the store is away for a while
	restart    fault = "restart"    // another life of the store with the same data
	failover   fault = "failover"   // another life with older data and another clock; the first is a zombie
	emptying   fault = "emptied"    // another life with nothing
	clockStep  fault = "clock"      // the store's clock is set
	wallStep   fault = "wall"       // an edge's wall clock is set
	sleep      fault = "sleep"      // its machine is suspended for a while
	staleTable fault = "table"      // its number table says what an older store said
	leaving    fault = "leave"      // it leaves, and comes back later
	withdrawn  fault = "withdrawn"  // it is stopped, declared off, and comes back later
	failDisk   fault = "disk fails" // its disk takes nothing for a while
)

// Storm is the weather of most evenings: everything, now and then.
func storm(d *dice) Weather {
	return Weather{
		Edges: 3 + d.below(2), Later: d.below(2), Length: 60 * time.Second, Operators: 3,
		Late: 0.005, Doubled: 0.01, Stale: 0.02, Lost: 0.005,
		Every: 2500 * time.Millisecond,
		Faults: []fault{partition, partition, partition, slowness, slowDisk, crash, crash, crash, reboot, lost, corrupt, silence, restart,
			failover, failover, emptying, clockStep, wallStep, sleep, staleTable, staleTable, leaving, withdrawn, failDisk},
		Aimed: map[string]float64{"crash": 0.03, "failover": 0.01, "cut": 0.04, "cut others": 0.02},
		Slow:  0.02, Skew: time.Second, Drift: 90, DiskBad: 0.0005,
	}
}

// brief is a short evening with all of it.
func brief(d *dice) Weather {
	w := storm(d)
	w.Length, w.Every = 20*time.Second, time.Second
	return w
}

// squall is a short evening in which trouble comes when it hurts.
func squall(d *dice) Weather {
	w := storm(d)
	w.Edges, w.Later, w.Length, w.Every = 3, d.below(2), 30*time.Second, 1500*time.Millisecond
	w.Faults = []fault{partition, partition, crash, crash, failover, failover, restart, lost, withdrawn, leaving, slowness}
	w.Aimed = map[string]float64{"crash": 0.08, "failover": 0.06, "cut": 0.08, "cut others": 0.08}
	w.Skew, w.Slow = 20*time.Millisecond, 0.05
	return w
}

// trip is how long one message is on its way.
func (w *Weather) trip(e *edge, d *dice) time.Duration {
	switch {
	case e.slow.Load():
		return d.span(5*time.Millisecond, 350*time.Millisecond)
	case d.chance(0.01):
		return d.span(time.Millisecond, 40*time.Millisecond)
	}
	return d.span(50*time.Microsecond, 1200*time.Microsecond)
}
