package sipedge

import (
	"crypto/rand"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/message/token"
	"github.com/speakops/sipedge/sipedge/transport"
)

// own sends a request of our own and, when done is not nil, tells how it
// ended: with a final code, or 0 for none.
func (s *shard) own(req *message.Request, next nextHop, done func(code int), now call.Instant) {
	w := s.edge.world.Load()
	x := &exchange{world: w, method: req.Method, done: done, of: s.call}
	if done == nil {
		x.done = func(int) {}
	}
	x.branch, x.client = s.ownBranch()
	req.Via = s.via(w, next.listener, &x.branch)
	s.out = req.Append(s.out[:0])
	x.sent = s.hold(s.out)
	s.adopt(x, x.client, x.client, transport.Flow{})
	s.clients[x.client] = client{x, 0}
	x.x.Begin(now, true, next.proto != transport.UDP, true)
	flow, err := s.sendNext(next, x.sent)
	x.down = flow
	if err != nil {
		s.stepExchange(x, call.Event{Kind: call.Broken}, nil, now)
		return
	}
	s.timers.set(x, x.x.Next())
}

// ownBranch is a branch of a request of our own: nothing but chance in it.
func (s *shard) ownBranch() (b branch, key uint64) {
	var raw [branchRaw]byte
	rand.Read(raw[:])
	copy(b[:], cookie)
	token.Text.Encode(b[len(cookie):], raw[:])
	_, key, _ = parseBranch(b[:])
	return b, key
}
