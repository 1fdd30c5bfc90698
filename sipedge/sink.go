package sipedge

import (
	"time"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport"
)

// sink is the edge as its sockets see it.
type sink struct{ e *Edge }

// Receive implements transport.Sink.
func (k sink) Receive(f transport.Flow, m *message.Message, at time.Time) {
	k.e.shardOf(m.CallID).receive(f, m, call.Instant(at.Sub(k.e.epoch)))
}

// Refuse implements transport.Sink: a stateless refusal. An ACK is never
// answered, and neither is a response.
func (k sink) Refuse(f transport.Flow, m *message.Message, fault *message.Fault) {
	if !m.Request || m.Method == message.ACK || fault.Code == 0 {
		return
	}
	now, t := k.e.now(), k.e.world.Load().trunkOf(f, k.e.namesOf(f))
	if !k.e.heard(t, f, k.e.wall(now)) {
		return
	}
	s := k.e.shardOf(m.CallID)
	s.mu.Lock()
	defer s.leave(now)
	s.arrived(f, m, now)
	s.because = becauseMalformed
	k.e.refusal(t, refusedRequest, fault.Reason, f)
	s.answer(f, m, fault.Code, fault.Reason, nil)
}

// Standing implements transport.Sink.
func (k sink) Standing(f transport.Flow, names []string) transport.Standing {
	return k.e.world.Load().standing(f, names)
}

// Lost implements transport.Sink. Every shard is asked: any of them may have
// sent on that flow.
func (k sink) Lost(f transport.Flow, err error) {
	k.e.log.Debug("connection lost", "peer", f.Peer.String(), "error", err)
	now := k.e.now()
	for _, s := range k.e.shards {
		s.lost(f, err, now)
	}
}
