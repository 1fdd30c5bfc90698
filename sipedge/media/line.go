package media

import (
	"net/netip"
	"slices"
	"time"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// Voice is somebody at this edge who talks to a caller. Its methods are called by
// one goroutine at a time, with instants of the relay.
type Voice interface {
	// Hear takes a packet in the order of arrival and appends what goes back at once.
	Hear(p *rtp.Packet, at time.Duration, out []rtp.Packet) []rtp.Packet
	// Speak appends what is due; heard is what came so far.
	Speak(at time.Duration, heard *quality.Meter, out []rtp.Packet) []rtp.Packet
	// Due is when it wants to speak next.
	Due() time.Duration
}

// ending is the edge's own end of a stream: in place of ports towards a callee,
// a voice.
type ending struct {
	voice   Voice
	ssrc    uint32
	mux     bool
	begun   bool
	stop    chan struct{}
	wake    chan struct{} // the terms have changed
	out     []rtp.Packet
	buf     []byte
	report  reporter
	receive bool
}

// LineTerms are what a caller has agreed on with a line.
type LineTerms struct {
	RTP, RTCP     netip.AddrPort // as signalled
	Mux, Held     bool
	Send, Receive bool // the line's part
	Formats       []quality.Format
}

// Line makes the session of a call that ends at this edge, with one audio stream
// and the ports for it; a voice answers. ErrNoPorts means that there are none.
func (r *Relay) Line(owner any, caller Side, v Voice, ssrc uint32) (*Session, error) {
	s, err := r.Session(owner, caller, Side{Addr: caller.Addr})
	if err != nil {
		return nil, err
	}
	st := &stream{relay: r, end: &ending{voice: v, ssrc: ssrc, stop: make(chan struct{}), wake: make(chan struct{}, 1)}}
	st.face()
	if err := st.reserve(quality.Caller, caller.Addr); err != nil {
		s.Close()
		return nil, err
	}
	s.lines = []*stream{st}
	return s, nil
}

// Place is where the caller of a Line is told to send to.
func (s *Session) Place() (addr netip.Addr, port uint16) {
	return s.side[quality.Caller].Addr, s.lines[0].side[quality.Caller].even
}

// Talk puts terms of a Line into force. change is called between two calls of
// the voice's methods; up says that the call is answered.
func (s *Session) Talk(t LineTerms, up bool, change func(at time.Duration)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.up, s.idle = s.up || up, false
	st := s.lines[0]
	theirs := terms{
		live: true, carriage: sdp.RTP, audio: true, held: t.Held, sends: t.Receive, receives: t.Send, rtp: t.RTP, rtcp: t.RTCP, formats: t.Formats,
	}
	ours := theirs
	ours.sends, ours.receives, ours.rtp, ours.rtcp, ours.held = t.Send, t.Receive, netip.AddrPort{}, netip.AddrPort{}, false
	st.agree([2]terms{quality.Caller: theirs, quality.Callee: ours}, [2]bool{quality.Caller: s.side[quality.Caller].NAT}, s.up)
	st.mu.Lock()
	defer st.mu.Unlock()
	change(s.relay.now())
	e := st.end
	e.mux, e.receive = t.Mux, t.Receive
	if !e.begun {
		e.begun = true
		s.relay.voices.Go(func() { st.talk() })
		return
	}
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Heard is what has come from the caller of a Line so far.
func (s *Session) Heard() quality.Report {
	st := s.lines[0]
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.watch.End[quality.Caller].Report()
}

// talk lets the voice speak whenever it is due, until the stream is closed.
func (st *stream) talk() {
	e := st.end
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-e.stop:
			return
		case <-e.wake:
		case <-timer.C:
		}
		timer.Reset(st.speak())
	}
}

// speak says what is due, and for how long nothing more will be.
func (st *stream) speak() (pause time.Duration) {
	pause = time.Second // after a panic
	defer st.relay.survive()
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return pause
	}
	e, now := st.end, st.relay.now()
	e.out = e.voice.Speak(now, &st.watch.End[quality.Caller], e.out[:0])
	st.say(now)
	st.sayRTCP(now)
	return max(0, min(e.voice.Due(), e.report.due)-now)
}

// take is a datagram of the caller's that was let in.
func (st *stream) take(p *port, b []byte, at time.Duration, h *rtp.Header) {
	st.measure(p, b, at, h)
	st.last = at
	e := st.end
	if p.rtcp || quality.IsRTCP(b) {
		e.report.came(b, at)
		return
	}
	var packet rtp.Packet
	if packet.Unmarshal(b) != nil {
		return
	}
	e.report.heard(&packet.Header)
	if e.receive {
		e.out = e.voice.Hear(&packet, at, e.out[:0])
		st.say(at)
	}
}

// say sends what the voice has said.
func (st *stream) say(now time.Duration) {
	e, p := st.end, &st.side[quality.Caller].rtp
	for i := range e.out {
		one := &e.out[i]
		e.buf = slices.Grow(e.buf[:0], one.MarshalSize())
		n, err := one.MarshalTo(e.buf[:cap(e.buf)])
		if err != nil {
			continue
		}
		b := e.buf[:n]
		e.report.said(one, now)
		if st.send(p, b) {
			st.last = now
			var h rtp.Header
			st.watch.End[quality.Callee].Packet(&h, b, now)
		}
	}
}

// send sends one datagram to the caller, if it is known where that is.
func (st *stream) send(p *port, b []byte) bool {
	to := p.latch.target()
	c := &st.relay.Counters
	switch {
	case !st.open:
		return false
	case !to.IsValid():
		c.Nowhere.Add(1)
		return false
	case p.wire.send(b, to) != nil:
		c.Unsent.Add(1)
		return false
	}
	return true
}
