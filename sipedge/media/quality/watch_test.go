package quality

import (
	"testing"
	"time"
)

// talk plays one side's behaviour over time and says when one-way audio was
// first noticed, and of whom.
type talk struct {
	t   *testing.T
	w   Watch
	now time.Duration
	seq [2]uint16
}

// during lets the ends that are named send for a while, with a look every 250 ms.
func (k *talk) during(d time.Duration, ends ...End) (s Silence, after time.Duration) {
	k.t.Helper()
	began, found := k.now, false
	for until := k.now + d; k.now < until; k.now += 20 * ms {
		for _, e := range ends {
			k.seq[e]++
			k.w.End[e].RTP(packet(k.t, 0, k.seq[e], uint32(k.seq[e])*160, uint32(e)+1, 160), k.now)
		}
		if k.now%(240*ms) == 0 && !found {
			if got, changed := k.w.Look(k.now); changed {
				s, after, found = got, k.now-began, true
			}
		}
	}
	return s, after
}

func both(t *testing.T) *talk {
	k := &talk{t: t, now: 10 * time.Second}
	k.w.Agree(true, [2]bool{}, k.now)
	return k
}

func TestAnEndThatIsNeverHeard(t *testing.T) {
	for _, quiet := range []End{Caller, Callee} {
		k := both(t)
		s, after := k.during(4*time.Second, quiet.Other())
		if !s.OneWay || s.Not != quiet || after > 2*time.Second {
			t.Errorf("%s sends nothing: %+v after %s", quiet, s, after)
		}
	}
}

func TestAnEndThatFallsSilentAndComesBack(t *testing.T) {
	k := both(t)
	if s, after := k.during(5*time.Second, Caller, Callee); s.OneWay {
		t.Fatalf("both talk: %+v after %s", s, after)
	}
	s, after := k.during(3*time.Second, Caller)
	if !s.OneWay || s.Not != Callee || after > 2*time.Second {
		t.Fatalf("%+v after %s", s, after)
	}
	k.during(time.Second, Caller, Callee)
	if s, changed := k.w.Look(k.now); s.OneWay || changed {
		t.Errorf("both talk again: %+v", s)
	}
	ever, total := k.w.Missed(Callee, k.now)
	if !ever || total < 2900*ms || total > 3300*ms {
		t.Errorf("missed %v for %s", ever, total)
	}
	if ever, _ := k.w.Missed(Caller, k.now); ever {
		t.Errorf("the caller was heard all the time")
	}
}

func TestWhatIsNoOneWayAudio(t *testing.T) {
	silence := func(name string, prepare func(k *talk)) {
		k := both(t)
		k.during(2*time.Second, Caller, Callee)
		prepare(k)
		if s, after := k.during(6*time.Second, Caller); s.OneWay {
			t.Errorf("%s: %+v after %s", name, s, after)
		}
	}
	silence("on hold", func(k *talk) { k.w.Agree(false, [2]bool{}, k.now) })
	silence("comfort noise", func(k *talk) {
		k.seq[Callee]++
		k.w.End[Callee].RTP(packet(t, 13, k.seq[Callee], 0, 2, 1), k.now)
	})
	silence("a silence descriptor", func(k *talk) {
		k.seq[Callee]++
		k.w.End[Callee].RTP(packet(t, 0, k.seq[Callee], 0, 2, 2), k.now)
	})
	silence("silence suppression without a word", func(k *talk) { k.w.Agree(true, [2]bool{Callee: true}, k.now) })

	k := both(t)
	k.during(2*time.Second, Caller, Callee)
	if s, after := k.during(6 * time.Second); s.OneWay {
		t.Errorf("both are silent: %+v after %s", s, after)
	}
	var never Watch
	never.End[Caller].RTP(packet(t, 0, 1, 0, 1, 160), 0)
	if s, _ := never.Look(10 * time.Second); s.OneWay {
		t.Errorf("nothing was agreed: %+v", s)
	}
}

// Comfort noise is an excuse for a while, not for ever.
func TestComfortNoiseThatNeverComesAgain(t *testing.T) {
	k := both(t)
	k.during(2*time.Second, Caller, Callee)
	k.seq[Callee]++
	k.w.End[Callee].RTP(packet(t, 13, k.seq[Callee], 0, 2, 1), k.now)
	if s, after := k.during(40*time.Second, Caller); !s.OneWay || s.Not != Callee || after < 29*time.Second {
		t.Errorf("%+v after %s", s, after)
	}
}

func TestHoldEndsOneWayAudio(t *testing.T) {
	k := both(t)
	k.during(4*time.Second, Caller)
	k.w.Agree(false, [2]bool{}, k.now)
	_, total := k.w.Missed(Callee, k.now+time.Hour)
	if total < 3*time.Second || total > 5*time.Second {
		t.Errorf("missed for %s", total)
	}
	k.w.Agree(true, [2]bool{}, k.now)
	if s, after := k.during(2*time.Second, Caller); !s.OneWay || after < 1500*ms {
		t.Errorf("after the hold: %+v after %s; the time starts anew", s, after)
	}
}
