package quality

import (
	"strings"
	"time"

	"github.com/pion/rtp"
)

// Meter measures one direction of one stream: what one end sends. The zero
// Meter is ready and knows the static payload types; it is not safe for use by
// two goroutines at once.
type Meter struct {
	seq    sequence
	jitter jitter
	total  Report // of what is over: counters only

	clock  [128]uint32 // Hz, 0: not described
	events [2]uint64   // payload types that are telephone events
	noise  [2]uint64   // payload types that are comfort noise
	heard  [2]uint64   // payload types seen
	codec  codec

	ssrc       uint32
	started    bool
	eventTS    uint32
	event      bool // eventTS is of the event in hand
	small      bool // the last packet was a silence descriptor
	largest    int  // payload
	first      time.Duration
	last       time.Duration
	farReports uint64
	farLost    float64
	farJitter  uint32
	roundTrip  time.Duration
	asked      asked
}

// Describe tells the meter what payload types mean, from SDP. Types that are
// not named keep what they meant before.
func (m *Meter) Describe(formats []Format) {
	for _, f := range formats {
		if f.Type > 127 {
			continue
		}
		if f.Clock > 0 {
			m.clock[f.Type] = f.Clock
		}
		word, bit := f.Type>>6, uint64(1)<<(f.Type&63)
		m.events[word] &^= bit
		m.noise[word] &^= bit
		switch {
		case strings.EqualFold(f.Name, "telephone-event"):
			m.events[word] |= bit
		case strings.EqualFold(f.Name, "CN"):
			m.noise[word] |= bit
		}
	}
}

// RTP measures one RTP packet that arrived at an instant.
func (m *Meter) RTP(b []byte, at time.Duration) {
	var h rtp.Header
	m.Packet(&h, b, at)
}

// Packet is RTP with a header of the caller's to parse into, so that one header
// serves any number of meters without an allocation per packet. h holds slices
// of b afterwards.
func (m *Meter) Packet(h *rtp.Header, b []byte, at time.Duration) {
	n, err := h.Unmarshal(b)
	if err != nil || h.Version != 2 || h.PayloadType >= typeReserved1 && h.PayloadType <= typeReserved2 {
		m.total.Malformed++
		return
	}
	payload := len(b) - n
	if h.Padding && payload > 0 {
		payload -= int(b[len(b)-1])
	}
	m.total.Packets++
	m.total.Bytes += uint64(len(b))
	m.stream(h, at)
	pt := h.PayloadType
	word, bit := pt>>6, uint64(1)<<(pt&63)
	m.heard[word] |= bit
	switch {
	case m.seq.note(h.SequenceNumber) == duplicate:
		return
	case m.events[word]&bit != 0:
		m.telephone(h.Timestamp)
		m.last, m.small = at, false
		return
	case m.noise[word]&bit != 0 || pt == typeCN || pt == typeCNOld:
		m.total.ComfortNoise++
		m.small = true
	default:
		m.largest = max(m.largest, payload)
		m.small = descriptor(payload, m.largest)
		m.codec.note(pt)
	}
	m.last = at
	// In the order of arrival, which need not be that of sending (section 6.4.1).
	m.jitter.note(h.Timestamp, m.rate(pt), at)
}

// descriptor says whether a payload is so much smaller than others of its
// stream that it can only describe silence: the 2 bytes of G.729 annex B, the 7
// of AMR, the 1 to 3 of Opus.
func descriptor(payload, largest int) bool { return payload <= 8 && largest >= 3*max(payload, 1) }

// stream notices a new source. Its numbers begin anew.
func (m *Meter) stream(h *rtp.Header, at time.Duration) {
	if m.started && h.SSRC == m.ssrc {
		return
	}
	if m.started {
		m.total.SSRCChanges++
		m.seq.restart()
		m.jitter.restart()
		m.event = false
	} else {
		m.first = at
	}
	m.started, m.ssrc = true, h.SSRC
}

// telephone counts an event once: all its packets carry the timestamp of its
// beginning (RFC 4733 section 2.3).
func (m *Meter) telephone(timestamp uint32) {
	if !m.event || timestamp != m.eventTS {
		m.total.DTMF++
		m.event, m.eventTS = true, timestamp
	}
}

func (m *Meter) rate(pt uint8) uint32 {
	if c := m.clock[pt]; c != 0 {
		return c
	}
	return clockOf(pt)
}

// Report says what the meter has found so far.
func (m *Meter) Report() Report {
	r := m.total
	r.Expected, r.Lost = m.seq.counted()
	r.Duplicates, r.Reordered = m.seq.duplicates, m.seq.reordered
	r.Jitter, r.MeanJitter, r.MaxJitter = m.jitter.now(), m.jitter.mean(), m.jitter.max
	r.RoundTrip = m.roundTrip
	r.SSRC, r.First, r.Last = m.ssrc, m.first, m.last
	for pt := range uint8(128) {
		if m.heard[pt>>6]&(1<<(pt&63)) != 0 {
			r.PayloadTypes = append(r.PayloadTypes, pt)
		}
	}
	r.FarReports, r.FarLost = m.farReports, m.farLost
	r.FarJitter = ticks(float64(m.farJitter), m.rate(m.codec.last))
	if r.Packets >= enoughForMOS {
		r.MOS = MOS(r.LossRate(), r.MeanJitter, r.RoundTrip, m.codec.last == typeG729)
	}
	return r
}

// enoughForMOS is a second of speech: less says nothing about how it sounds.
const enoughForMOS = 50

// codec remembers which payload type carries the speech.
type codec struct{ last uint8 }

func (c *codec) note(pt uint8) { c.last = pt }
