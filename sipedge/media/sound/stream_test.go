package sound

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Sequence numbers never skip, timestamps follow the clock, and what is sent
// keeps up with time except over a stall.
func TestStreamKeepsTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frame := time.Duration(rapid.SampledFrom([]int{10, 20, 30, 40}).Draw(t, "ptime")) * time.Millisecond
		start := time.Duration(rapid.IntRange(0, 1e9).Draw(t, "start"))
		stamp, seq := rapid.Uint32().Draw(t, "stamp"), rapid.Uint16().Draw(t, "seq")
		s := Streaming(7, seq, stamp, frame, start)
		now := start
		for range rapid.IntRange(1, 50).Draw(t, "wakes") {
			now += time.Duration(rapid.IntRange(0, 300e6).Draw(t, "asleep"))
			due := s.Frames(now)
			if due > int(behind/frame)+1 {
				t.Fatalf("a burst of %d frames", due)
			}
			for range due {
				at := s.Due()
				p := s.Next(0, make([]byte, 160))
				if p.SequenceNumber != seq {
					t.Fatalf("sequence number %d after %d", p.SequenceNumber, seq-1)
				}
				seq++
				if want := stamp + uint32(Samples(at-start)); p.Timestamp != want {
					t.Fatalf("timestamp %d at %v, not %d", p.Timestamp, at-start, want)
				}
			}
			if s.Due() <= now || s.Due() > now+frame {
				t.Fatalf("at %v the next is due at %v", now, s.Due())
			}
		}
	})
}

func TestMarkerBeginsASpurt(t *testing.T) {
	s := Streaming(1, 10, 1000, Frame, 0)
	first, second := s.Next(0, nil), s.Next(0, nil)
	s.Pass()
	third := s.Next(0, nil)
	if !first.Marker || second.Marker || !third.Marker {
		t.Errorf("markers %t %t %t", first.Marker, second.Marker, third.Marker)
	}
	if third.SequenceNumber != 12 || third.Timestamp != 1000+3*160 {
		t.Errorf("after a pause: sequence %d, timestamp %d", third.SequenceNumber, third.Timestamp)
	}
}
