package sipedge

import (
	"bytes"
	"slices"
	"time"

	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// dialog is what is remembered of an answered call beside its route tokens: for
// its CDR, its places in limits, and a BYE when it must end. It routes nothing.
type dialog struct {
	txHead // its deadline is the longest a call may last
	id     callID
	record []byte // a records.Dialog, encoded
	cseq   [2]uint32
	trunk  *trunk
	pass   ratelimit.Pass
	caller ratelimit.Pass
	until  call.Instant // the longest it may last
	session
	held  records.Held
	tag   []byte // the callee's: a fork of the same INVITE has another
	taken bool   // over from the journal
	cut   bool   // the other end was this edge itself, in its last run
	media *anchor
}

// maxDialogs bounds the dialogs one edge remembers, as the journal does.
const maxDialogs = 200_000

const (
	byCaller = iota // index into dialog.cseq: whose requests
	byCallee
)

// answered makes the dialog of a call that got its first 2xx, and moves the
// call's places in limits over to it.
func (s *shard) answered(inv *invite, l *leg, m *message.Message, now call.Instant) {
	inv.code = m.Status
	if inv.inflight {
		inv.inflight = false
		s.edge.metrics.InFlight.Add(-1)
	}
	r := s.dialogRecord(inv, l, m, now)
	if inv.media != nil {
		inv.media.session.Up()
		r.Media = inv.media.session.Append(nil)
	}
	media := inv.media
	if l.flow.Proto == transport.Inside {
		media = s.lineMedia(inv.id)
	}
	d := &dialog{media: media, id: inv.id, trunk: inv.trunk, pass: inv.pass, caller: inv.caller, held: r.Held, tag: bytes.Clone(m.ToTag)}
	d.cseq[byCaller] = m.CSeq
	inv.entered, inv.numbered, inv.counted, inv.media = false, false, false, nil
	d.session.insert = inv.trunk.sessionTimer
	s.remember(d, now+call.Instant(inv.world.maxDuration))
	s.agreed(d, inv, m, now)
	var err error
	if d.record, err = r.Append(make([]byte, 0, 512)); err != nil {
		s.edge.log.Warn("dialog is not recorded", "call", inv.id.String(), "error", err)
	}
	if err := s.edge.keeper.Answered(&r); err != nil {
		s.edge.meter.unjournaled.Add(1)
	}
	s.edge.callAnswered(s, inv, l, m.Status, now)
}

// remember keeps a dialog until it ends, at the latest at the given instant.
func (s *shard) remember(d *dialog, until call.Instant) {
	d.pos, d.due = -1, call.Never
	s.dialogs[d.id] = d
	s.edge.metrics.Dialogs.Add(1)
	d.until, d.session.until = until, call.Never
	s.timers.set(d, until)
}

func (s *shard) dialogRecord(inv *invite, l *leg, m *message.Message, now call.Instant) records.Dialog {
	w, d := inv.world, &inv.decision
	o := s.original(inv)
	wall := s.edge.wall(now)
	r := records.Dialog{
		Call: inv.id, SIPCallID: m.CallID,
		Trunk: inv.trunk.id, Route: l.hop.route.ID, Gateway: l.hop.id,
		Authority: l.hop.route.Authority, PortingState: d.PortingState, Because: inv.because(), Revision: d.Revision,
		PublicNumber: d.PublicNumber, CallerNumber: inv.asked.From,
		From: m.Value(message.KFrom), To: m.Value(message.KTo),
		Invited: inv.arrived, Ringing: inv.rang, Answered: wall, Expires: wall.Add(w.maxDuration),
		Interval: inv.at, Attempts: s.attempted(inv, now),
	}
	s.account(inv, &r.CurrentServingProvider, &r.UnderlyingCarrier, &r.CustomerAssignment)
	r.Caller = records.End{
		Tag: m.FromTag, Contact: contactURI(o), CSeq: m.CSeq, Routes: joinValues(o, message.KRecordRoute, false),
		Flow: records.Flow{Proto: uint8(inv.flow.Proto), Listener: w.listeners[inv.flow.Listener].name, Peer: inv.source},
	}
	r.Callee = records.End{
		Tag: m.ToTag, Contact: contactURI(m), Routes: s.calleeRoutes(m, w),
		Flow: records.Flow{Proto: uint8(l.flow.Proto), Listener: w.listeners[l.flow.Listener].name, Peer: l.flow.Peer},
	}
	if inv.entered {
		r.Held |= records.HeldTrunk
	}
	if inv.numbered {
		r.Held |= records.HeldNumber
	}
	if inv.counted {
		r.Held |= records.HeldCaller
	}
	return r
}

func contactURI(m *message.Message) []byte {
	na, err := message.ParseNameAddr(m.Value(message.KContact))
	if err != nil {
		return nil
	}
	return na.URI
}

func joinValues(m *message.Message, k message.Kind, reverse bool) []byte {
	if !m.Has(k) {
		return nil
	}
	values := slices.Collect(m.Values(k))
	if reverse {
		slices.Reverse(values)
	}
	return bytes.Join(values, []byte(", "))
}

// calleeRoutes is the route set from us to the callee: what stands above our own
// Record-Route, reversed.
func (s *shard) calleeRoutes(m *message.Message, w *world) []byte {
	var above [][]byte
	for value := range m.Values(message.KRecordRoute) {
		if _, own := s.ownRoute(value, w); own >= 0 {
			break
		}
		above = append(above, value)
	}
	slices.Reverse(above)
	return bytes.Join(above, []byte(", "))
}

// bye ends the dialog that a BYE belongs to. On another edge than the one that
// answered there is no record, and the token alone vouches for the CDR.
func (s *shard) bye(p *passage, m *message.Message, now call.Instant) {
	side := records.ByCaller
	if p.token.Direction == token.ToCaller {
		side = records.ByCallee
	}
	if d := s.dialogs[p.token.Call]; d != nil {
		if d.owns(p.token.Direction, m) {
			s.endDialog(d, side, now)
		}
		return
	}
	if s.ended.lately(p.token.Call, now) {
		return
	}
	alone := s.endAlone(p.token.Call)
	s.ended.note(p.token.Call, now)
	s.edge.endElsewhere(s, p, m, alone, side, now)
}

// owns says whether a request that goes in a direction, or the response to it,
// belongs to the dialog that was answered first: a caller that hangs up a second
// fork goes on talking in this one.
func (d *dialog) owns(to token.Direction, m *message.Message) bool {
	tag := m.ToTag
	if to == token.ToCaller {
		tag = m.FromTag
	}
	return len(d.tag) == 0 || bytes.Equal(d.tag, tag)
}

// endDialog gives back what the dialog held and writes its CDR.
func (s *shard) endDialog(d *dialog, side records.Side, now call.Instant) {
	s.drop(d)
	s.ended.note(d.id, now)
	s.edge.keeper.Ended(d.id)
	if s.tape != nil {
		s.tape.Over(d.id, time.Duration(now), string(side))
	}
	s.edge.recordEnd(s, d, side, now)
}

// expire implements transaction: a call that lasts longer than any may is hung
// up, and so is one whose ends have stopped to say that it lives.
func (d *dialog) expire(s *shard, now call.Instant) {
	why := overDuration
	switch {
	case d.cut:
		why = overRestart
	case now < d.until:
		why = overSession
	}
	s.hangUp(d, why, now)
	s.endDialog(d, records.ByEdge, now)
}

// broken implements transaction.
func (d *dialog) broken(*shard, transport.Flow, call.Instant) {}

// gone implements transaction.
func (d *dialog) gone(s *shard) {
	delete(s.dialogs, d.id)
	s.closeMedia(d.media)
	s.edge.metrics.Dialogs.Add(-1)
	if d.held&records.HeldTrunk != 0 && d.trunk != nil {
		d.trunk.limits.Leave()
	}
	if d.held&records.HeldNumber != 0 {
		s.edge.numbers.Leave(d.pass)
	}
	if d.held&records.HeldCaller != 0 {
		s.edge.callers.Leave(d.caller)
	}
}

// noteCSeq remembers the highest CSeq of each side, for a BYE of ours.
func (s *shard) noteCSeq(p *passage, m *message.Message) {
	d := s.dialogs[p.token.Call]
	if d == nil || !d.owns(p.token.Direction, m) {
		return
	}
	side := byCaller
	if p.token.Direction == token.ToCaller {
		side = byCallee
	}
	d.cseq[side] = max(d.cseq[side], m.CSeq)
}

// noteTarget follows a target refresh (RFC 3261 section 12.2): the Contact of a
// re-INVITE and of its 2xx.
func (s *shard) noteTarget(inv *invite, m *message.Message) {
	d := s.dialogs[inv.id]
	if d == nil || !d.owns(inv.dialogue.token.Direction, m) {
		return
	}
	s.refreshed(d, m, s.edge.now())
	var r records.Dialog
	if r.Decode(d.record) != nil {
		return
	}
	request, response := contactURI(s.original(inv)), contactURI(m)
	from, to := &r.Caller, &r.Callee
	if inv.dialogue.token.Direction == token.ToCaller {
		from, to = to, from
	}
	if request != nil {
		from.Contact = bytes.Clone(request)
	}
	if response != nil {
		to.Contact = response
	}
	r.Caller.CSeq, r.Callee.CSeq = d.cseq[byCaller], d.cseq[byCallee]
	s.keepRecord(d, &r)
}
