package transport

import (
	"errors"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport/gate"
)

// keepAlive is the size up to which a datagram can only be a keep-alive.
const keepAlive = 4

// faults holds one ready refusal per reason of the gate.
var faults = func() (f [gate.Reasons]message.Fault) {
	for r := range gate.Reasons {
		f[r] = message.Fault{Code: r.Code(), Reason: r.Text()}
	}
	return f
}()

// datagram takes one datagram from the wire to the sink: size, standing, gate,
// parser. Of a stranger's datagram nothing is looked at but its source.
// stamp is when the kernel got it, in nanoseconds of Unix time, 0 when unknown.
func (l *Layer) datagram(m *message.Message, listener uint8, b []byte, from netip.AddrPort, stamp int64) {
	f := Flow{Proto: UDP, Listener: listener, Peer: from}
	defer l.rescue(f)
	l.counters.Received[UDP].Add(1)
	if len(b) <= keepAlive {
		l.counters.Dropped[gate.KeepAlive].Add(1)
		return
	}
	if l.sink.Standing(f, nil) == Stranger {
		l.counters.Strangers.Add(1)
		l.o.Stranger(f, b)
		return
	}
	v := gate.Datagram(b)
	if len(b) > l.o.MaxDatagram && v.Action != gate.Drop {
		v.Action, v.Reason = gate.Refuse, gate.TooLarge
	}
	l.waited(stamp)
	l.deliver(f, m, v, b)
}

// waited tells how long a message has lain in the kernel. Where the wall clock
// was stepped in between the answer is nonsense, and nobody hears it.
func (l *Layer) waited(stamp int64) {
	if stamp == 0 || l.o.Waited == nil {
		return
	}
	at := time.Now()
	if d := time.Duration(at.UnixNano() - stamp); d >= 0 && d < time.Minute {
		l.o.Waited(d, at)
	}
}

// deliver carries out the gate's verdict on one message.
func (l *Layer) deliver(f Flow, m *message.Message, v gate.Verdict, b []byte) {
	if v.Action == gate.Drop {
		if l.counters.Dropped[v.Reason].Add(1); v.Reason != gate.KeepAlive {
			l.o.Dropped(f, v.Reason)
		}
		return
	}
	at := time.Now()
	fault := fault(m.Parse(b[v.Start:v.End]))
	switch {
	case fault != nil && fault.Code == 0:
		l.counters.Unreadable.Add(1)
	case v.Action == gate.Refuse:
		l.counters.Refused[v.Reason].Add(1)
		if fault == nil || fault.Code != v.Code() {
			fault = &faults[v.Reason] // else the parser's words are the more exact ones
		}
		l.sink.Refuse(f, m, fault)
	case fault != nil:
		l.counters.ParseFaults.Add(1)
		l.sink.Refuse(f, m, fault)
	default:
		l.sink.Receive(f, m, at)
	}
}

// fault is the *message.Fault in an error of the parser; any other error means
// a message that cannot be answered.
func fault(err error) *message.Fault {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*message.Fault](err); ok {
		return f
	}
	return &unreadable
}

var unreadable = message.Fault{Reason: "unreadable"}

// rescue lets one message perish instead of the reader.
func (l *Layer) rescue(f Flow) {
	if r := recover(); r != nil {
		l.counters.Panics.Add(1)
		l.o.Logf(int(slog.LevelError), "panic while handling a message", "proto", f.Proto.String(),
			"peer", f.Peer.String(), "panic", r, "stack", string(debug.Stack()))
	}
}
