package observe

import "github.com/speakops/sipedge/sipedge/media/quality"

// Words of the media tables.
var (
	endWords   = []string{quality.Caller.String(), quality.Callee.String()}
	soundWords = []string{soundGood, soundFair, soundPoor, soundUnknown}
	heardWords = []string{"expected", "lost", "duplicate", "reordered"}
)

// How a stream sounded, by its MOS: what people call toll quality, what some of
// them complain about, and what all of them do (ITU-T G.107 annex B).
const (
	soundGood    = "good" // 4.03 and more
	soundFair    = "fair" // 3.60 and more
	soundPoor    = "poor"
	soundUnknown = "unknown" // too little of it was heard
)

func soundOf(mos float64) string {
	switch {
	case mos == 0:
		return soundUnknown
	case mos >= 4.03:
		return soundGood
	case mos >= 3.60:
		return soundFair
	}
	return soundPoor
}

// OneWay counts a call in which an end was not heard while the other one talked.
func (t *Trunk) OneWay(notHeard string) { t.oneWay.Inc(notHeard) }

// Heard counts one direction of a finished audio stream.
func (t *Trunk) Heard(r *quality.Report) {
	t.sound.Inc(soundOf(r.MOS))
	for i, n := range [...]uint64{r.Expected, r.Lost, r.Duplicates, r.Reordered} {
		t.heard.Add(heardWords[i], n)
	}
	if r.Packets > 1 {
		t.jitter.Observe(r.MeanJitter)
	}
}

// MediaPorts are a relay's port pairs.
type MediaPorts struct{ Used, Resting, All int }
