package ladder

import "sync/atomic"

// Follower is told of every call when its final answer is out.
type Follower struct {
	C      <-chan Call
	c      chan Call
	filter Filter
	lost   atomic.Uint64
}

// maxFollowers bounds those who follow at once.
const maxFollowers = 32

// Follow tells, from now on, of calls that fit; nil when too many follow already.
// One who does not keep up loses calls, and is told how many by Lost.
func (s *Store) Follow(f Filter) *Follower {
	c := make(chan Call, 256)
	one := &Follower{C: c, c: c, filter: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.followers) >= maxFollowers {
		return nil
	}
	s.followers[one] = true
	s.following.Store(true)
	return one
}

// Unfollow ends it.
func (s *Store) Unfollow(f *Follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.followers, f)
	s.following.Store(len(s.followers) > 0)
}

// Lost is how many calls were not told since the last time it was asked.
func (f *Follower) Lost() uint64 { return f.lost.Swap(0) }

func (s *Store) tell(c Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.followers {
		if !f.filter.Fits(&c) {
			continue
		}
		select {
		case f.c <- c:
		default:
			f.lost.Add(1)
		}
	}
}
