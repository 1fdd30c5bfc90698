package sound

import (
	"math/rand"
	"testing"
	"time"

	"github.com/pion/rtp"
	"pgregory.net/rapid"
)

// The shortest digits and pauses of Q.24, through either law, from any sample
// on: each is read once.
func TestDigitsAreHeard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringOfN(rapid.RuneFrom([]rune(Digits)), 1, 12, -1).Draw(t, "digits")
		on := time.Duration(rapid.IntRange(40, 200).Draw(t, "on")) * time.Millisecond
		off := time.Duration(rapid.IntRange(40, 200).Draw(t, "off")) * time.Millisecond
		law := rapid.SampledFrom(laws).Draw(t, "law")
		shift := rapid.IntRange(0, 300).Draw(t, "shift")
		pcm := make([]int16, shift+len(digits)*Samples(on+off)+400)
		d := Dialling(digits, on, off)
		d.Fill(pcm[shift:])
		if !d.Done() {
			t.Fatalf("not all of %s was played", digits)
		}
		var k Keys
		heard := ""
		for rest := law.Decode(nil, law.Encode(nil, pcm)); len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 500).Draw(t, "piece"))
			heard += k.Hear(rest[:n])
			rest = rest[n:]
		}
		if heard != digits {
			t.Fatalf("dialled %s, heard %s", digits, heard)
		}
	})
}

func TestNoDigitIsImagined(t *testing.T) {
	noise := rand.New(rand.NewSource(2))
	hiss := make([]int16, 30*Rate)
	for i := range hiss {
		hiss[i] = int16(noise.NormFloat64() * 3000)
	}
	tone := make([]int16, 2*Rate)
	Sounding(Milliwatt).Fill(tone)
	marked := make([]int16, 5*Rate)
	Marking(0xa5).Fill(marked)
	dialTone := make([]int16, 2*Rate)
	Sounding(Tone{[]float64{350, 440}, -13}).Fill(dialTone)
	for name, pcm := range map[string][]int16{"noise": hiss, "milliwatt": tone, "marked tone": marked, "dial tone": dialTone} {
		var k Keys
		if got := k.Hear(pcm); got != "" {
			t.Errorf("%s holds digits: %s", name, got)
		}
	}
}

// A digit is told by several packets of which any may be lost but one, and a few
// arrive twice or late: it is read once.
func TestEventsAreReadOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringOfN(rapid.RuneFrom([]rune(Digits)), 1, 8, -1).Draw(t, "digits")
		s := Streaming(1, uint16(rapid.Uint32().Draw(t, "seq")), rapid.Uint32().Draw(t, "stamp"), Frame, 0)
		var v Events
		heard := ""
		hear := func(p rtp.Packet) {
			if d := v.Hear(&p); d != 0 {
				heard += string(d)
			}
		}
		for i := range digits {
			press, ok := Pressing(digits[i], 100*time.Millisecond, Frame)
			if !ok {
				t.Fatalf("nobody can press %c", digits[i])
			}
			begun := s.Now()
			var packets []rtp.Packet
			for more := true; more; {
				var e Event
				e, more = press.Next()
				packets = append(packets, s.Tell(101, e, begun, len(packets) == 0))
			}
			if len(packets) != 7 { // 5 frames, the last of them three times
				t.Fatalf("%d packets", len(packets))
			}
			keep := rapid.IntRange(0, len(packets)-1).Draw(t, "kept")
			for j, p := range packets {
				if j == keep || rapid.Bool().Draw(t, "arrives") {
					hear(p)
				}
				if rapid.Bool().Draw(t, "again") && j > keep {
					hear(packets[keep])
				}
			}
			s.Next(0, make([]byte, 160))
		}
		if heard != digits {
			t.Fatalf("pressed %s, heard %s", digits, heard)
		}
	})
}

func TestEventComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Event{rapid.Byte().Draw(t, "code"), rapid.Bool().Draw(t, "end"), rapid.Byte().Draw(t, "volume") & 0x3f, rapid.Uint16().Draw(t, "duration")}
		if got, err := ParseEvent(e.Append(nil)); err != nil || got != e {
			t.Fatalf("%+v becomes %+v, %v", e, got, err)
		}
	})
	if _, err := ParseEvent([]byte{1, 2, 3}); err == nil {
		t.Error("three octets are an event")
	}
}
