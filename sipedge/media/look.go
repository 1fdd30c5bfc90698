package media

import (
	"context"
	"time"

	"github.com/speakops/sipedge/sipedge/media/quality"
)

// lookEvery is how often streams are looked at. One-way audio is known 1.6 s
// after the last packet, plus one look at most.
const lookEvery = 250 * time.Millisecond

// look watches over all sessions until ctx ends.
func (r *Relay) look(ctx context.Context) {
	defer close(r.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var all []*Session
	var events []Event
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.mu.Lock()
		for s := range r.sessions {
			all = append(all, s)
		}
		r.mu.Unlock()
		now := r.now()
		for _, s := range all {
			events = s.look(now, events)
		}
		for _, ev := range events {
			r.count(ev)
			r.o.OnEvent(ev)
		}
		clear(all)
		clear(events)
		all, events = all[:0], events[:0]
	}
}

func (r *Relay) count(ev Event) {
	switch ev.Kind {
	case OneWay:
		r.Counters.OneWay[ev.Not].Add(1)
	case Idle:
		r.Counters.Idle.Add(1)
	}
}

// look judges one session.
func (s *Session) look(now time.Duration, out []Event) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.up {
		return out
	}
	active, last := false, time.Duration(0)
	for _, st := range s.lines {
		if st == nil {
			continue
		}
		st.mu.Lock()
		active = active || st.open && st.both || st.up && !st.agreed // answered, and its offer never
		last = max(last, st.last)
		was := st.silence
		is, changed := st.watch.Look(now)
		st.silence = is
		st.mu.Unlock()
		if changed && was.OneWay {
			out = append(out, Event{Session: s, Kind: Heard, Not: was.Not, For: now - was.Since})
		}
		if changed && is.OneWay {
			out = append(out, Event{Session: s, Kind: OneWay, Not: is.Not, For: now - is.Since})
		}
	}
	switch quiet := now - last; {
	case !active:
	case quiet < s.relay.o.Inactivity:
		s.idle = false
	case !s.idle:
		s.idle = true
		out = append(out, Event{Session: s, Kind: Idle, For: quiet})
	}
	return out
}

// Report is what one m-line of a call came to.
type Report struct {
	Line   int  // index of the m-line
	Audio  bool // else only packets are worth a look
	Secure bool // SRTP: no round trip is known

	From   [2]quality.Report // by quality.End: what that end sent
	Missed [2]time.Duration  // for so long it was not heard while the other one talked
	OneWay [2]bool           // it ever was missed
}

// Reports says what the session's streams have come to so far, those that are
// over left out.
func (s *Session) Reports() (all []Report) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.relay.now()
	for i, st := range s.lines {
		if st == nil {
			continue
		}
		st.mu.Lock()
		r := Report{Line: i, Audio: st.audio, Secure: st.secure}
		for _, end := range [...]quality.End{quality.Caller, quality.Callee} {
			r.From[end] = st.watch.End[end].Report()
			r.OneWay[end], r.Missed[end] = st.watch.Missed(end, now)
		}
		if st.agreed {
			all = append(all, r)
		}
		st.mu.Unlock()
	}
	return all
}
