package sound

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/pion/rtp"
)

// Event is the payload of a telephone event (RFC 4733 section 2.3).
type Event struct {
	Code     uint8  // 0 to 15 are Digits
	End      bool   // it is over
	Volume   uint8  // below 0 dBm0, 0 to 63 dB
	Duration uint16 // so far, in clock ticks
}

// Digit is the event as a character, 0 when it is not one of Digits.
func (e Event) Digit() byte {
	if int(e.Code) < len(Digits) {
		return Digits[e.Code]
	}
	return 0
}

// Append adds the four octets of the payload.
func (e Event) Append(dst []byte) []byte {
	flags := e.Volume & 0x3f
	if e.End {
		flags |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(dst, e.Code, flags), e.Duration)
}

// ErrEvent is a payload too short for a telephone event.
var ErrEvent = errors.New("sound: telephone event of fewer than 4 octets")

// ParseEvent reads the first event of a payload; the reserved bit is ignored,
// as RFC 4733 section 2.3.4 asks.
func ParseEvent(payload []byte) (Event, error) {
	if len(payload) < 4 {
		return Event{}, ErrEvent
	}
	return Event{
		Code: payload[0], End: payload[1]&0x80 != 0, Volume: payload[1] & 0x3f,
		Duration: binary.BigEndian.Uint16(payload[2:]),
	}, nil
}

// EventVolume is how loud sent digits claim to be: 10 dB below 0 dBm0.
const EventVolume = 10

// eventEnds is how often the end of an event is said (RFC 4733 section 2.5.1.4):
// it may be lost twice.
const eventEnds = 3

// Press is one digit on its way out as telephone events: a packet per frame,
// all with the timestamp of its beginning.
type Press struct {
	code  uint8
	total uint16 // ticks
	frame uint16
	said  uint16
	ends  int
}

// Pressing begins a digit that lasts for a time, at most 8 s, of which every
// frame is told; false when no telephone has that digit.
func Pressing(digit byte, lasting, frame time.Duration) (Press, bool) {
	code := strings.IndexByte(Digits, digit)
	ticks := min(max(Samples(lasting), Samples(frame)), 0xffff)
	return Press{code: uint8(code), total: uint16(ticks), frame: uint16(Samples(frame))}, code >= 0
}

// Next is what to send now; more says that another packet follows a frame later.
// The ends follow the last duration at once or a frame apart, as the caller
// likes; this type leaves a frame between them.
func (p *Press) Next() (e Event, more bool) {
	p.said = uint16(min(int(p.said)+int(p.frame), int(p.total)))
	e = Event{Code: p.code, Volume: EventVolume, Duration: p.said, End: p.said == p.total}
	if e.End {
		p.ends++
	}
	return e, p.ends < eventEnds
}

// Events reads digits from the telephone events of a stream. A digit is read
// once however many packets tell it, also when its first packets or its last
// ones were lost (RFC 4733 section 2.5.2). The zero Events is ready.
type Events struct {
	begun bool
	stamp uint32
	seq   uint16
	code  uint8
}

// Hear takes one packet of events and returns the digit that it is the first to
// tell, 0 for none. An event longer than 8 s is told in segments whose
// timestamps follow each other (section 2.5.1.3): each after the first is known
// by the caller's Duration and counts as a new digit here, for nobody holds a
// key that long.
func (v *Events) Hear(p *rtp.Packet) (digit byte) {
	e, err := ParseEvent(p.Payload)
	if err != nil {
		return 0
	}
	if v.begun && p.Timestamp == v.stamp && e.Code == v.code {
		return 0
	}
	// A packet of the digit before the last, come late.
	if v.begun && int32(p.Timestamp-v.stamp) < 0 && int16(p.SequenceNumber-v.seq) < 0 {
		return 0
	}
	v.begun, v.stamp, v.seq, v.code = true, p.Timestamp, p.SequenceNumber, e.Code
	return e.Digit()
}
