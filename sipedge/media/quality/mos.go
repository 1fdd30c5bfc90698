package quality

import "time"

// Constants of the E-model (ITU-T G.107) with its defaults, and of G.113
// appendix I for G.711 and G.729A, both with packet loss concealment.
const (
	baseR     = 93.2
	bpl711    = 25.1
	bpl729    = 19.0
	ie729     = 11.0
	framing   = 20 * time.Millisecond // one packet of speech
	knee      = 177.3                 // ms of delay from which people talk over each other
	perMilli  = 0.024
	afterKnee = 0.11
)

// MOS estimates the mean opinion score of a listener, 1 (bad) to 4.5, by the
// simplified E-model of ITU-T G.107:
//
//	d   = RTT/2 + 2 jitter + 20 ms       one way, through a fitting jitter buffer
//	Id  = 0.024 d + 0.11 (d - 177.3 ms), the second term only when positive
//	Ie' = Ie + (95 - Ie) loss / (loss + Bpl)           loss in per cent
//	R   = 93.2 - Id - Ie'
//	MOS = 1 + 0.035 R + 7e-6 R (R - 60) (100 - R)
//
// Ie and Bpl are 0 and 25.1 for G.711 (G.113 appendix I), which stands for every
// codec but G.729, with 11 and 19. loss is 0 to 1; a round trip of 0 means that
// it is not known.
func MOS(loss float64, jitter, roundTrip time.Duration, g729 bool) float64 {
	d := float64(roundTrip/2+2*jitter+framing) / float64(time.Millisecond)
	id := perMilli * d
	if d > knee {
		id += afterKnee * (d - knee)
	}
	ie, bpl := 0.0, bpl711
	if g729 {
		ie, bpl = ie729, bpl729
	}
	percent := 100 * min(max(loss, 0), 1)
	r := baseR - id - ie - (95-ie)*percent/(percent+bpl)
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+7e-6*r*(r-60)*(100-r))
}
