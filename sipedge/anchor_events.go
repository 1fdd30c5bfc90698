package sipedge

import (
	"errors"
	"log/slog"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/media"
	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Reasons of a refusal for the sake of media.
const (
	becauseMediaPorts routing.Because = "media_ports" // there are none left
	becauseSDP        routing.Because = "sdp_refused" // cannot be read, or asks for what the policy forbids
)

// notAcceptable answers an offer that cannot be carried: only who made it can
// mend it (section 13.3.1.3). Q.850 88 is an incompatible destination.
var notAcceptable = profile.Answer{Code: 488, Reason: "Not Acceptable Here", Cause: 88}

// refuseMedia ends a call whose media cannot be carried.
func (s *shard) refuseMedia(inv *invite, err error) {
	s.mediaRefused(inv.media, quality.Caller, err)
	inv.mediaWhy = err.Error()
	if lackOfPorts(err) {
		inv.outcome, inv.refused = profile.RetryElsewhere, becauseMediaPorts
		return
	}
	inv.outcome, inv.refused, inv.badSDP = profile.Blocked, becauseSDP, true
}

// final is what the trunk is told about an outcome of ours.
func (inv *invite) final() profile.Answer {
	if inv.badSDP {
		return notAcceptable
	}
	return inv.trunk.profile.Final(inv.outcome)
}

// lackOfPorts says whether media failed for want of ports or sockets; every
// other reason lies in the SDP.
func lackOfPorts(err error) bool {
	return !media.IsRefusal(err)
}

// noMedia answers a request inside a dialog whose offer cannot be carried.
func (s *shard) noMedia(err error) (code int, reason string) {
	if lackOfPorts(err) {
		return 500, "No Media Ports"
	}
	return notAcceptable.Code, notAcceptable.Reason
}

// mediaRefused is the edge's, and says it in the ladder of the call in hand.
func (s *shard) mediaRefused(a *anchor, from quality.End, err error) {
	s.note("SDP of the ", from.String(), " refused: ", err.Error())
	s.edge.mediaRefused(a, from, err)
}

// mediaRefused says what was wrong with an end's SDP, or that ports ran out,
// which is an alarm: calls are lost to other edges.
func (e *Edge) mediaRefused(a *anchor, from quality.End, err error) {
	if errors.Is(err, media.ErrNoPorts) {
		used, resting, all := e.relay.Ports()
		e.lastNoPorts.Store(int64(e.now()))
		e.floods.Log(e.bgCtx, slog.LevelError, "media-ports", "media ports have run out: calls are sent elsewhere",
			slog.Int("used", used), slog.Int("resting", resting), slog.Int("all", all), observe.Error(err))
		return
	}
	attrs := []slog.Attr{slog.String("from", from.String()), observe.Error(err)}
	if a != nil {
		attrs = append(attrs, slog.String(observe.KeyCall, a.id.String()), slog.String(observe.KeyTrunk, string(a.trunk.id)))
	}
	e.flood("sdp-"+from.String(), "SDP refused", attrs...)
}

// anchorAlone anchors a dialog of another edge.
func (s *shard) anchorAlone(f transport.Flow, w *world, p *passage) (*anchor, error) {
	caller, callee := f.Peer.Addr(), p.next.addr.Addr()
	if p.token.Direction == token.ToCaller {
		caller, callee = callee, caller
	}
	a, err := s.newAnchor(p.token.Call, p.trunk, caller, callee)
	if err != nil {
		return nil, err
	}
	a.alone, a.pos = true, -1
	s.timers.set(a, max(s.edge.now(), call.Instant(time.Unix(int64(p.token.Expires), 0).Sub(s.edge.epoch))))
	return a, nil
}

// expire implements transaction: a dialog that stands alone is over by now,
// whatever was heard of it.
func (a *anchor) expire(s *shard, _ call.Instant) { s.drop(a) }

// broken implements transaction.
func (a *anchor) broken(*shard, transport.Flow, call.Instant) {}

// gone implements transaction.
func (a *anchor) gone(s *shard) { s.closeMedia(a) }

// endAlone releases the media of a dialog of another edge.
func (s *shard) endAlone(id callID) *anchor {
	a := s.media[id]
	if a == nil || !a.alone {
		return nil
	}
	s.drop(a)
	return a
}

// mediaEvent takes what the relay has noticed; it comes on the relay's goroutine.
func (e *Edge) mediaEvent(ev media.Event) {
	a, ok := ev.Session.Owner.(*anchor)
	if !ok {
		return
	}
	s, now := a.shard, e.now()
	s.mu.Lock()
	defer s.leave(now)
	if a.session != ev.Session {
		return // over meanwhile
	}
	s.aboutCall(a.id, now)
	attrs := []slog.Attr{slog.String(observe.KeyCall, a.id.String()), slog.String(observe.KeyTrunk, string(a.trunk.id))}
	switch ev.Kind {
	case media.OneWay:
		a.trunk.stats.OneWay(ev.Not.String())
		s.note("one-way audio: ", ev.Not.String(), " has not been heard for ", ev.For.String())
		e.log.LogAttrs(e.bgCtx, slog.LevelWarn, "one-way audio: "+ev.Not.String()+" is not heard", append(attrs, slog.Duration("for", ev.For))...)
	case media.Heard:
		s.note("two-way audio again: ", ev.Not.String(), " is heard after ", ev.For.String())
		e.log.LogAttrs(e.bgCtx, slog.LevelInfo, "two-way audio again: "+ev.Not.String()+" is heard", append(attrs, slog.Duration("after", ev.For))...)
	case media.Idle:
		s.note("no media for ", ev.For.String())
		e.log.LogAttrs(e.bgCtx, slog.LevelWarn, "no media", append(attrs, slog.Duration("for", ev.For))...)
		s.idle(a, now)
	}
}

// idle ends the media of a call from which nothing comes any more, or the call.
func (s *shard) idle(a *anchor, now call.Instant) {
	if s.edge.world.Load().config.Media.OnInactivity != "hangup" {
		if !a.line {
			a.rest()
		}
		return
	}
	d := s.dialogs[a.id]
	if d == nil {
		s.edge.log.Warn("call without media has no record on this edge and cannot be hung up; it is released", "call", a.id.String())
		a.rest()
		return
	}
	s.hangUp(d, overSilence, now)
	s.endDialog(d, records.ByEdge, now)
}

// keepMedia writes down anew what a restarted edge needs to go on.
func (s *shard) keepMedia(a *anchor) {
	d := s.dialogs[a.id]
	if d == nil || d.media != a {
		return
	}
	var r records.Dialog
	if r.Decode(d.record) != nil {
		return
	}
	r.Caller.CSeq, r.Callee.CSeq = d.cseq[byCaller], d.cseq[byCallee]
	s.keepRecord(d, &r)
}

// keepRecord replaces a dialog's record, with its media as it is now.
func (s *shard) keepRecord(d *dialog, r *records.Dialog) {
	r.Media = nil
	if d.media != nil && !d.media.line && d.media.session != nil {
		r.Media = d.media.session.Append(nil)
	}
	if b, err := r.Append(nil); err == nil {
		d.record = b
		if err := s.edge.keeper.Answered(r); err != nil {
			s.edge.meter.unjournaled.Add(1)
		}
	}
}

// streams are what a session's m-lines came to, as a CDR has it.
func streams(session *media.Session) []records.Stream { return streamsOf(session.Reports()) }

func streamsOf(reports []media.Report) (list []records.Stream) {
	for i := range reports {
		r := &reports[i]
		one := func(end quality.End) records.Heard {
			return records.Heard{Report: r.From[end], Missed: r.OneWay[end], For: r.Missed[end]}
		}
		list = append(list, records.Stream{
			Line: r.Line, Audio: r.Audio, Secure: r.Secure, Caller: one(quality.Caller), Callee: one(quality.Callee),
		})
	}
	return list
}

// told is everything the media of a call came to; it is counted once.
func (a *anchor) told() []records.Stream {
	if a == nil {
		return nil
	}
	list := append(a.past, streamsOf(a.reports)...)
	for i := range list {
		if s := &list[i]; s.Audio {
			a.trunk.stats.Heard(&s.Caller.Report)
			a.trunk.stats.Heard(&s.Callee.Report)
		}
	}
	return list
}
