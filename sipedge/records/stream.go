package records

import (
	"strconv"
	"time"

	"github.com/speakops/sipedge/sipedge/media/quality"
)

// Stream is the quality of one relayed m-line of a call.
type Stream struct {
	Line   int  // index of the m-line
	Audio  bool // else only packets are told
	Secure bool
	Caller Heard // what the caller sent
	Callee Heard
}

// Heard is one direction of a Stream.
type Heard struct {
	quality.Report
	Missed bool          // it was not heard while the other end talked
	For    time.Duration // for so long altogether
}

// streams writes the media of a CDR: what each end sent, in milliseconds and
// shares of one. one_way names an end that was not heard while the other talked.
func (o *object) streams(list []Stream) {
	if len(list) == 0 {
		return
	}
	o.key("media")
	o.b = append(o.b, '[')
	for i := range list {
		s := &list[i]
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b, o.more = append(o.b, '{'), false
		o.int("line", int64(s.Line))
		o.flag("audio", s.Audio)
		o.flag("secure", s.Secure)
		o.heard("from_caller", &s.Caller, s.Audio)
		o.heard("from_callee", &s.Callee, s.Audio)
		o.b, o.more = append(o.b, '}'), true
	}
	o.b = append(o.b, ']')
}

func (o *object) heard(name string, h *Heard, audio bool) {
	o.key(name)
	o.b, o.more = append(o.b, '{'), false
	o.uint("packets", h.Packets)
	o.uint("bytes", h.Bytes)
	if audio {
		o.sound(h)
	}
	o.b, o.more = append(o.b, '}'), true
}

func (o *object) sound(h *Heard) {
	o.uint("expected", h.Expected)
	o.uint("lost", h.Lost)
	o.uint("duplicates", h.Duplicates)
	o.uint("reordered", h.Reordered)
	o.decimal("jitter_ms", ms(h.MeanJitter), 2)
	o.decimal("max_jitter_ms", ms(h.MaxJitter), 2)
	if h.RoundTrip > 0 {
		o.decimal("round_trip_ms", ms(h.RoundTrip), 2)
	}
	if h.FarReports > 0 {
		o.decimal("far_lost", h.FarLost, 4)
		o.decimal("far_jitter_ms", ms(h.FarJitter), 2)
	}
	o.count("ssrc_changes", h.SSRCChanges)
	o.count("dtmf", int(h.DTMF))
	o.count("comfort_noise", int(h.ComfortNoise))
	if len(h.PayloadTypes) > 0 {
		o.key("payload_types")
		o.b = append(o.b, '[')
		for i, pt := range h.PayloadTypes {
			if i > 0 {
				o.b = append(o.b, ',')
			}
			o.b = strconv.AppendUint(o.b, uint64(pt), 10)
		}
		o.b = append(o.b, ']')
	}
	if h.MOS > 0 {
		o.decimal("mos", h.MOS, 2)
	}
	if h.Missed {
		o.flag("one_way", true)
		o.millis("one_way_ms", h.For)
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (o *object) decimal(name string, v float64, digits int) {
	o.key(name)
	o.b = strconv.AppendFloat(o.b, v, 'f', digits, 64)
}
