package sound

import "math"

// Tone is one sine or several at once.
type Tone struct {
	Hertz []float64
	Level float64 // of each sine, dBm0
}

// Milliwatt is the test tone of North American lines: 0 dBm0 at 1004 Hz, which
// unlike 1000 is no divisor of the sampling rate and so exercises every code.
var Milliwatt = Tone{Hertz: []float64{1004}, Level: 0}

// Source makes audio, one piece after the other. Fill leaves no sample of pcm
// as it was.
type Source interface{ Fill(pcm []int16) }

// Hush is silence.
type Hush struct{}

func (Hush) Fill(pcm []int16) { clear(pcm) }

// Sine is a Source of a tone that goes on without a seam from one piece to the
// next.
type Sine struct {
	tone Tone
	at   uint64 // samples made
}

// Sounding begins a tone.
func Sounding(t Tone) *Sine { return &Sine{tone: t} }

func (s *Sine) Fill(pcm []int16) {
	peak := Peak(s.tone.Level)
	for i := range pcm {
		var x float64
		for _, hz := range s.tone.Hertz {
			x += peak * math.Sin(turn(hz, s.at))
		}
		pcm[i] = clip(x)
		s.at++
	}
}

// turn is the angle of a frequency at a sample, kept small: days later a sine
// is as clean as at its start.
func turn(hz float64, at uint64) float64 {
	_, part := math.Modf(hz * float64(at%(Rate*1000)) / Rate) // whole turns of any frequency in mHz
	return 2 * math.Pi * part
}

func clip(x float64) int16 {
	return int16(math.Round(min(max(x, math.MinInt16), math.MaxInt16)))
}
