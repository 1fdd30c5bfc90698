package sound

import (
	"time"

	"github.com/pion/rtp"
)

// Stream numbers the packets of one RTP stream that we send and says when each
// is due. Instants are times since any beginning, the same for all calls.
type Stream struct {
	SSRC  uint32
	seq   uint16
	stamp uint32 // of the next packet
	frame time.Duration
	start time.Duration
	sent  uint64 // frames since start
	talk  bool   // the packet before this one was of the same spurt

	Packets uint64 // all
	Octets  uint64 // of payload
}

// Streaming begins a stream at an instant. ssrc, seq and stamp should be random
// (RFC 3550 section 5.1); frame is the ptime, a whole number of milliseconds.
func Streaming(ssrc uint32, seq uint16, stamp uint32, frame, at time.Duration) Stream {
	return Stream{SSRC: ssrc, seq: seq, stamp: stamp, frame: frame, start: at}
}

// Due is when the next frame has to go: counted from the beginning, so that a
// late one delays no other.
func (s *Stream) Due() time.Duration { return s.start + time.Duration(s.sent)*s.frame }

// behind is how late a stream may be before it gives up catching up: what a
// jitter buffer forgives.
const behind = 100 * time.Millisecond

// Frames says how many frames are due now. A sender that was held up for more
// than 100 ms does not send the rest in a burst: those frames are passed over,
// and the timestamp jumps as it does after silence.
func (s *Stream) Frames(now time.Duration) (due int) {
	if now < s.Due() {
		return 0
	}
	late := now - s.Due()
	if late > behind {
		over := late / s.frame
		s.sent += uint64(over)
		s.stamp += uint32(over) * s.ticks()
		s.talk = false
		late -= over * s.frame
	}
	return int(late/s.frame) + 1
}

// Next is the packet of the frame that is due. The marker stands on the first
// of a spurt (RFC 3551 section 4.1).
func (s *Stream) Next(payloadType uint8, payload []byte) rtp.Packet {
	p := s.packet(payloadType, payload, s.stamp, !s.talk)
	s.talk = true
	s.pass()
	return p
}

// Tell is the packet of a telephone event in place of audio: its timestamp is
// that of the event's beginning, given back by Now (RFC 4733 section 2.5.1.2).
func (s *Stream) Tell(payloadType uint8, e Event, begun uint32, first bool) rtp.Packet {
	p := s.packet(payloadType, e.Append(nil), begun, first)
	s.pass()
	return p
}

// Say is a packet beside the frames, at a timestamp of the caller's choice: an
// echo keeps the time of what it repeats.
func (s *Stream) Say(payloadType uint8, payload []byte, stamp uint32, marker bool) rtp.Packet {
	return s.packet(payloadType, payload, stamp, marker)
}

// Reframe changes how long a frame lasts, from an instant on; the timestamps go
// on from where they are.
func (s *Stream) Reframe(frame, at time.Duration) {
	if over := at - s.Due(); over > 0 {
		s.stamp += uint32(Samples(over))
	}
	s.frame, s.start, s.sent, s.talk = frame, at, 0, false
}

// Pass leaves a frame out: time goes by and nothing is sent.
func (s *Stream) Pass() {
	s.talk = false
	s.pass()
}

// Now is the timestamp of the frame that is due.
func (s *Stream) Now() uint32 { return s.stamp }

func (s *Stream) pass() {
	s.sent++
	s.stamp += s.ticks()
}

func (s *Stream) ticks() uint32 { return uint32(Samples(s.frame)) }

func (s *Stream) packet(payloadType uint8, payload []byte, stamp uint32, marker bool) rtp.Packet {
	p := rtp.Packet{Header: rtp.Header{
		Version: 2, Marker: marker, PayloadType: payloadType,
		SequenceNumber: s.seq, Timestamp: stamp, SSRC: s.SSRC,
	}, Payload: payload}
	s.seq++
	s.Packets++
	s.Octets += uint64(len(payload))
	return p
}
