package call

import (
	"testing"
	"time"
)

// BenchmarkStep is a whole call that goes well: offered, carried, rung,
// answered, acknowledged, forgotten.
func BenchmarkStep(b *testing.B) {
	rules := usual()
	start := carry(rules, 0)
	effects := make([]Effect, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		var c Call
		c.Begin(at(0), false, 3*time.Minute)
		for i, ev := range [...]Event{start, got(0, 100), got(0, 180), got(0, 200)} {
			effects = c.Step(ev, at(time.Duration(i)*time.Millisecond), effects[:0])
		}
		for next := c.Next(); next != Never; next = c.Next() {
			effects = c.Step(Event{Kind: Tick}, next, effects[:0])
		}
	}
}

// BenchmarkStepFailover is a call whose first gateway answers 503.
func BenchmarkStepFailover(b *testing.B) {
	rules := usual()
	start := carry(rules, 0, 1)
	effects := make([]Effect, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		var c Call
		c.Begin(at(0), false, 3*time.Minute)
		for i, ev := range [...]Event{start, got(0, 503), got(1, 100), got(1, 200)} {
			effects = c.Step(ev, at(time.Duration(i)*time.Millisecond), effects[:0])
		}
		for next := c.Next(); next != Never; next = c.Next() {
			effects = c.Step(Event{Kind: Tick}, next, effects[:0])
		}
	}
}
