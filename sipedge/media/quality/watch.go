package quality

import "time"

// End is one end of a call's media.
type End uint8

const (
	Caller End = iota
	Callee
)

func (e End) String() string {
	if e == Caller {
		return "caller"
	}
	return "callee"
}

// Other is the opposite end.
func (e End) Other() End { return 1 - e }

// Silence is the one-way audio of a stream: which of its ends is not heard
// although the other one talks, and for how long that has been so.
type Silence struct {
	OneWay bool
	Not    End           // who is not heard
	Since  time.Duration // instant
}

// Watch listens to both directions of one audio stream and notices when only
// one of them carries anything. The zero Watch is ready; both are allowed to be
// silent until Agree says otherwise.
type Watch struct {
	End [2]Meter // by End: what that end sends

	both    bool // SDP says that both send
	agreed  time.Duration
	spares  [2]bool // SDP says that this end may stop sending in silence
	now     Silence
	ever    [2]bool
	total   [2]time.Duration
	settled time.Duration
}

// Agree tells what an offer and its answer have agreed on: whether both ends
// are to send (sendrecv; not on hold), and whether an end may stop sending in
// silence without saying so (a=silenceSupp:on).
func (w *Watch) Agree(both bool, suppresses [2]bool, at time.Duration) {
	if both && !w.both {
		w.agreed = at
	}
	w.both, w.spares = both, suppresses
	if !both {
		w.close(at)
	}
}

// Times of the verdict. An end that sends is one that was heard within talking,
// and enough of it; one that is silent was not heard for silent. With a look
// every quarter of a second, one-way audio is known within two seconds.
const (
	silent  = 1600 * time.Millisecond
	talking = 500 * time.Millisecond
	dtx     = 30 * time.Second // longest silence between two descriptors that is believed
)

// Look judges the stream at an instant; changed says that the verdict is
// another than at the last look. Call it every 250 ms or more often.
func (w *Watch) Look(at time.Duration) (s Silence, changed bool) {
	before := w.now
	s = w.judge(at)
	switch {
	case s.OneWay == before.OneWay && s.Not == before.Not:
		return before, false
	case before.OneWay:
		w.close(at)
	}
	if s.OneWay {
		w.now, w.ever[s.Not], w.settled = s, true, s.Since
	}
	return w.now, true
}

func (w *Watch) close(at time.Duration) {
	if w.now.OneWay {
		w.total[w.now.Not] += max(0, at-w.settled)
		w.now = Silence{}
	}
}

func (w *Watch) judge(at time.Duration) Silence {
	if !w.both {
		return Silence{}
	}
	for _, end := range [...]End{Caller, Callee} {
		m, other := &w.End[end], &w.End[end.Other()]
		since := max(m.last, w.agreed)
		if at-since < silent || !other.talks(at) {
			continue
		}
		if m.started && (w.spares[end] || m.small && at-m.last < dtx) {
			continue
		}
		return Silence{OneWay: true, Not: end, Since: since}
	}
	return Silence{}
}

// talks says whether an end is being heard; one packet alone is no talk, and
// neither is comfort noise.
func (m *Meter) talks(at time.Duration) bool {
	return m.started && !m.small && m.total.Packets >= 10 && at-m.last <= talking
}

// Missed says whether an end was ever not heard while the other one talked, and
// for how long altogether, up to an instant.
func (w *Watch) Missed(end End, at time.Duration) (ever bool, total time.Duration) {
	total = w.total[end]
	if w.now.OneWay && w.now.Not == end {
		total += max(0, at-w.settled)
	}
	return w.ever[end], total
}

// Heard is the instant of the last packet of either end, 0 when there was none.
func (w *Watch) Heard() time.Duration { return max(w.End[Caller].last, w.End[Callee].last) }
