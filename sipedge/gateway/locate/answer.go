package locate

import (
	"errors"
	"net/netip"
	"time"

	"github.com/speakops/sipedge/sipedge/transport"
)

// Bounds of one answer; what lies beyond is left out.
const (
	MaxServers = 32 // of one URI
	MaxAddrs   = 8  // of one server
)

// ErrNotFound says that a name has, by the word of its name servers, no usable
// address. Every other error may pass.
var ErrNotFound = errors.New("no address")

// Answer is where a URI lives.
type Answer struct {
	// Servers by rank: 1 to MaxServers.
	Servers []Server
	// RefreshAt is when to ask again, some time before the records run out; the
	// zero time when the answer never changes.
	RefreshAt time.Time
	// Err is why part of the answer is missing or older than its records allow;
	// nil when it is whole and fresh.
	Err error
}

// Server is one place of an Answer, with its addresses in the order to try.
type Server struct {
	Name   string // SRV target or host; "" for a numeric one
	Proto  transport.Proto
	Rank   int    // lower first; equal ranks share by Weight (RFC 2782)
	Weight uint16 // of an SRV record
	Addrs  []netip.AddrPort
	HasTCP bool // UDP, and the same addresses and ports are known to take TCP too
}
