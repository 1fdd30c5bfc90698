// Package quality answers: how does one media stream sound where it arrives?
//
// A Meter listens to one direction of one stream, packet by packet, and a Watch
// to the two directions of a call. Both read RTP headers and RTCP reports only,
// so a stream whose payload is encrypted (SRTP) is measured like any other; its
// RTCP is encrypted too, and then the round trip is not known.
//
// The package is quiet: packets and instants in, figures out. An instant is the
// time since any fixed beginning, read from a monotonic clock. Nothing here
// keeps a byte of a packet after the call that brought it.
package quality

import (
	"time"
)

// Report is what a Meter has found so far. Counters are over the whole stream,
// all its SSRCs together.
type Report struct {
	Packets    uint64 // RTP packets that arrived, duplicates among them
	Bytes      uint64 // of RTP as the network carried it, headers of UDP and IP left out
	Expected   uint64 // by sequence numbers, first to last
	Lost       uint64 // expected and never seen
	Duplicates uint64
	Reordered  uint64 // arrived behind a later one
	Malformed  uint64 // looked like RTP and could not be read

	// Jitter is the interarrival jitter of RFC 3550 section 6.4.1 as it stands
	// now; MeanJitter and MaxJitter are over the whole stream. Packets of
	// telephone events are left out: their timestamp stands still on purpose.
	Jitter, MeanJitter, MaxJitter time.Duration

	// RoundTrip is to the end that sends this stream and back, 0 while no RTCP
	// report has told it.
	RoundTrip time.Duration

	SSRC         uint32 // the one that sends now
	SSRCChanges  int
	PayloadTypes []uint8 // seen, ascending
	DTMF         uint64  // telephone events (RFC 4733), each counted once
	ComfortNoise uint64  // packets of comfort noise (RFC 3389)

	// What the end that sends this stream says in its reports about the opposite
	// one, as it hears it.
	FarReports uint64
	FarLost    float64 // the last reported fraction, 0 to 1
	FarJitter  time.Duration

	First, Last time.Duration // instants of the first and the last packet, 0 when none came

	// MOS is the listening quality by the formula at MOS, 1 to 4.5; 0 when too
	// little was heard to say.
	MOS float64
}

// LossRate is the lost part of what was expected, 0 to 1.
func (r *Report) LossRate() float64 {
	if r.Expected == 0 {
		return 0
	}
	return float64(r.Lost) / float64(r.Expected)
}

// Format is one payload type as the offer and its answer describe it.
type Format struct {
	Type  uint8  // 0 to 127
	Name  string // of the encoding, in any case: PCMU, telephone-event, CN, ...
	Clock uint32 // Hz
}

// clockOf is the clock rate of a static payload type (RFC 3551 tables 4 and 5);
// a dynamic one that nobody has described is taken for narrow-band speech.
func clockOf(pt uint8) uint32 {
	switch pt {
	case 6:
		return 16000
	case 10, 11:
		return 44100
	case 14, 25, 26, 28, 31, 32, 33, 34:
		return 90000
	case 16:
		return 11025
	case 17:
		return 22050
	}
	return 8000
}

// Payload types with a fixed meaning.
const (
	typeG729      = 18
	typeCN        = 13
	typeCNOld     = 19 // of RFC 1890 drafts, still sent
	typeReserved1 = 72 // 72 to 76 are RTCP packet types when muxed (RFC 5761 section 4)
	typeReserved2 = 76
)

// IsRTCP tells RTCP from RTP on one port (RFC 5761 section 4); b is a datagram
// of at least two bytes with version 2.
func IsRTCP(b []byte) bool { return b[1] >= 192 && b[1] <= 223 }

// Valid says whether a datagram looks like RTP or RTCP: version 2, and long
// enough for its fixed header.
func Valid(b []byte) bool {
	if len(b) < 8 || b[0]>>6 != 2 {
		return false
	}
	return len(b) >= 12 || IsRTCP(b)
}
