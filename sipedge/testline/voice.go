package testline

import (
	"fmt"
	"strings"
	"time"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

// Voice is what a line says in one call, and what it makes of what it hears. It
// is not safe for use by two goroutines at once. Instants are times since any
// beginning, the same for all its calls.
type Voice struct {
	line   Line
	stream sound.Stream
	source sound.Source
	terms  Terms

	pcm   []int16
	heard []int16

	// Digits: those that came, and those on their way back.
	events  sound.Events
	keys    sound.Keys
	digits  []byte
	pressed time.Duration // when the last one came
	back    []byte
	press   sound.Press
	begun   uint32 // timestamp of the digit being told
	telling bool
	first   bool
	pause   int // frames until the next digit
	tones   *sound.Dialled

	echo echo
}

// MeterMark is the mark in a Meter's tone.
const MeterMark = 0x5e

// Chance is what RFC 3550 section 5.1 wants to be random.
type Chance struct {
	SSRC  uint32
	Seq   uint16
	Stamp uint32
}

// NewVoice makes the voice of a line.
func NewVoice(l Line, c Chance, at time.Duration) *Voice {
	v := &Voice{line: l, stream: sound.Streaming(c.SSRC, c.Seq, c.Stamp, sound.Frame, at), source: sound.Hush{}}
	switch l.Content {
	case Milliwatt:
		v.source = sound.Sounding(sound.Milliwatt)
	case Meter:
		v.source = sound.Marking(MeterMark)
	case Announce:
		v.source = new(information)
	}
	return v
}

// Agree puts terms into force: what is sent from now on keeps to them.
func (v *Voice) Agree(t Terms, at time.Duration) {
	if t.Frame != v.terms.Frame {
		v.stream.Reframe(t.Frame, at)
	}
	v.terms = t
	v.pcm = make([]int16, sound.Samples(t.Frame))
}

// Due is when the voice wants to speak next.
func (v *Voice) Due() time.Duration { return v.stream.Due() }

// Speak appends the packets that are due; heard is what came so far.
func (v *Voice) Speak(at time.Duration, heard *quality.Meter, out []rtp.Packet) []rtp.Packet {
	v.listenedLongEnough(at, heard)
	for range v.stream.Frames(at) {
		switch {
		case !v.terms.Send || v.line.Content == Echo:
			v.stream.Pass()
		case v.tell(&out):
		default:
			out = append(out, v.stream.Next(v.terms.Type, v.frame()))
		}
	}
	return out
}

// frame is the next piece of audio. Every packet has bytes of its own: several
// may be due at once.
func (v *Voice) frame() []byte {
	switch {
	case v.tones == nil:
		v.source.Fill(v.pcm)
	default:
		v.tones.Fill(v.pcm)
		if v.tones.Done() {
			v.tones = nil
		}
	}
	return v.terms.Law.Encode(make([]byte, 0, len(v.pcm)), v.pcm)
}

// Hear takes a packet that came, and appends what goes back at once.
func (v *Voice) Hear(p *rtp.Packet, at time.Duration, out []rtp.Packet) []rtp.Packet {
	known := p.PayloadType == v.terms.Type || v.terms.Event != 0 && p.PayloadType == v.terms.Event
	if !known {
		return out
	}
	if v.line.Content == Echo {
		if v.terms.Send && v.terms.Receive {
			out = append(out, v.echo.back(p, &v.stream))
		}
		return out
	}
	v.listen(p, at)
	return out
}

// listen gathers digits.
func (v *Voice) listen(p *rtp.Packet, at time.Duration) {
	if v.line.Content != Readback && v.line.Content != Meter {
		return
	}
	before := len(v.digits)
	if p.PayloadType == v.terms.Event && v.terms.Event != 0 {
		if d := v.events.Hear(p); d != 0 {
			v.digits = append(v.digits, d)
		}
	} else if v.terms.Event == 0 { // who knows events presses no tones
		v.heard = v.terms.Law.Decode(v.heard[:0], p.Payload)
		v.digits = append(v.digits, v.keys.Hear(v.heard)...)
	}
	if len(v.digits) > before {
		v.pressed = at
	}
	if len(v.digits) > maxDigits {
		v.digits = v.digits[:maxDigits]
	}
}

// Of reading back.
const (
	maxDigits  = 64
	thinking   = 1500 * time.Millisecond // without another digit: the caller is through
	digitLasts = 100 * time.Millisecond
	digitPause = 100 * time.Millisecond
)

// listenedLongEnough begins to read back what was pressed, and tells a loss that
// was asked for.
func (v *Voice) listenedLongEnough(at time.Duration, heard *quality.Meter) {
	if len(v.digits) == 0 {
		return
	}
	switch v.line.Content {
	case Readback:
		if at-v.pressed < thinking {
			return
		}
		v.ReadBack(string(v.digits))
	case Meter:
		if strings.ContainsRune(string(v.digits), '#') {
			r := heard.Report()
			v.ReadBack(PerMille(&r))
		}
	}
	v.digits = v.digits[:0]
}

// ReadBack plays digits, behind those that are being played as events.
func (v *Voice) ReadBack(digits string) {
	if v.terms.Event == 0 {
		v.tones = sound.Dialling(digits, digitLasts, digitPause)
		return
	}
	v.back = append(v.back, digits...)
}

// tell sends the digit in hand, or begins the next one; false when there is none.
func (v *Voice) tell(out *[]rtp.Packet) bool {
	if v.pause > 0 {
		v.pause--
		return false
	}
	for !v.telling {
		if len(v.back) == 0 || v.terms.Event == 0 {
			return false
		}
		var ok bool
		v.press, ok = sound.Pressing(v.back[0], digitLasts, v.terms.Frame)
		v.back = v.back[1:]
		v.telling, v.first, v.begun = ok, true, v.stream.Now()
	}
	e, more := v.press.Next()
	*out = append(*out, v.stream.Tell(v.terms.Event, e, v.begun, v.first))
	v.first, v.telling = false, more
	if !more {
		v.pause = int(digitPause / v.terms.Frame)
	}
	return true
}

// echo sends back what it hears as a stream of its own: numbers without a gap,
// so that what is lost on the way back can be told from what was lost on the way
// here, and timestamps with the caller's gaps in them.
type echo struct {
	begun  bool
	ssrc   uint32
	offset uint32 // ours less theirs
	last   uint32 // timestamp sent
}

func (e *echo) back(p *rtp.Packet, s *sound.Stream) rtp.Packet {
	if !e.begun || p.SSRC != e.ssrc {
		next := s.Now()
		if e.begun {
			next = e.last + uint32(sound.Samples(sound.Frame))
		}
		e.begun, e.ssrc, e.offset = true, p.SSRC, next-p.Timestamp
	}
	e.last = p.Timestamp + e.offset
	return s.Say(p.PayloadType, append([]byte(nil), p.Payload...), e.last, p.Marker)
}

// information are the special information tones of ITU-T E.180, each for a third
// of a second, over and over with a pause: no call goes through.
type information struct {
	at   int
	sine *sound.Sine
}

var sit = [...]float64{950, 1400, 1800}

const (
	sitTone  = sound.Rate / 3
	sitEvery = 2 * sound.Rate
)

func (f *information) Fill(pcm []int16) {
	clear(pcm)
	for i := range pcm {
		if which := f.at / sitTone; which < len(sit) {
			if f.at%sitTone == 0 {
				f.sine = sound.Sounding(sound.Tone{Hertz: []float64{sit[which]}, Level: -14})
			}
			f.sine.Fill(pcm[i : i+1])
		}
		f.at = (f.at + 1) % sitEvery
	}
}

// Heard is the report of a line in a header: what it heard and how well.
func Heard(r *quality.Report) string {
	if r.Packets == 0 {
		return "packets=0"
	}
	text := fmt.Sprintf("packets=%d;expected=%d;lost=%d;duplicates=%d;reordered=%d;jitter_ms=%.1f;max_jitter_ms=%.1f",
		r.Packets, r.Expected, r.Lost, r.Duplicates, r.Reordered, millis(r.MeanJitter), millis(r.MaxJitter))
	if r.RoundTrip > 0 {
		text += fmt.Sprintf(";round_trip_ms=%.1f", millis(r.RoundTrip))
	}
	if r.DTMF > 0 {
		text += fmt.Sprintf(";dtmf=%d", r.DTMF)
	}
	if r.MOS > 0 {
		text += fmt.Sprintf(";mos=%.2f", r.MOS)
	}
	return text
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// PerMille is the loss of a report as the three digits that a Meter reads back.
func PerMille(r *quality.Report) string {
	return fmt.Sprintf("%03d", min(999, int(r.LossRate()*1000+0.5)))
}
