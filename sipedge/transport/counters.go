package transport

import (
	"sync/atomic"

	"github.com/speakops/sipedge/sipedge/transport/gate"
)

// Counters are kept by the Layer from Open on and only grow, except the two
// gauges. They may be read at any time.
type Counters struct {
	Received [3]atomic.Uint64 // by Proto: datagrams, or framed messages on connections
	_        [40]byte         // readers and senders do not share a cache line
	Sent     [3]atomic.Uint64 // by Proto: messages given to the kernel or a queue
	_        [40]byte

	Strangers   atomic.Uint64 // datagrams and connections of sources without standing
	Dropped     [gate.Reasons]atomic.Uint64
	Refused     [gate.Reasons]atomic.Uint64
	ParseFaults atomic.Uint64 // passed the gate, refused by the parser with a code
	Unreadable  atomic.Uint64 // passed the gate or deserved an answer, but cannot be answered
	Panics      atomic.Uint64 // messages that made the sink or the parser panic
	ReadErrors  atomic.Uint64
	SendErrors  atomic.Uint64 // datagrams the kernel did not take, writes that failed
	QueueFull   atomic.Uint64 // messages a connection had no room for
	Truncated   atomic.Uint64 // connections that ended inside a message
	Pings       atomic.Uint64 // RFC 5626 keep-alives answered

	Accepted     atomic.Uint64 // connections taken in
	Opened       atomic.Uint64 // connections we began to dial
	ConnsRefused atomic.Uint64 // closed at once: per source or in total too many
	Handshakes   atomic.Uint64 // TLS handshakes of peers that failed
	DialFailed   atomic.Uint64
	AcceptErrors atomic.Uint64
	Slow         atomic.Uint64 // closed: a message or handshake took longer than ReadTimeout
	Idle         atomic.Uint64 // closed: no message for IdleTimeout

	ConnsIn  atomic.Int64 // gauge: connections of peers, handshakes included
	ConnsOut atomic.Int64 // gauge: connections of ours, dials included
}
