package transport

import (
	"cmp"
	"time"

	"github.com/speakops/sipedge/sipedge/transport/gate"
)

const firstIdle = 15 * time.Second // until the first message of a peer's connection

// withDefaults fills what was left zero.
func (o Options) withDefaults() Options {
	o.MaxDatagram = cmp.Or(o.MaxDatagram, 16384)
	o.MaxMessage = cmp.Or(o.MaxMessage, 65535)
	o.PerSourceConns = cmp.Or(o.PerSourceConns, 64)
	o.MaxConns = cmp.Or(o.MaxConns, 10000)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 15*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, 10*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 10*time.Minute)
	o.DialTimeout = cmp.Or(o.DialTimeout, 3*time.Second)
	o.QueueBytes = cmp.Or(o.QueueBytes, 1<<20)
	if o.Stranger == nil {
		o.Stranger = func(Flow, []byte) {}
	}
	if o.Handshake == nil {
		o.Handshake = func(Flow) bool { return true }
	}
	if o.Unproven == nil {
		o.Unproven = func(Flow, error) {}
	}
	if o.Dropped == nil {
		o.Dropped = func(Flow, gate.Reason) {}
	}
	if o.Logf == nil {
		o.Logf = func(int, string, ...any) {}
	}
	return o
}
