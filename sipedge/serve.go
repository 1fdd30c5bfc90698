package sipedge

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// certificates are the listeners' TLS sides; a reload replaces them.
type certificates struct{ at []atomic.Pointer[tls.Config] }

func (c *certificates) load(cfg *configs.Edge) error {
	loaded := make([]*tls.Config, len(cfg.SIP.Listen))
	for i, l := range cfg.SIP.Listen {
		if protoNamed(l.Transport) != transport.TLS {
			continue
		}
		t, err := l.ServerConfig()
		if err != nil {
			return fmt.Errorf("listener %s: %w", l.Name, err)
		}
		loaded[i] = t
	}
	if c.at == nil {
		c.at = make([]atomic.Pointer[tls.Config], len(loaded))
	}
	for i, t := range loaded {
		if t != nil {
			c.at[i].Store(t)
		}
	}
	return nil
}

func (e *Edge) transportOptions(c *configs.Edge) transport.Options {
	o := transport.Options{Net: e.parts.Net, PerSourceConns: c.Limits.PerSourceConns}
	for i, l := range c.SIP.Listen {
		one := transport.Listener{Name: l.Name, Proto: protoNamed(l.Transport), Address: l.Address, Sockets: l.Sockets}
		if one.Proto == transport.TLS {
			one.TLS = e.certs.at[i].Load().Clone()
			one.TLS.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return e.certs.at[i].Load(), nil }
		}
		o.Listeners = append(o.Listeners, one)
	}
	return o
}

// busy says whether the shard has calls, or requests of others, under way.
func (s *shard) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dialogs) > 0 {
		return true
	}
	for _, tx := range s.servers {
		for ; tx != nil; tx = tx.head().next {
			if x, ok := tx.(*exchange); ok && x.done == nil && !x.x.Answered() {
				return true
			}
		}
	}
	return false
}

// close stops the shard's alarm.
func (s *shard) close() {
	s.mu.Lock()
	s.alarm.Stop()
	s.mu.Unlock()
}

// readopt takes over the dialogs of the last run: their places in limits, their
// longest duration, their CDR.
func (e *Edge) readopt(list []records.Dialog) {
	w := e.world.Load()
	now := e.now()
	for i := range list {
		r := &list[i]
		s := e.shardOf(r.SIPCallID)
		d := &dialog{id: r.Call, trunk: w.trunkNamed(r.Trunk), held: r.Held, taken: true}
		d.pos, d.due = -1, call.Never
		d.cseq = [2]uint32{r.Caller.CSeq, r.Callee.CSeq}
		d.record, _ = r.Append(nil)
		if d.trunk != nil && d.held&records.HeldTrunk != 0 {
			d.trunk.limits.Adopt()
		}
		if d.held&records.HeldNumber != 0 {
			d.pass = e.numbers.Adopt(r.PublicNumber)
		}
		left := r.Expires.Sub(e.epoch)
		s.mu.Lock()
		s.dialogs[d.id] = d
		s.timers.set(d, max(now, call.Instant(left)))
		s.arm(now)
		s.mu.Unlock()
		e.metrics.Dialogs.Add(1)
	}
	if len(list) > 0 {
		e.log.Info("dialogs of the last run taken over", "dialogs", len(list))
	}
}

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

// gatewayChanged logs a gateway's change of state, once.
func (e *Edge) gatewayChanged(c gateway.Change) {
	e.log.Warn("gateway changed", "route", c.RouteID, "gateway", c.GatewayID, "change", fmt.Sprint(c.Change), "detail", c.Detail)
}

// found tells the gateways' keeper what an attempt has found out.
func (e *Edge) found(inv *invite, l *leg, o health.Outcome) {
	if l.hop != nil {
		inv.world.set.Report(l.hop.index, l.flow.Proto, l.addr, o)
	}
}

// legFinal is what a non-2xx final says about its gateway.
func (e *Edge) legFinal(inv *invite, l *leg, m *message.Message) {
	if l.hop == nil {
		return
	}
	result := resultRejected
	if m.Status/100 == 5 {
		result = resultFailed
	}
	l.hop.stats.Attempted(result)
	o := health.Outcome{Result: health.Answered, Sent: e.wall(l.began)}
	switch m.Status {
	case 503:
		o.Result, o.RetryAfter = health.Unavailable, retryAfter(m.Value(message.KRetryAfter))
	case 408:
		o.Result = health.Stalled
	}
	e.found(inv, l, o)
}

// legSilent is an attempt given up without a final response.
func (e *Edge) legSilent(inv *invite, l *leg) {
	if l.hop == nil || l.code != 0 || l.told {
		return
	}
	l.told = true
	o := health.Outcome{Result: health.Silent, Sent: e.wall(l.began)}
	result := resultSilent
	switch {
	case l.unsent:
		o.Result, result = health.Unreachable, resultUnreachable
	case l.ringing:
		l.hop.stats.Attempted(resultRang)
		return
	case l.heard:
		o.Result, result = health.Stalled, resultStalled
	}
	l.hop.stats.Attempted(result)
	e.found(inv, l, o)
}

// retryAfter reads delta-seconds (RFC 3261 section 20.33), 0 when there are none.
func retryAfter(v []byte) time.Duration {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<20 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return time.Duration(n) * time.Second
}

func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// ownBranch is a branch of a request of our own: nothing but chance in it.
func (s *shard) ownBranch() (b branch, key uint64) {
	var raw [branchRaw]byte
	rand.Read(raw[:])
	copy(b[:], cookie)
	base64.RawURLEncoding.Encode(b[len(cookie):], raw[:])
	_, key, _ = parseBranch(b[:])
	return b, key
}
