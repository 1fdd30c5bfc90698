package sound

import (
	"math"
	"math/rand"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMilliwattIsZero(t *testing.T) {
	pcm := make([]int16, Rate)
	Sounding(Milliwatt).Fill(pcm)
	if l := Heard(pcm, 1004); math.Abs(l) > 0.05 {
		t.Errorf("the milliwatt has %.2f dBm0", l)
	}
	// One second of it uses nearly every code: 1000 Hz would use four.
	codes := map[byte]bool{}
	for _, b := range PCMU.Encode(nil, pcm) {
		codes[b] = true
	}
	if len(codes) < 150 {
		t.Errorf("1004 Hz uses %d codes only", len(codes))
	}
}

// A sine is the same whatever the pieces it was made in.
func TestSineHasNoSeam(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tone := Tone{[]float64{float64(rapid.IntRange(1, 3999).Draw(t, "hertz"))}, -10}
		whole, pieces := make([]int16, 2000), make([]int16, 2000)
		Sounding(tone).Fill(whole)
		s := Sounding(tone)
		for rest := pieces; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			s.Fill(rest[:n])
			rest = rest[n:]
		}
		for i := range whole {
			if whole[i] != pieces[i] {
				t.Fatalf("sample %d is %d in one piece and %d in several", i, whole[i], pieces[i])
			}
		}
	})
}

func TestListener(t *testing.T) {
	var l Listener
	tone, frame := Sounding(Tone{[]float64{440}, -20}), make([]int16, 160)
	hear := func(s Source, frames int) (sounding bool) {
		for range frames {
			s.Fill(frame)
			sounding = l.Hear(frame)
		}
		return sounding
	}
	for i, step := range []struct {
		source Source
		frames int
		want   bool
	}{{Hush{}, 10, false}, {tone, 2, false}, {Hush{}, 1, false}, {tone, 3, true}, {Hush{}, 2, true}, {tone, 1, true}, {Hush{}, 3, false}} {
		if got := hear(step.source, step.frames); got != step.want {
			t.Errorf("step %d: sounding %t", i, got)
		}
	}
	if l.Loud != 6*160 || l.Quiet != 16*160 {
		t.Errorf("%d loud samples and %d quiet ones", l.Loud, l.Quiet)
	}
}

// Marks are read through a law, from any sample on, with noise beneath.
func TestMarksAreHeard(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mark := rapid.Byte().Draw(t, "mark")
		law := rapid.SampledFrom(laws).Draw(t, "law")
		shift := rapid.IntRange(0, 400).Draw(t, "shift")
		noise := rand.New(rand.NewSource(rapid.Int64().Draw(t, "noise")))
		pcm := make([]int16, shift+2*Rate)
		Marking(mark).Fill(pcm[shift:])
		for i := range pcm {
			pcm[i] += int16(noise.NormFloat64() * 200) // about -38 dBm0
		}
		var m Marks
		var found []Sighting
		for rest := law.Decode(nil, law.Encode(nil, pcm)); len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 500).Draw(t, "piece"))
			found = append(found, m.Hear(rest[:n])...)
			rest = rest[n:]
		}
		if len(found) != 2 {
			t.Fatalf("%d marks in two seconds: %v", len(found), found)
		}
		for i, s := range found {
			begun := shift + i*Rate
			if s.Mark != mark || abs(int(s.At)-begun) > 80 {
				t.Fatalf("mark %d begun at %d: heard %d begun at %d", mark, begun, s.Mark, s.At)
			}
		}
	})
}

// Speech, digits and other tones hold no marks.
func TestNoMarkIsImagined(t *testing.T) {
	digits := Dialling(Digits+Digits, 80*time.Millisecond, 40*time.Millisecond)
	noise := rand.New(rand.NewSource(1))
	hiss := make([]int16, 10*Rate)
	for i := range hiss {
		hiss[i] = int16(noise.NormFloat64() * 3000)
	}
	dialled := make([]int16, 4*Rate)
	digits.Fill(dialled)
	steady := make([]int16, 2*Rate)
	Sounding(Tone{[]float64{markStart}, -10}).Fill(steady)
	for name, pcm := range map[string][]int16{"noise": hiss, "digits": dialled, "700 Hz": steady} {
		var m Marks
		if found := m.Hear(pcm); len(found) > 0 {
			t.Errorf("%s holds marks: %v", name, found)
		}
	}
}
