package sipedge

import (
	"bytes"
	"time"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// cseqGap is more than the requests of one call that may have passed since its
// record was written. A CSeq may leave numbers out (RFC 3261 section 12.2.2),
// but a BYE of ours whose number is too low would be refused.
const cseqGap = 1 << 10

// lineGrace is when a call to a test line of the last run is hung up: once the
// sockets are there, and before anybody wonders at the silence.
const lineGrace = 2 * time.Second

// readopt takes over the dialogs of the last run: their places in limits, their
// longest duration, their CDR.
func (e *Edge) readopt(list []records.Dialog) {
	w := e.world.Load()
	now := e.now()
	for i := range list {
		r := &list[i]
		s := e.shardOf(r.SIPCallID)
		d := &dialog{id: r.Call, trunk: w.trunkNamed(r.Trunk), held: r.Held, tag: bytes.Clone(r.Callee.Tag), taken: true}
		d.cseq = [2]uint32{r.Caller.CSeq + cseqGap, r.Callee.CSeq + cseqGap}
		d.record, _ = r.Append(nil)
		d.media = s.reopen(r, d.trunk)
		if d.trunk != nil && d.held&records.HeldTrunk != 0 {
			d.trunk.limits.Adopt()
		}
		if d.held&records.HeldNumber != 0 {
			d.pass = e.numbers.Adopt(r.PublicNumber)
		}
		if d.held&records.HeldCaller != 0 {
			d.caller = e.callers.Adopt(r.CallerNumber)
		}
		d.session.insert = d.trunk != nil && d.trunk.sessionTimer
		left := r.Expires.Sub(e.epoch)
		s.mu.Lock()
		until := max(now, call.Instant(left))
		if d.cut = transport.Proto(r.Callee.Flow.Proto) == transport.Inside; d.cut {
			until = min(until, now+call.Instant(lineGrace))
		}
		s.remember(d, until)
		s.arm(now)
		s.mu.Unlock()
	}
	if len(list) > 0 {
		e.log.Info("dialogs of the last run taken over", "dialogs", len(list))
	}
}

// reopen opens the ports again that a dialog of the last run had, nil when it had
// none. One whose ports are gone is anchored anew by its next offer.
func (s *shard) reopen(r *records.Dialog, t *trunk) *anchor {
	e := s.edge
	if len(r.Media) == 0 || t == nil || e.relay == nil {
		return nil
	}
	a := &anchor{id: r.Call, shard: s, trunk: t}
	a.caller, a.callee = e.sides(t, r.Caller.Flow.Peer.Addr(), r.Callee.Flow.Peer.Addr())
	session, err := e.relay.Restore(a, a.caller, a.callee, r.Media)
	if err != nil {
		e.log.Warn("media of a dialog of the last run is lost until its next offer", "call", r.Call.String(), "error", err)
	}
	a.session = session
	s.mu.Lock()
	s.media[a.id] = a
	s.mu.Unlock()
	return a
}
