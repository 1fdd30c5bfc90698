// Package sound answers: what is to be heard on a line? It knows which samples a
// tone is made of and how G.711 and telephone events spell them, which tone,
// digit, mark or silence a piece of audio holds, and when the next packet of a
// stream is due.
//
// It is quiet: samples and instants come in, samples, packets and findings go
// out; sockets and clocks belong to the callers. Samples are linear PCM of 16
// bits, 8,000 a second, one channel. Levels are in dBm0, which is what the test
// sets of the telephone network show: 0 dBm0 is the digital milliwatt.
package sound

import (
	"math"
	"time"
)

// Rate is how many samples a second has: all of G.711 (RFC 3551 section 4.5.14).
const Rate = 8000

// Frame is how long one packet of audio lasts unless SDP says otherwise.
const Frame = 20 * time.Millisecond

// Samples is how many samples a time holds, rounded down.
func Samples(d time.Duration) int { return int(d * Rate / time.Second) }

// Lasting is how long n samples last.
func Lasting(n int) time.Duration { return time.Duration(n) * time.Second / Rate }

// Nothing is the level of digital silence, and the lowest that is ever told.
const Nothing = -96.0

// milliwatt is the peak of a sine of 0 dBm0. A sine that just reaches the end
// of the scale has 3.17 dBm0 in mu-law and 3.14 dBm0 in A-law (G.711 section
// 4), where that end is 8159 of 14 bits and 4096 of 13; the two agree within
// 0.07 dB, and mu-law's is used for both.
var milliwatt = 4 * 8159 * math.Pow(10, -3.17/20)

// Peak is the amplitude of a sine of a level.
func Peak(dBm0 float64) float64 { return milliwatt * math.Pow(10, dBm0/20) }

// Level is how loud samples are, whatever they are, in dBm0: Nothing for none.
func Level(pcm []int16) float64 { return inDBm0(2 * power(pcm)) }

// power is the mean square of samples.
func power(pcm []int16) float64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return sum / float64(len(pcm))
}

// inDBm0 takes the square of a sine's amplitude.
func inDBm0(peakSquare float64) float64 {
	if peakSquare <= 0 {
		return Nothing
	}
	return max(Nothing, 10*math.Log10(peakSquare/(milliwatt*milliwatt)))
}
