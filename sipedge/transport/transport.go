// Package transport answers: which bytes came from whom, and how do ours get out?
//
// It owns the UDP, TCP and TLS sockets of an edge. What comes in passes the gate
// (on bytes, before parsing), is framed and parsed, and is handed to the Sink on
// the reader's own goroutine, in the order of arrival on that socket. What goes
// out never blocks the caller: a datagram is sent at once, a connection has a
// bounded queue and a writer.
package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport/gate"
)

// Proto is a SIP transport.
type Proto uint8

const (
	UDP Proto = iota
	TCP
	TLS
	Inside // within the edge: never on a socket of this package
)

// Flow is where a message came from or goes to. It is comparable.
type Flow struct {
	Proto    Proto
	Listener uint8  // index into Options.Listeners: the socket it arrived on or leaves from
	Conn     uint32 // connection number on TCP and TLS, never reused while the process lives; 0 on UDP
	Peer     netip.AddrPort
}

// Standing says what a source is to this edge; the gate asks before it parses.
type Standing uint8

const (
	Stranger Standing = iota // silence, or the unknown_source budget
	Trunk                    // may open calls
	Gateway                  // a gateway address, or one lately removed from trunks or gateways: in-dialog traffic and responses
)

// Sink is the edge, as the sockets see it. Calls are made on reader goroutines:
// the Message and its bytes are valid only until the call returns.
type Sink interface {
	// Receive takes one well-formed message from a known source.
	Receive(f Flow, m *message.Message, at time.Time)
	// Refuse takes a message that deserves a stateless refusal (Fault.Code > 0).
	// A stream may be closed when it returns: what is not sent by then is lost.
	Refuse(f Flow, m *message.Message, fault *message.Fault)
	// Standing is asked once per datagram and once per accepted connection; names
	// are the SIP domains that a TLS client certificate proves (RFC 5922). A connection we opened
	// is not asked about: it leads to a gateway.
	Standing(f Flow, names []string) Standing
	// Lost says, once per connection, that it ended or could not be made; what
	// was still queued on it is lost. Sends on f have failed with ErrGone before.
	Lost(f Flow, err error)
}

// Listener is one listening socket.
type Listener struct {
	Name    string
	Proto   Proto
	Address netip.AddrPort
	Sockets int         // UDP sockets sharing the port by SO_REUSEPORT; 0 means 1
	TLS     *tls.Config // server side; GetConfigForClient lets it rotate
	// Nameless says that nobody's client certificate would matter here now, so that
	// a stranger is not worth a handshake (asked per connection; nil: as TLS says).
	Nameless func() bool
}

// Net makes sockets; tests put an in-memory network here.
type Net interface {
	ListenPacket(ctx context.Context, network string, at netip.AddrPort) (net.PacketConn, error)
	Listen(ctx context.Context, network string, at netip.AddrPort) (net.Listener, error)
	Dial(ctx context.Context, network string, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

// Options of a Layer; zero values mean the defaults in parentheses.
type Options struct {
	Listeners      []Listener
	Net            Net                                      // (the kernel's)
	MaxDatagram    int                                      // bytes of one UDP message (16384); larger is 513
	MaxMessage     int                                      // bytes of one message on a connection (65535)
	PerSourceConns int                                      // connections of one source, an IPv4 address or an IPv6 /64 (64)
	MaxConns       int                                      // all connections (10000)
	ReadTimeout    time.Duration                            // from the first byte of a message to its last (15 s), and for a TLS handshake
	WriteTimeout   time.Duration                            // of one write (10 s)
	IdleTimeout    time.Duration                            // of a connection without messages (10 min; 15 s before its first message)
	DialTimeout    time.Duration                            // (3 s)
	QueueBytes     int                                      // bytes waiting on one connection (1 MiB)
	Waited         func(d time.Duration, at time.Time)      // told how long a message of a known source has lain in the kernel (nobody)
	Stranger       func(f Flow, b []byte)                   // told of each datagram, or with nil each connection, of a Stranger (nobody)
	Handshake      func(f Flow) bool                        // asked before a TLS handshake with a peer whose address says nothing; false hangs up (always true)
	Unproven       func(f Flow, why error)                  // told of each TLS handshake with a peer that failed (nobody)
	Dropped        func(f Flow, why gate.Reason)            // told of each message of a known source that the gate drops, keep-alives excepted (nobody)
	Logf           func(level int, msg string, args ...any) // level is a slog.Level, args are its key-value pairs (discarded)
}

// TLSTarget is whom we expect at the far end of a TLS connection and as whom we
// come. Targets are compared by pointer: the caller keeps one per gateway. A
// Config without ServerName expects the IP address itself in the certificate.
type TLSTarget struct{ Config *tls.Config }

func (p Proto) String() string {
	switch p {
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	case TLS:
		return "tls"
	case Inside:
		return "inside"
	}
	return "unknown"
}
