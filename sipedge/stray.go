package sipedge

import (
	"net/netip"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/transport"
)

// stray takes a response that finds no client transaction: a 2xx sent again
// after the call came to rest, one of a second callee, or anything that was on
// its way when this edge was restarted. It is forwarded by its Vias alone
// (RFC 3261 section 16.11), and only if the branch proves that this edge, or one
// with its key, has sent the request for exactly the Via below. Everything else
// is dropped: an edge that reflected strays would be anybody's mirror.
func (s *shard) stray(f transport.Flow, m *message.Message, raw [branchRaw]byte, now call.Instant) {
	below, ok := m.ViaBelow()
	if !ok || m.Method == message.CANCEL || m.Status == 100 || insideVia(&below) {
		s.edge.meter.stray()
		return
	}
	source, ok := below.Target()
	if !ok {
		s.edge.meter.stray()
		return
	}
	class := byte(classOther)
	if m.Method == message.INVITE {
		class = classInvite
	}
	if !s.madeBranch(&raw, &below, m.CallID, source, class) {
		s.edge.meter.stray()
		return
	}
	if s.heardAlready(m) {
		return
	}
	up := flowOf(raw, source)
	if _, t := s.tokenIn(m, s.edge.world.Load()); t != nil && s.tape != nil {
		s.about(t.Call, 0)
	}
	w := s.edge.world.Load()
	if int(up.Listener) >= len(w.listeners) {
		return
	}
	up.Proto = w.listeners[up.Listener].proto
	old, t := s.tokenIn(m, w)
	if t == nil {
		trunk := w.trunkOf(up, nil)
		s.out = s.upstream(w, trunk, m, nil, s.hiddenBody(trunk, m), up.Listener, s.out[:0])
	} else {
		seal := *t
		seal.Direction, seal.Hop, seal.HopProto = token.ToCallee, f.Peer, uint8(f.Proto)
		if m.Status >= 200 {
			seal.Answered = uint32(s.edge.wall(now).Unix())
		}
		trunk := w.trunkByHash[t.Trunk]
		body := s.hiddenBody(trunk, m)
		if a := s.media[t.Call]; a != nil && len(m.Body) > 0 {
			body = s.plainBody(a, quality.Callee, m)
		}
		s.out = s.upstream(w, trunk, m, &swap{old, &seal, m.FromTag, nil}, body, up.Listener, s.out[:0])
	}
	s.respond(up, below.Port, s.out)
}

// insideVia says that a request came from a test line of this edge, or of one of
// its site: nobody but its transaction wants the response.
func insideVia(v *message.Via) bool {
	at, ok := v.Target()
	return ok && at == insidePeer
}

// heardAlready says whether the caller has had its final response: only a 2xx to
// an INVITE is worth sending again then, since its caller must acknowledge it.
func (s *shard) heardAlready(m *message.Message) bool {
	if m.Method == message.INVITE && m.Status >= 200 && m.Status < 300 {
		return false
	}
	key := s.txKey(m)
	_, _, buried := s.tombs.get(key)
	return buried || s.servers[key] != nil
}

// flowOf is the way up that a branch of ours names.
func flowOf(raw [branchRaw]byte, source netip.AddrPort) transport.Flow {
	conn := uint32(raw[2])<<24 | uint32(raw[3])<<16 | uint32(raw[4])<<8 | uint32(raw[5])
	return transport.Flow{Listener: raw[1], Conn: conn, Peer: source}
}

// tokenIn finds the callee's token in the Record-Routes of a response of the callee.
func (s *shard) tokenIn(m *message.Message, w *world) ([]byte, *token.Token) {
	if m.Method != message.INVITE {
		return nil, nil
	}
	for value := range m.Values(message.KRecordRoute) {
		u, own := s.ownRoute(value, w)
		if own < 0 || len(u.User) < minToken {
			continue
		}
		if t, err := w.ring.Open(u.User, m.CallID, m.FromTag); err == nil && t.Direction == token.ToCaller {
			return u.User, &t
		}
	}
	return nil, nil
}

// minToken tells a token from secondRoute.
const minToken = 16

// ownRoute cuts a Route or Record-Route value and says which listener of ours it
// names, -1 for none.
func (s *shard) ownRoute(value []byte, w *world) (message.URI, int) {
	na, err := message.ParseNameAddr(value)
	if err != nil {
		return message.URI{}, -1
	}
	u, err := message.ParseURI(na.URI)
	if err != nil {
		return message.URI{}, -1
	}
	return u, w.own(u.Host, u.Port)
}
