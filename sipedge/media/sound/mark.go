package sound

import "time"

// A marked tone is 1004 Hz that once a second spells a number: who hears it
// knows whose tone it is, and, having sent it himself, how long it was under
// way. A mark is a start of 700 Hz and eight bits, the highest first, each for
// 40 ms: 1300 Hz for 0 and 1700 Hz for 1. All stay clear of 2100 Hz, at which
// echo cancellers switch off, and of 2600, at which old trunks hang up.
const (
	MarkEvery = time.Second
	markStart = 700.0
	markZero  = 1300.0
	markOne   = 1700.0
	markBase  = 1004.0
	markLevel = -10 // as loud as speech is
	symbol    = Rate / 25
	markBits  = 8
)

// Marked is a Source of a marked tone.
type Marked struct {
	mark byte
	at   int // within the second
	all  uint64
}

// Marking begins a marked tone; the first mark is spelled at once.
func Marking(mark byte) *Marked { return &Marked{mark: mark} }

func (m *Marked) Fill(pcm []int16) {
	for i := range pcm {
		one := Sine{tone: Tone{Hertz: []float64{m.hertz()}, Level: markLevel}, at: m.all}
		one.Fill(pcm[i : i+1])
		m.all++
		m.at = (m.at + 1) % Samples(MarkEvery)
	}
}

func (m *Marked) hertz() float64 {
	switch n := m.at / symbol; {
	case n == 0:
		return markStart
	case n > markBits:
		return markBase
	case m.mark>>(markBits-n)&1 == 1:
		return markOne
	default:
		return markZero
	}
}

// Sighting is a mark that was heard.
type Sighting struct {
	Mark byte
	At   uint64 // the sample at which its start began, counted from the first one heard; within 5 ms
}

// Marks reads marks from audio as it comes by. The zero Marks is ready. What is
// lost must be put in as silence, or instants are wrong.
type Marks struct {
	rest  []int16
	heard uint64 // samples before rest
	begun uint64
	steps int // since the start began, 0 outside of a mark
	mark  byte
	votes [2]int
}

// A quarter of a symbol is looked at in one step: the one at a seam may hold
// two tones, and the others outvote it.
const (
	markStep = symbol / 4
	markSure = 3 // steps of the start that make a mark begin
)

// Hear takes the next samples and returns the marks that ended in them.
func (m *Marks) Hear(pcm []int16) (found []Sighting) {
	m.rest = append(m.rest, pcm...)
	for len(m.rest) >= markStep {
		if s, ok := m.step(strongest(m.rest[:markStep])); ok {
			found = append(found, s)
		}
		m.heard += markStep
		m.rest = append(m.rest[:0], m.rest[markStep:]...)
	}
	return found
}

func (m *Marks) step(tone float64) (s Sighting, ok bool) {
	if m.steps < markSure {
		switch {
		case tone != markStart:
			m.steps = 0
			return s, false
		case m.steps == 0:
			m.begun, m.mark, m.votes = m.heard, 0, [2]int{}
		}
	}
	m.steps++
	if m.steps <= 4 {
		return s, false // still the start
	}
	switch tone {
	case markZero:
		m.votes[0]++
	case markOne:
		m.votes[1]++
	}
	if m.steps%4 != 0 {
		return s, false
	}
	if max(m.votes[0], m.votes[1]) < 2 {
		m.steps = 0 // broken off
		return s, false
	}
	m.mark <<= 1
	if m.votes[1] > m.votes[0] {
		m.mark |= 1
	}
	m.votes = [2]int{}
	if m.steps < 4*(1+markBits) {
		return s, false
	}
	m.steps = 0
	return Sighting{Mark: m.mark, At: m.begun}, true
}

// strongest is the tone of a mark that fills the samples, 0 for none.
func strongest(pcm []int16) (hertz float64) {
	best := Silent
	for _, hz := range [...]float64{markStart, markBase, markZero, markOne} {
		if l := Heard(pcm, hz); l > best {
			hertz, best = hz, l
		}
	}
	if weighted(pcm)-best > 3 {
		return 0
	}
	return hertz
}
