package sipedge

import (
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// tooLong is why the edge hangs up a call.
type tooLong struct{ log, text string }

var (
	overDuration = tooLong{"call is over its longest duration", "call duration limit"}
	overSession  = tooLong{"call was not refreshed within its session timer", "session timer expired"}
	overRestart  = tooLong{"test line did not outlive the last run", "edge was restarted"}
	overSilence  = tooLong{"call has had no media for too long", "no media"}
)

// hangUp sends a BYE to both sides, as each would get it from the other
// (section 15.1.1): the other's tag, and one more than its last CSeq.
func (s *shard) hangUp(d *dialog, why tooLong, now call.Instant) {
	var r records.Dialog
	if err := r.Decode(d.record); err != nil || r.Cut {
		s.edge.log.Warn(why.log+"; its record holds too little to hang up, it is released", "call", d.id.String())
		return
	}
	s.edge.log.Info(why.log+": hung up", "call", d.id.String(), "trunk", r.Trunk)
	s.sendBye(&r, &r.Caller, r.To, r.From, d.cseq[byCallee]+1, why, now)
	s.sendBye(&r, &r.Callee, r.From, r.To, d.cseq[byCaller]+1, why, now)
}

func (s *shard) sendBye(r *records.Dialog, to *records.End, from, toValue []byte, cseq uint32, why tooLong, now call.Instant) {
	if len(to.Contact) == 0 {
		return
	}
	w := s.edge.world.Load()
	out := w.listenerFor(w.listenerByName(to.Flow.Listener), transport.Proto(to.Flow.Proto), to.Flow.Peer.Addr())
	if transport.Proto(to.Flow.Proto) == transport.Inside {
		out = max(0, w.listenerByName(to.Flow.Listener))
	}
	if out < 0 {
		return
	}
	req := message.Request{
		Method: message.BYE, URI: to.Contact, From: from, To: toValue, CallID: r.SIPCallID, CSeq: cseq,
		Extra: []byte("Reason: Q.850;cause=102;text=\"" + why.text + "\"\r\n"),
	}
	if len(to.Routes) > 0 {
		req.Routes = [][]byte{to.Routes}
	}
	next := nextHop{addr: to.Flow.Peer, proto: transport.Proto(to.Flow.Proto), listener: out}
	if next.proto == transport.TLS {
		next.tls = w.tlsFor(next.addr, token.ToCallee)
	}
	s.own(&req, next, nil, now)
}
