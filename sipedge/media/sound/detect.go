package sound

import "math"

// Heard is how loud one frequency is within samples, in dBm0: the algorithm of
// Goertzel under a Hann window, so that a neighbour farther away than two
// widths of Rate/len(pcm) does not count. It is exact within 0.1 dB for a sine
// of that frequency that fills the samples.
func Heard(pcm []int16, hertz float64) float64 {
	if len(pcm) < 2 {
		return Nothing
	}
	step := 2 * math.Pi * hertz / Rate
	c := 2 * math.Cos(step)
	var s1, s2, weights float64
	for i, x := range pcm {
		w := hann(i, len(pcm))
		weights += w
		s1, s2 = w*float64(x)+c*s1-s2, s1
	}
	// |X|^2 of the last two terms; a sine of peak A gives |X| = A * weights / 2.
	square := s1*s1 + s2*s2 - c*s1*s2
	return inDBm0(4 * square / (weights * weights))
}

func hann(i, n int) float64 {
	return 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(n))
}

// Purity is how far a frequency stands above everything else in the samples, in
// dB, at most 96. G.711 alone leaves a loud tone about 35 dB; speech or another
// tone leaves it less than nothing.
func Purity(pcm []int16, hertz float64) float64 {
	tone := math.Pow(10, Heard(pcm, hertz)/10)
	rest := math.Pow(10, weighted(pcm)/10) - tone
	if tone <= math.Pow(10, Nothing/10) {
		return Nothing
	}
	if rest <= tone*1e-9 {
		return -Nothing
	}
	return min(-Nothing, 10*math.Log10(tone/rest))
}

// weighted is Level under the window of Heard, so that the two compare.
func weighted(pcm []int16) float64 {
	var sum, weights float64
	for i, x := range pcm {
		w := hann(i, len(pcm))
		sum += w * w * float64(x) * float64(x)
		weights += w * w
	}
	if weights == 0 {
		return Nothing
	}
	return inDBm0(2 * sum / weights)
}

// Silent tells silence from sound: comfort noise and the idle noise of a
// converter lie below -50 dBm0, and nobody speaks as softly.
const Silent = -50.0

// Listener tells sound from silence as audio comes by. A change counts when it
// has lasted for Settle samples, so that a click is no sound and a pause
// between words no silence. The zero Listener has heard nothing yet.
type Listener struct {
	sounding bool
	against  int // samples in a row that contradict
	Loud     int // samples above Silent
	Quiet    int // samples at or below
}

// Settle is how many samples in a row change a Listener's mind: 60 ms.
const Settle = 480

// Hear takes the next samples and says whether there is sound.
func (l *Listener) Hear(pcm []int16) (sounding bool) {
	loud := Level(pcm) > Silent
	if loud {
		l.Loud += len(pcm)
	} else {
		l.Quiet += len(pcm)
	}
	if loud == l.sounding {
		l.against = 0
		return l.sounding
	}
	if l.against += len(pcm); l.against >= Settle {
		l.sounding, l.against = loud, 0
	}
	return l.sounding
}
