package testcall

import (
	"encoding/binary"
	"time"

	"github.com/speakops/sipedge/sipedge/media/sound"
)

// mouth says silence until the call is answered, then a tone that spells a
// number of its own once a second, and digits between.
type mouth struct {
	mark     byte
	stream   sound.Stream
	tone     *sound.Marked
	played   int             // samples of the tone
	starts   []time.Duration // when each mark began to be said
	seq      uint16
	stamp    uint32
	speaking bool
	digits   string // still to be pressed
	pressed  string
	press    sound.Press
	begun    uint32 // timestamp of the digit in hand
	pressing bool
	first    bool
	rest     int // frames until the next digit
	sent     uint64
	unsent   uint64
}

func (m *mouth) open(seed []byte) {
	m.mark = seed[0]
	m.stream.SSRC, m.seq, m.stamp = binary.BigEndian.Uint32(seed[1:]), binary.BigEndian.Uint16(seed[5:]), binary.BigEndian.Uint32(seed[7:])
	m.tone = sound.Marking(m.mark)
}

// When digits are pressed: not into the first mark, which shows that sound
// passes, and with a pause in which the next one has room to be heard.
const (
	pressAfter   = 1500 * time.Millisecond
	pressLasting = 100 * time.Millisecond
	pressPause   = 100 * time.Millisecond
)

// speak begins: the call is answered.
func (v *voice) speak() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mouth.speaking, v.mouth.digits = true, v.DTMF
	v.mouth.rest = int(pressAfter / sound.Frame)
}

// talk sends a frame every 20 ms until the call ends.
func (v *voice) talk() {
	tick := time.NewTicker(sound.Frame / 2)
	defer tick.Stop()
	v.mu.Lock()
	m := &v.mouth
	m.stream = sound.Streaming(m.stream.SSRC, m.seq, m.stamp, sound.Frame, v.now())
	v.mu.Unlock()
	for {
		select {
		case <-v.end:
			return
		case <-tick.C:
		}
		v.mu.Lock()
		now := v.now()
		for range v.mouth.stream.Frames(now) {
			v.say(now)
		}
		v.sendReport(now)
		v.mu.Unlock()
	}
}

// say sends one frame.
func (v *voice) say(now time.Duration) {
	m := &v.mouth
	if !m.speaking {
		v.frame(sound.Hush{})
		return
	}
	if m.rest--; !m.pressing && m.rest <= 0 && m.digits != "" && v.them.event != 0 {
		m.press, m.pressing = sound.Pressing(m.digits[0], pressLasting, sound.Frame)
		m.begun, m.first = m.stream.Now(), true
		m.pressed, m.digits = m.pressed+m.digits[:1], m.digits[1:]
	}
	if !m.pressing {
		v.frame(m)
		return
	}
	var skipped [samples]int16
	m.Fill(skipped[:]) // time goes on under a digit
	e, more := m.press.Next()
	p := m.stream.Tell(v.them.event, e, m.begun, m.first)
	m.first = false
	v.send(&p)
	if !more {
		m.pressing, m.rest = false, int(pressPause/sound.Frame)
	}
}

// Fill plays the tone, and remembers when each mark began.
func (m *mouth) Fill(pcm []int16) {
	if m.played%sound.Samples(sound.MarkEvery) == 0 && len(m.starts) < maxSighted {
		m.starts = append(m.starts, m.stream.Due())
	}
	m.tone.Fill(pcm)
	m.played += len(pcm)
}

const samples = sampleRate / 50 // of a frame

func (v *voice) frame(s sound.Source) {
	var pcm [samples]int16
	s.Fill(pcm[:])
	p := v.mouth.stream.Next(uint8(v.law), v.law.Encode(nil, pcm[:]))
	v.send(&p)
}
