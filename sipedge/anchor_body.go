package sipedge

import (
	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/transport"
)

// A message's body as the other end gets it: the SDP in it is changed, and what
// stands around it in a multipart is not. nil means that nothing changes.

// rewrite changes the SDP of a message, if there is any.
func (s *shard) rewrite(m *message.Message, change func(body, dst []byte) ([]byte, error)) (body []byte, err error) {
	from, to, ok := sdp.Find(m.Value(message.KContentType), m.Body)
	if !ok {
		return nil, nil
	}
	s.body = append(s.body[:0], m.Body[:from]...)
	s.body, err = change(m.Body[from:to], s.body)
	s.body = append(s.body, m.Body[to:]...)
	return s.body, err
}

// offerBody is a request or a response that may bring an offer of one end.
func (s *shard) offerBody(a *anchor, from quality.End, m *message.Message, late bool) ([]byte, error) {
	return s.rewrite(m, func(body, dst []byte) ([]byte, error) {
		session, err := a.live()
		if err != nil {
			return dst, err
		}
		return session.Offer(from, m.CSeq, late, body, dst)
	})
}

// plainBody is a message whose SDP nothing comes of. Without ports, or when it
// cannot be read, nothing of it is seen.
func (s *shard) plainBody(a *anchor, from quality.End, m *message.Message) []byte {
	b, _ := s.rewrite(m, func(body, dst []byte) ([]byte, error) {
		if a != nil && a.session != nil {
			return a.session.Rewrite(from, body, dst)
		}
		var d sdp.Description
		if err := d.Read(body); err != nil {
			return dst, err
		}
		return d.Append(dst, &sdp.Edit{Addr: s.edge.relay.Address(d.Addr()), Hide: true}), nil
	})
	return b
}

// answerBody is a response of one end. counts says that it is of the dialog that
// matters, up that the call is answered with it or was before.
func (s *shard) answerBody(a *anchor, from quality.End, m *message.Message, counts, up bool) []byte {
	switch {
	case len(m.Body) == 0:
		return nil
	case a == nil || a.session == nil || !counts || m.Status >= 300:
		return s.plainBody(a, from, m)
	case !a.session.Offered(from.Other(), m.CSeq):
		if m.Method != message.INVITE {
			return s.plainBody(a, from, m)
		}
		b, err := s.offerBody(a, from, m, true)
		if err != nil {
			s.mediaRefused(a, from, err)
			return s.plainBody(a, from, m)
		}
		return b
	}
	b, err := s.rewrite(m, func(body, dst []byte) ([]byte, error) {
		return a.session.Answer(from, m.Status >= 200, up && m.Status >= 200, body, dst)
	})
	if err != nil {
		s.mediaRefused(a, from, err)
	}
	return b
}

// legBody is a response of a gateway to the INVITE that began a call.
func (s *shard) legBody(inv *invite, m *message.Message) []byte {
	a := s.media[inv.id]
	if a == nil {
		return s.hiddenBody(inv.trunk, m)
	}
	d := s.dialogs[inv.id]
	return s.answerBody(a, quality.Callee, m, d == nil || d.owns(token.ToCallee, m), true)
}

// hiddenBody is a response of the inside to a trunk that must see nothing of it,
// where no relay knows the call.
func (s *shard) hiddenBody(t *trunk, m *message.Message) []byte {
	if t == nil || !t.hide || s.edge.relay == nil || len(m.Body) == 0 || s.flow.Proto == transport.Inside {
		return nil
	}
	return s.plainBody(nil, quality.Callee, m)
}

// mediaInside prepares the body of a request inside a dialog. A dialog that was
// anchored on another edge is anchored here with its next offer. code is 0 when
// the request may pass.
func (s *shard) mediaInside(f transport.Flow, m *message.Message, w *world, p *passage) (code int, reason string) {
	if s.edge.relay == nil {
		return 0, ""
	}
	from := quality.Caller
	if p.token.Direction == token.ToCaller {
		from = quality.Callee
	}
	a := s.media[p.token.Call]
	offers := m.Method == message.INVITE || m.Method == message.UPDATE && len(m.Body) > 0
	if a == nil && offers && anchored(p.trunk, w.routeByHash[p.token.Route]) {
		var err error
		if a, err = s.anchorAlone(f, w, p); err != nil {
			return s.noMedia(err)
		}
	}
	if p.media = a; a == nil || len(m.Body) == 0 {
		return 0, ""
	}
	d := s.dialogs[p.token.Call]
	if d != nil && !d.owns(p.token.Direction, m) {
		p.body = s.plainBody(a, from, m)
		return 0, ""
	}
	return s.bodyInside(a, from, m, p)
}

func (s *shard) bodyInside(a *anchor, from quality.End, m *message.Message, p *passage) (code int, reason string) {
	var err error
	answers := m.Method == message.ACK || m.Method == message.PRACK
	switch {
	case answers && a.session != nil && a.session.Late(from.Other()):
		up := m.Method == message.ACK || a.alone || s.dialogs[a.id] != nil
		p.body, err = s.rewrite(m, func(body, dst []byte) ([]byte, error) {
			return a.session.Answer(from, m.Method == message.ACK, up, body, dst)
		})
		if err != nil {
			s.mediaRefused(a, from, err)
		}
		s.keepMedia(a)
	case m.Method == message.INVITE, m.Method == message.UPDATE, m.Method == message.PRACK:
		if p.body, err = s.offerBody(a, from, m, false); err != nil {
			s.mediaRefused(a, from, err)
			return s.noMedia(err)
		}
	default:
		p.body = s.plainBody(a, from, m)
	}
	return 0, ""
}

// bodyBack is a response to a request that went in a direction inside a dialog.
func (s *shard) bodyBack(id callID, to token.Direction, t *trunk, m *message.Message) []byte {
	from := quality.Callee
	if to == token.ToCaller {
		from = quality.Caller
	}
	a, d := s.media[id], s.dialogs[id]
	if m.Status >= 300 {
		s.offerRefused(id, to, m.CSeq)
	}
	if a == nil {
		if from == quality.Caller {
			return nil
		}
		return s.hiddenBody(t, m)
	}
	body := s.answerBody(a, from, m, d == nil || d.owns(to, m), a.alone || d != nil)
	if m.Status/100 == 2 && body != nil && m.Method != message.INVITE {
		s.keepMedia(a) // of an INVITE it is kept with the targets
	}
	return body
}

// offerRefused says that the request which went in a direction was refused, and
// an offer in it with it.
func (s *shard) offerRefused(id callID, to token.Direction, cseq uint32) {
	a := s.media[id]
	if a == nil || a.session == nil {
		return
	}
	offerer := quality.Caller
	if to == token.ToCaller {
		offerer = quality.Callee
	}
	a.session.Refused(offerer, cseq)
}
