package sipedge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/message"
)

// asker sends the gateways' OPTIONS probes with client transactions of our own.
type asker struct{ e *Edge }

// Ask implements gateway.Asker.
func (a asker) Ask(ctx context.Context, t gateway.Target, index int) (int, error) {
	e := a.e
	w := e.world.Load()
	if index >= len(w.gateways) {
		return 0, errors.New("edge is starting")
	}
	h := w.gateways[index]
	out := w.listenerFor(h.route.listener, t.Proto, t.Addr.Addr())
	if out < 0 {
		return 0, fmt.Errorf("no %s listener to probe from", t.Proto)
	}
	l := &w.listeners[out]
	from := "<sip:probe" + string(l.contactTail) + ";tag=" + randomText(6)
	req := message.Request{
		Method: message.OPTIONS, URI: []byte("sip:" + h.uri), From: []byte(from), To: []byte("<sip:" + h.uri + ">"),
		CallID: []byte(randomText(12)), CSeq: 1, Extra: []byte("Contact: <sip:probe" + string(l.contactTail) + "\r\nAccept: application/sdp\r\n"),
	}
	answer := make(chan int, 1)
	s := e.shardOf(req.CallID)
	func() {
		now := e.now()
		s.mu.Lock()
		defer s.leave(now)
		s.own(&req, nextHop{addr: t.Addr, proto: t.Proto, tls: t.TLS, listener: out}, func(code int) {
			select {
			case answer <- code:
			default:
			}
		}, now)
	}()
	select {
	case code := <-answer:
		if code == 0 {
			return 0, errors.New("no response")
		}
		return code, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
