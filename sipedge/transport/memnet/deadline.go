package memnet

import (
	"sync"
	"time"
)

// deadline is a point in time that can be moved while somebody waits for it.
type deadline struct{ s *deadlineState }

type deadlineState struct {
	mu     sync.Mutex
	timer  *time.Timer
	passed chan struct{}
	turn   int // of set; a timer of an earlier turn means nothing
}

func newDeadline() deadline {
	return deadline{&deadlineState{passed: make(chan struct{})}}
}

// done is closed once the deadline has passed. A waiter that moved on asks again.
func (d deadline) done() <-chan struct{} {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	return d.s.passed
}

// over says whether it has passed.
func (d deadline) over() bool {
	select {
	case <-d.done():
		return true
	default:
		return false
	}
}

// set moves the deadline; the zero time is never.
func (d deadline) set(t time.Time) {
	s := d.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.turn++
	turn := s.turn
	select {
	case <-s.passed:
		s.passed = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		close(s.passed)
		return
	}
	s.timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.turn == turn {
			close(s.passed)
		}
	})
}
