// Package said answers: has this trouble been told already?
//
// What lasts would fill a log: it is told when it begins and when it changes.
package said

import (
	"context"
	"errors"
	"sync"
)

// Said is what was told last, by what it is about. It is safe for concurrent use,
// and holds one line for each thing there is to be in trouble.
type Said struct {
	mu   sync.Mutex
	last map[string]string
}

// News says whether err is worth a line: it is not what was told last. What a stop
// interrupts is no trouble; nil ends it.
func (s *Said) News(about string, err error) bool {
	if err == nil {
		s.Over(about)
		return false
	}
	if errors.Is(err, context.Canceled) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]string{}
	}
	news := s.last[about] != err.Error()
	s.last[about] = err.Error()
	return news
}

// Over ends what is told of it, and says whether there was anything.
func (s *Said) Over(about string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.last[about]
	delete(s.last, about)
	return was
}
