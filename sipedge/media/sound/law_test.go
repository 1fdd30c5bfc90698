package sound

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

var laws = []Law{PCMU, PCMA}

// The digital milliwatt is defined by its bytes (G.711 tables 5 and 6), not by
// anybody's arithmetic: a sine of 1 kHz at 0 dBm0.
func TestDigitalMilliwatt(t *testing.T) {
	for law, period := range map[Law][]byte{
		PCMU: {0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e},
		PCMA: {0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4},
	} {
		second := law.Decode(nil, slices.Repeat(period, Rate/8))
		if l := Level(second); math.Abs(l) > 0.1 {
			t.Errorf("%v: the digital milliwatt has %.2f dBm0", law, l)
		}
		if l := Heard(second, 1000); math.Abs(l) > 0.1 {
			t.Errorf("%v: the digital milliwatt has %.2f dBm0 at 1000 Hz", law, l)
		}
		if again := law.Encode(nil, second); !slices.Equal(again[:8], period) {
			t.Errorf("%v: % x becomes % x", law, period, again[:8])
		}
	}
}

// What is decoded is encoded as it was, but for mu-law's second zero.
func TestEveryByteComesBack(t *testing.T) {
	for _, law := range laws {
		for b := range 256 {
			pcm := law.Decode(nil, []byte{byte(b)})
			got := law.Encode(nil, pcm)[0]
			if got != byte(b) && (law != PCMU || b != 0x7f || got != 0xff) {
				t.Errorf("%v: %#02x decodes to %d, which encodes to %#02x", law, b, pcm[0], got)
			}
		}
		if s := law.Decode(nil, []byte{law.Silence()})[0]; s > 8 || s < -8 {
			t.Errorf("%v: silence is %d", law, s)
		}
	}
}

// Over all samples: each becomes a level no farther away than half the step of
// its segment, which is where G.711 puts the decision values, and order is kept.
func TestEveryNumberStaysInItsStep(t *testing.T) {
	for _, law := range laws {
		levels := law.Decode(nil, everyByte())
		slices.Sort(levels)
		inner := int(levels[len(levels)-2])
		before := int16(math.MinInt16)
		for s := math.MinInt16; s <= math.MaxInt16; s++ {
			got := law.Decode(nil, law.Encode(nil, []int16{int16(s)}))[0]
			if got < before {
				t.Fatalf("%v: %d becomes %d, and what lies beneath became %d", law, s, got, before)
			}
			before = got
			i, _ := slices.BinarySearch(levels, got)
			step := int(levels[min(i+1, len(levels)-1)]) - int(levels[max(i-1, 0)])
			if abs(s) <= inner && 3*abs(int(got)-s) > step+12 {
				t.Fatalf("%v: %d becomes %d, between %d and %d", law, s, got, levels[max(i-1, 0)], levels[min(i+1, len(levels)-1)])
			}
		}
	}
}

func everyByte() (all []byte) {
	for b := range 256 {
		all = append(all, byte(b))
	}
	return all
}

func abs(x int) int { return max(x, -x) }

// A tone keeps its level and its frequency through either law.
func TestToneSurvivesTheLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		law := rapid.SampledFrom(laws).Draw(t, "law")
		hz := float64(rapid.IntRange(200, 3600).Draw(t, "hertz"))
		level := rapid.Float64Range(-35, 3).Draw(t, "level")
		pcm := make([]int16, Rate/5)
		Sounding(Tone{[]float64{hz}, level}).Fill(pcm)
		heard := law.Decode(nil, law.Encode(nil, pcm))
		if got := Heard(heard, hz); math.Abs(got-level) > 0.3 {
			t.Fatalf("%v: %.0f Hz at %.1f dBm0 arrives with %.2f", law, hz, level, got)
		}
		if p := Purity(heard, hz); p < 20 {
			t.Fatalf("%v: %.0f Hz at %.1f dBm0 stands only %.1f dB above the rest", law, hz, level, p)
		}
		if other := Heard(heard, math.Mod(hz+1000, 3800)); other > level-20 {
			t.Fatalf("%v: %.0f Hz is also heard elsewhere, at %.1f dBm0", law, hz, other)
		}
	})
}
