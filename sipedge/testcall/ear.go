package testcall

import (
	"math"
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

// ear listens to what comes back.
type ear struct {
	meter   quality.Meter
	from    netip.AddrPort // last heard
	sources int            // how many there were
	sealed  uint64         // packets that no key opens
	problem string         // with SDP

	started bool
	next    uint32        // timestamp that is expected
	origin  time.Duration // arrival of the first sample
	pcm     []int16       // not yet looked at
	total   int           // samples so far

	marks    sound.Marks
	sighted  []sighting
	keys     sound.Keys
	events   sound.Events
	told     string // digits told by telephone events
	dialled  string // digits heard as tones
	tones    map[int]*tone
	loud     int           // looks at sound
	quiet    int           // looks at silence
	last     time.Duration // arrival of the last audio
	longest  time.Duration // without a packet
	first    uint16        // sequence number of the first packet
	lastSR   uint32        // of the other side's last report, as ours name it
	lastSRAt time.Duration
	reported quality.Report // as of our last report
}

// sighting is a mark and the instant when its start was heard.
type sighting struct {
	mark byte
	at   time.Duration
}

// tone is one frequency that was heard.
type tone struct {
	looks int
	level float64 // of the last look, dBm0
}

// Bounds of what an ear keeps: a call has a mark per second.
const (
	maxSighted = 3600
	maxTold    = 100
	maxTones   = 32
	maxGap     = sampleRate // longer pauses are not filled in
)

// look is how much audio is examined at once: 100 ms tell 20 Hz apart.
const look = sampleRate / 10

// hear takes one packet of RTP.
func (e *ear) hear(p *rtp.Packet, raw []byte, from netip.AddrPort, at time.Duration, eventType uint8) {
	if e.sources == 0 {
		e.first = p.SequenceNumber
	}
	e.meter.RTP(raw, at)
	if from != e.from {
		e.from = from
		e.sources++
	}
	if eventType != 0 && p.PayloadType == eventType {
		if d := e.events.Hear(p); d != 0 && len(e.told) < maxTold {
			e.told += string(d)
		}
		e.last = at
		return
	}
	if p.PayloadType != uint8(sound.PCMU) && p.PayloadType != uint8(sound.PCMA) {
		return
	}
	if e.last > 0 {
		e.longest = max(e.longest, at-e.last)
	}
	e.last = at
	if !e.started {
		e.started, e.next, e.origin = true, p.Timestamp, at
	}
	gap := int32(p.Timestamp - e.next)
	switch {
	case gap < 0 && gap > -maxGap:
		return // late, or again
	case gap >= 0 && gap <= maxGap:
		e.pcm = append(e.pcm, make([]int16, gap)...)
		e.total += int(gap)
	default: // another stream, or a long silence: time goes on by the clock
		missing := max(0, sound.Samples(at-e.origin)-e.total)
		e.pcm = append(e.pcm, make([]int16, min(missing, maxGap))...)
		e.total += min(missing, maxGap)
	}
	before := len(e.pcm)
	e.pcm = sound.Law(p.PayloadType).Decode(e.pcm, p.Payload)
	e.total += len(e.pcm) - before
	e.next = p.Timestamp + uint32(len(p.Payload))
	for len(e.pcm) >= look {
		e.examine(e.pcm[:look])
		e.pcm = append(e.pcm[:0], e.pcm[look:]...)
	}
}

// examine looks for marks, digits and tones in a piece of audio.
func (e *ear) examine(pcm []int16) {
	for _, s := range e.marks.Hear(pcm) {
		if len(e.sighted) < maxSighted {
			e.sighted = append(e.sighted, sighting{s.Mark, e.origin + sound.Lasting(int(s.At))})
		}
	}
	if d := e.keys.Hear(pcm); len(e.dialled) < maxTold {
		e.dialled += d
	}
	if sound.Level(pcm) <= sound.Silent {
		e.quiet++
		return
	}
	e.loud++
	hz, ok := purest(pcm, len(e.sighted) == 0)
	if !ok {
		return
	}
	if e.tones == nil {
		e.tones = map[int]*tone{}
	}
	t := e.tones[hz]
	if t == nil {
		if len(e.tones) == maxTones {
			return
		}
		t = &tone{}
		e.tones[hz] = t
	}
	t.looks++
	t.level = sound.Heard(pcm, float64(hz))
}

// pure is how far a tone stands above the rest to be one, in dB.
const pure = 10

// usual are tones worth a look before a search of the whole band: the milliwatt
// and what marked tones are made of, call progress of both continents, and modems.
var usual = []int{1004, 1000, 440, 425, 700, 2100}

// purest is the frequency that a piece of audio consists of, in Hz; false when
// it is speech, noise or several. everywhere looks through the whole band, which
// is costly and in vain where a marked tone is heard.
func purest(pcm []int16, everywhere bool) (hz int, ok bool) {
	for _, hz := range usual {
		if sound.Purity(pcm, float64(hz)) >= pure+10 {
			return hz, true
		}
	}
	if !everywhere {
		return 0, false
	}
	best := math.Inf(-1)
	for f := 200; f <= 3400; f += 10 {
		if l := sound.Heard(pcm, float64(f)); l > best {
			hz, best = f, l
		}
	}
	return hz, sound.Purity(pcm, float64(hz)) >= pure
}
