package sipedge

import (
	"bytes"
	"encoding/base32"
	"math/rand/v2"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/media"
	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/testline"
	"github.com/speakops/sipedge/sipedge/transport"
)

// A test line is a gateway inside of the edge. Calls are carried to it as to any
// other, so decisions, records and ladders tell of them in the same words; only
// that what is sent to it goes into the inbox of the shard, which is emptied
// before the shard's key is given back, and what it says comes out as if a
// reader had brought it. No socket, no goroutine, no lock lies between.

// lineGateway is what a test line is called where gateways have names.
const lineGateway routing.GatewayID = "testline"

// Reasons of calls to test lines.
const (
	becauseTestLine  routing.Because = "test_line"       // called by its name; the auditor knows it as an exception
	becauseLinesFull routing.Because = "test_lines_full" // maxTestLines calls are up
)

// maxTestLines bounds the calls to test lines at once: they are for trying out,
// and each one costs 50 packets a second.
const maxTestLines = 100

// inside is how messages to and from test lines travel.
func inside(listener uint8) transport.Flow {
	return transport.Flow{Proto: transport.Inside, Listener: listener, Peer: insidePeer}
}

var insidePeer = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1)

// posted is a message on its way to a test line.
type posted struct {
	raw      []byte
	listener uint8
}

// lineCall is one call to a test line.
type lineCall struct {
	txHead
	id       callID
	tag      string
	branch   []byte // of its INVITE, by which CANCEL finds it
	listener uint8
	call     *testline.Call
	voice    *testline.Voice
	media    *anchor // nil: it has none
}

// lineNamed is the test line that an INVITE asks for by name, from a trunk that
// may choose where its calls go.
func (s *shard) lineNamed(inv *invite) (*route, bool) {
	r := inv.world.lines
	if r == nil || inv.asked.To != 0 || !inv.trunk.override {
		return nil, false
	}
	l, err := testline.Parse(string(s.original(inv).Target.User))
	if err != nil {
		return nil, false
	}
	inv.line = l
	return r, true
}

// decideLine carries a call to the test line it names: there is no number to
// decide about.
func (s *shard) decideLine(inv *invite, r *route) call.Event {
	inv.at = s.edge.clock.Now()
	inv.decision = routing.RouteTo(&r.Route, routing.Order{}, becauseTestLine)
	inv.route = r
	return s.decided(inv, s.toTestLine(inv))
}

// toTestLine is targeted for a route that answers itself.
func (s *shard) toTestLine(inv *invite) call.Event {
	if s.edge.testLines.Load() >= maxTestLines {
		inv.outcome, inv.refused = profile.NumberLimit, becauseLinesFull
		return call.Event{Kind: call.Refuse}
	}
	inv.targets, inv.hops = inv.targets[:0], inv.hops[:0]
	inv.addLine()
	return call.Event{Kind: call.Carry, Targets: inv.targets, Rules: inv.rules()}
}

// addLine adds the test line of the call's route to what it tries.
func (inv *invite) addLine() {
	inv.targets = append(inv.targets, call.Target{Reliable: true})
	inv.hops = append(inv.hops, plan{inv.route.line, gateway.Target{Proto: transport.Inside}})
}

// serveLines empties the inbox; what the lines say may fill it again.
func (s *shard) serveLines(now call.Instant) {
	for len(s.inbox) > 0 {
		p := s.inbox[0]
		s.inbox = s.inbox[1:]
		s.guarded(func() { s.toLine(p, now) })
	}
	s.inbox = nil
}

// guarded keeps a panic to the call in hand.
func (s *shard) guarded(do func()) {
	defer func() {
		if p := recover(); p != nil {
			s.edge.panicked(p, debug.Stack())
			if tx := s.current; tx != nil {
				s.lose(tx)
			}
		}
	}()
	do()
}

// toLine hands a message over to the line it belongs to.
func (s *shard) toLine(p posted, now call.Instant) {
	m := new(message.Message)
	if m.Parse(p.raw) != nil {
		return
	}
	switch {
	case !m.Request:
		if c := s.testlines[string(m.FromTag)]; c != nil {
			s.stepLine(c, testline.Event{Kind: testline.Response, Message: m}, now)
		}
	case m.Method == message.INVITE && m.ToTag == nil:
		s.openLine(p, m, now)
	default:
		if c := s.lineOf(m); c != nil {
			s.stepLine(c, testline.Event{Kind: testline.Request, Message: m}, now)
		} else if m.Method != message.ACK {
			// Of a call that is over, or of a run of this edge before.
			s.fromLine(m.AppendReply(nil, 481, "", nil, netip.AddrPort{}, nil), p.listener, now)
		}
	}
}

func (s *shard) lineOf(m *message.Message) *lineCall {
	if m.ToTag != nil {
		return s.testlines[string(m.ToTag)]
	}
	for _, c := range s.testlines {
		if bytes.Equal(c.branch, m.Via.Branch) {
			return c
		}
	}
	return nil
}

// openLine begins a call to a line.
func (s *shard) openLine(p posted, m *message.Message, now call.Instant) {
	_, key, _ := parseBranch(m.Via.Branch)
	inv, ok := s.clients[key].tx.(*invite)
	if !ok {
		return // given up meanwhile
	}
	e := s.edge
	l := inv.line
	if inv.decision.Because != becauseTestLine {
		l = inv.route.lineIs
	}
	c := &lineCall{id: inv.id, tag: random(), branch: bytes.Clone(m.Via.Branch), listener: p.listener}
	c.pos, c.due = -1, call.Never
	o := testline.Options{
		Contact: append([]byte("<sip:testline"), inv.world.listeners[p.listener].contactTail...),
		Via:     []byte("SIP/2.0/UDP " + insidePeer.String()), Tag: c.tag, Session: uint64(rand.Uint32()),
	}
	if l.Talks() && e.relay != nil {
		a := &anchor{id: inv.id, shard: s, trunk: inv.trunk, line: true}
		a.caller, _ = e.sides(inv.trunk, inv.source.Addr(), inv.source.Addr())
		ssrc := rand.Uint32()
		c.voice = testline.NewVoice(l, testline.Chance{SSRC: ssrc, Seq: uint16(rand.Uint32()), Stamp: rand.Uint32()}, e.relay.Now())
		var err error
		if a.session, err = e.relay.Line(a, a.caller, c.voice, ssrc); err != nil {
			e.mediaRefused(nil, quality.Callee, err)
		} else {
			c.media, o.Policy = a, a.caller.Policy
			o.Place.Addr, o.Place.Port = a.session.Place()
		}
	}
	s.testlines[c.tag] = c
	e.testLines.Add(1)
	s.current = c
	var out []testline.Effect
	c.call, out = testline.Begin(l, o, m, now, nil)
	if e.state.Load() == draining {
		out = c.call.Step(testline.Event{Kind: testline.Drain}, now, out)
	}
	s.grantLine(c, out, now)
}

// random is a tag: 80 bits that nobody can guess.
func random() string {
	var b [10]byte
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return base32.HexEncoding.EncodeToString(b[:])
}

// stepLine drives a call to a line with one event.
func (s *shard) stepLine(c *lineCall, ev testline.Event, now call.Instant) {
	s.current = c
	ev.Heard = c.heard()
	s.grantLine(c, c.call.Step(ev, now, nil), now)
}

// heard is what the line has heard so far, "" where nothing could be.
func (c *lineCall) heard() string {
	if c.media == nil {
		return ""
	}
	if c.media.session != nil {
		r := c.media.session.Heard()
		return testline.Heard(&r)
	}
	for i := range c.media.reports {
		return testline.Heard(&c.media.reports[i].From[quality.Caller])
	}
	return ""
}

func (s *shard) grantLine(c *lineCall, effects []testline.Effect, now call.Instant) {
	for i := range effects {
		switch ef := &effects[i]; ef.Kind {
		case testline.Send:
			s.fromLine(ef.Bytes, c.listener, now)
		case testline.Agree:
			c.agree(&ef.Terms)
		case testline.Hush:
			s.closeMedia(c.media)
		case testline.Over:
			s.drop(c)
		}
	}
	if !c.dead {
		s.timers.set(c, c.call.Next())
	}
}

// agree puts the terms of offer and answer into force.
func (c *lineCall) agree(t *testline.Terms) {
	if c.media == nil || c.media.session == nil {
		return
	}
	c.media.session.Talk(media.LineTerms{
		RTP: t.RTP, RTCP: t.RTCP, Mux: t.Mux, Held: t.Held, Send: t.Send, Receive: t.Receive, Formats: t.Formats,
	}, false, func(at time.Duration) { c.voice.Agree(*t, at) })
}

// fromLine takes what a line says as if a reader had brought it.
func (s *shard) fromLine(raw []byte, listener uint8, now call.Instant) {
	m := new(message.Message)
	if err := m.Parse(raw); err != nil {
		panic("sipedge: a test line has written what cannot be read: " + err.Error())
	}
	f := inside(listener)
	s.arrived(f, m, now)
	if m.Request {
		s.request(f, m, now)
	} else {
		s.response(f, m, now)
	}
}

// expire implements transaction.
func (c *lineCall) expire(s *shard, now call.Instant) {
	s.stepLine(c, testline.Event{Kind: testline.Tick}, now)
}

// broken implements transaction.
func (c *lineCall) broken(*shard, transport.Flow, call.Instant) {}

// gone implements transaction.
func (c *lineCall) gone(s *shard) {
	delete(s.testlines, c.tag)
	s.closeMedia(c.media)
	s.edge.testLines.Add(-1)
}

// lineMedia is the media of a call that a test line has answered, for its record.
func (s *shard) lineMedia(id callID) *anchor {
	for _, c := range s.testlines {
		if c.id == id {
			if c.media != nil && c.media.session != nil {
				c.media.session.Up()
			}
			return c.media
		}
	}
	return nil
}

// closeLines hangs up every call to a test line: an edge that is being stopped
// waits for calls of people.
func (e *Edge) closeLines() {
	for _, s := range e.shards {
		now := e.now()
		func() {
			s.mu.Lock()
			defer s.leave(now)
			for _, c := range s.testlines {
				s.aboutCall(c.id, now)
				s.stepLine(c, testline.Event{Kind: testline.Drain}, now)
			}
		}()
	}
}
