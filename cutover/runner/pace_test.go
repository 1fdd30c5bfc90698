package runner

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestASlowMomentIsForgotten(t *testing.T) {
	for _, halving := range []time.Duration{halving, tripHalving} {
		forgets(t, &pace{half: halving}, halving)
	}
	forgets(t, &pace{}, halving)
}

func forgets(t *testing.T, p *pace, halving time.Duration) {
	synctest.Test(t, func(*testing.T) {
		if d := p.slowest(); d != 0 {
			t.Errorf("before anything: %v", d)
		}
		p.took(time.Second)
		p.took(time.Millisecond)
		if d := p.slowest(); d != time.Second {
			t.Errorf("at once: %v, want 1s", d)
		}
		time.Sleep(halving)
		if d := p.slowest(); d != time.Second/2 {
			t.Errorf("after one halving: %v, want 500ms", d)
		}
		time.Sleep(10 * halving)
		if d := p.slowest(); d > time.Millisecond {
			t.Errorf("after eleven: %v", d)
		}
	})
}
