package sipedge

import (
	"bytes"
	"strconv"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/transport"
)

// sight is what a shard knows of the step in hand for the sake of ladders: the
// message that began it, until its call is known, and that call.
type sight struct {
	tape    *ladder.Tape // nil: nobody looks
	at      call.Instant
	call    callID
	flow    transport.Flow
	pending *message.Message // the message that came, not yet in any ladder
	text    []byte
	because routing.Because // of a refusal without a call
	detail  []byte          // what of the message it is about; only read in this step
	noted   bool            // the refusal has its decision record
	turned  turnedAway
	why     error // a connection ended, while transactions are told of it
}

// arrived begins a step with a message.
func (s *shard) arrived(f transport.Flow, m *message.Message, now call.Instant) {
	s.at, s.flow, s.pending = now, f, m
}

// about says which call the step is about: the message that began it, if one
// did, belongs to its ladder, and so does what is sent from now on.
func (s *shard) about(id callID, from ladder.Actor) {
	s.call = id
	if s.pending != nil {
		if s.tape != nil {
			s.seen(false, s.flow, from, s.pending.Raw, ladder.Plain(s.pending))
		}
		s.pending = nil
	}
}

// aboutCall is about for what was not begun by a message.
func (s *shard) aboutCall(id callID, now call.Instant) {
	s.at, s.pending, s.call = now, nil, id
}

// aboutTx is aboutCall for a timer or a lost connection.
func (s *shard) aboutTx(tx transaction, now call.Instant) {
	s.aboutCall(callID{}, now)
	switch tx := tx.(type) {
	case *invite:
		s.call = tx.id
	case *exchange:
		s.call = tx.of
	case *dialog:
		s.call = tx.id
	case *lineCall:
		s.call = tx.id
	}
}

// aboutMatch is about for a request that belongs to a transaction.
func (s *shard) aboutMatch(tx transaction) {
	switch tx := tx.(type) {
	case *invite:
		who := ladder.Actor(0)
		if !tx.dialogue.on {
			who = tx.trunk.actor
		}
		s.about(tx.id, who)
	case *exchange:
		s.about(tx.of, 0)
	}
}

// upstreamActor is who gets a response: the trunk of a call that is set up. In a
// dialog either side may have asked, and its address tells.
func (s *shard) upstreamActor() ladder.Actor {
	if inv, ok := s.current.(*invite); ok && !inv.dialogue.on && inv.trunk != nil {
		return inv.trunk.actor
	}
	return 0
}

// looked ends a step.
func (s *shard) looked() {
	s.call, s.pending, s.because, s.detail, s.noted = callID{}, nil, "", nil, false
}

// seen puts one message of the call in hand into its ladder; plain is as in ladder.Message.
func (s *shard) seen(out bool, f transport.Flow, who ladder.Actor, raw []byte, plain bool) {
	if s.tape == nil || s.call == (callID{}) {
		return
	}
	s.tape.Message(s.call, &ladder.Message{
		At: time.Duration(s.at), Out: out, Proto: uint8(f.Proto), Listener: f.Listener, Peer: f.Peer, Actor: who, Raw: raw, Plain: plain,
	})
}

// send sends one message on a flow and shows it.
func (s *shard) send(f transport.Flow, who ladder.Actor, b []byte) error {
	s.seen(true, f, who, b, true)
	if f.Proto == transport.Inside {
		s.inbox = append(s.inbox, posted{bytes.Clone(b), f.Listener})
		return nil
	}
	err := s.edge.layer.Send(f, b)
	if err != nil && s.tape != nil && s.call != (callID{}) {
		s.tape.Note(s.call, time.Duration(s.at), append(append(s.text[:0], "not sent: "...), err.Error()...))
	}
	return err
}

// note puts a line between the arrows of the call in hand.
func (s *shard) note(parts ...string) {
	if s.tape == nil || s.call == (callID{}) {
		return
	}
	s.text = s.text[:0]
	for _, p := range parts {
		s.text = append(s.text, p...)
	}
	s.tape.Note(s.call, time.Duration(s.at), s.text)
}

// noteNext says why the attempt before is given up for another one.
func (s *shard) noteNext(l *leg) {
	if s.tape == nil || l.hop == nil {
		return
	}
	b := append(append(s.text[:0], "gateway "...), l.hop.id...)
	b = append(l.appendSays(append(b, ' ')), ": the next one"...)
	s.text = b
	s.tape.Note(s.call, time.Duration(s.at), b)
}

// epoch is instant 0 of the edge, which its ladders share.
func (p *Parts) epoch() time.Time {
	if p.Ladders != nil {
		return p.Ladders.Epoch()
	}
	return time.Now()
}

// openLadders gives every shard its tape.
func (e *Edge) openLadders() {
	if e.parts.Ladders == nil {
		return
	}
	var list []ladder.Listener
	for i := range e.world.Load().listeners {
		l := &e.world.Load().listeners[i]
		list = append(list, ladder.Listener{Name: l.name, Local: l.shown})
	}
	e.parts.Ladders.SetListeners(list)
	for i, s := range e.shards {
		s.tape = e.parts.Ladders.Tape(i)
	}
}

// actor numbers a name for ladders.
func (e *Edge) actor(name string) ladder.Actor {
	if e.parts.Ladders == nil {
		return 0
	}
	return e.parts.Ladders.Actor(name)
}

// opened begins the ladder of a call.
func (s *shard) opened(inv *invite, m *message.Message) {
	s.traced(inv, m)
	if s.tape != nil {
		s.tape.Begin(inv.id, ladder.Start{
			At: time.Duration(s.at), Trunk: string(inv.trunk.id), To: inv.asked.To, From: inv.asked.From, Test: inv.trunk.override, TraceID: inv.trace.context.Trace,
		})
	}
	s.about(inv.id, inv.trunk.actor)
}

// showDecision puts the decision between the arrows.
func (s *shard) showDecision(id callID, d *routing.Decision, because routing.Because, outcome string, code int) {
	if s.tape == nil {
		return
	}
	one := ladder.Decided{
		At: time.Duration(s.at), To: d.PublicNumber, Kind: d.Kind.String(), Authority: d.Authority.String(), PortingState: d.PortingState.String(),
		Because: string(because), Revision: d.Revision,
	}
	b := append(s.text[:0], one.Kind...)
	if d.Route != nil && outcome == "" {
		one.Route = string(d.Route.ID)
		b = append(append(append(append(b, ' '), one.Authority...), " route="...), one.Route...)
		b = append(b, " via="...)
		for i, at := range d.Order.At[:d.Order.N] {
			if int(at) >= len(d.Route.Gateways) {
				break
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, d.Route.Gateways[at].ID...)
		}
		b = append(b, d.Route.Builtin...)
	}
	if outcome != "" {
		one.Kind = "refuse"
		b = append(append(b, ' '), outcome...)
		b = strconv.AppendInt(append(b, ' '), int64(code), 10)
	}
	if d.Revision != 0 {
		b = strconv.AppendUint(append(b, " revision="...), d.Revision, 10)
	}
	b = append(append(b, " because="...), one.Because...)
	s.text = b
	s.tape.Decided(id, &one, b)
}

// showAnswer notes that a call was answered.
func (s *shard) showAnswer(inv *invite, l *leg, code int) {
	if s.tape == nil {
		return
	}
	f := ladder.Final{
		At: time.Duration(s.at), Outcome: resultAnswered, Code: code, Gateway: string(l.hop.id), Attempts: len(inv.legs), Answered: true, Rang: s.edge.rangAt(inv),
	}
	s.tape.Final(inv.id, &f)
}

func (e *Edge) rangAt(inv *invite) time.Duration {
	if inv.rang.IsZero() {
		return 0
	}
	return inv.rang.Sub(e.epoch)
}

// showFailure notes that a call ended without an answer, and why in a sentence.
func (s *shard) showFailure(inv *invite, ending call.Ending) {
	if s.tape == nil {
		return
	}
	f := ladder.Final{
		At: time.Duration(s.at), Outcome: inv.outcomeWord(), Code: inv.code, Attempts: len(inv.legs), Rang: s.edge.rangAt(inv), Reason: s.whyFailed(inv, ending),
	}
	if n := len(inv.legs); n > 0 && inv.legs[n-1].hop != nil {
		f.Gateway = string(inv.legs[n-1].hop.id)
	}
	s.tape.Final(inv.id, &f)
}

// turnedAway bounds how many refusals without a decision are written down in
// one second of one shard: whoever sends them decides how many there are.
type turnedAway struct {
	second int64
	n      int
}

const maxTurnedAway = 200

func (t *turnedAway) allow(now call.Instant) bool {
	if second := int64(time.Duration(now) / time.Second); second != t.second {
		t.second, t.n = second, 0
	}
	t.n++
	return t.n <= maxTurnedAway
}

// showRefusal keeps a request that was answered without becoming a call. s.out
// is the response.
func (s *shard) showRefusal(f transport.Flow, m *message.Message, code int, sentence string) {
	if s.tape == nil || s.call != (callID{}) || code < 300 || (code == 401 || code == 407) && s.because == "" || m.Method == message.OPTIONS || !s.tape.Refusable(time.Duration(s.at)) {
		return
	}
	because := s.because
	if because == "" {
		because = becauseFault
	}
	if s.detail != nil {
		s.text = append(append(append(s.text[:0], sentence...), ": "...), cut(s.detail)...)
		sentence = string(s.text)
	}
	r := ladder.Refusal{
		Start: ladder.Start{At: time.Duration(s.at)}, Because: string(because), Code: code, Reason: sentence,
		Request: ladder.Message{
			At: time.Duration(s.at), Proto: uint8(f.Proto), Listener: f.Listener, Peer: f.Peer, Raw: m.Raw,
		},
		Response: s.out,
	}
	w := s.edge.world.Load()
	if t := w.trunkOf(f, nil); t != nil {
		r.Trunk, r.Request.Actor = string(t.id), t.actor
		if m.Method == message.INVITE && m.ToTag == nil {
			asked, _ := s.asked(m, t)
			r.To, r.From = asked.To, asked.From
		}
	}
	s.tape.Refuse(s.edge.newCallID(), &r)
}

// showUnproven keeps a TLS handshake of a trunk that failed; nothing was said yet.
func showUnproven(tape *ladder.Tape, id callID, t *trunk, f transport.Flow, at call.Instant, why error) {
	if !tape.Refusable(time.Duration(at)) {
		return
	}
	text := "the TLS handshake with " + f.Peer.String() + " failed: " + why.Error()
	tape.Refuse(id, &ladder.Refusal{
		Start:   ladder.Start{At: time.Duration(at), Trunk: string(t.id)},
		Because: refusedTLS, Reason: text[:min(len(text), 2*maxTold)],
	})
}
