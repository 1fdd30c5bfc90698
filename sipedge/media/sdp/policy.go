package sdp

import (
	"errors"
	"net/netip"
)

// Policy says which addresses one side may ask to be sent media at. An edge that
// sent packets to any address a peer writes down would be a weapon in its hands.
type Policy struct {
	Private  bool // addresses of private networks, and link-local ones
	Loopback bool
	Names    bool // connection names: nothing is sent until the media itself has come (NAT)

	// Own says whether an address is one of the edge's own: media sent there
	// would run in circles. nil says no.
	Own func(netip.AddrPort) bool
}

// Why an address is refused.
var (
	ErrName      = errors.New("SDP connection is a name; names in SDP are not looked up, send an address")
	ErrMulticast = errors.New("SDP asks for media to a multicast or broadcast address")
	ErrLoopback  = errors.New("SDP asks for media to a loopback address")
	ErrPrivate   = errors.New("SDP asks for media to a private address from where it cannot be reached; if the trunk is behind NAT, say nat: true")
	ErrOwn       = errors.New("SDP asks for media to an address of this edge")
	ErrPort      = errors.New("SDP asks for media to a port below 1024")
)

// lowestPort is where ports begin that media may be sent to; what listens below
// is never a phone.
const lowestPort = 1024

// Judge says whether an m-line in use may be carried, nil when it may.
func (p *Policy) Judge(m *Media) error {
	if !m.Live() || m.Carriage == Unknown || m.Several {
		return nil // rejected in any case
	}
	if err := p.address(m.Addr, m.Port, m.Named, m.Held()); err != nil {
		return err
	}
	if m.Carriage == RTP && m.RTCP.Addr().IsValid() && m.Port != discard {
		return p.address(m.RTCP.Addr(), m.RTCP.Port(), false, m.RTCP.Addr().IsUnspecified())
	}
	return nil
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func (p *Policy) address(a netip.Addr, port uint16, named, held bool) error {
	switch {
	case named && !p.Names:
		return ErrName
	case named, held:
		return nil
	case !a.IsValid():
		return ErrNoConnection
	case a.IsMulticast() || a == broadcast:
		return ErrMulticast
	case port < lowestPort && port != discard:
		return ErrPort
	case p.Own != nil && p.Own(netip.AddrPortFrom(a, port)):
		return ErrOwn
	case a.IsLoopback() && !p.Loopback:
		return ErrLoopback
	case (a.IsPrivate() || a.IsLinkLocalUnicast() || shared.Contains(a)) && !p.Private:
		return ErrPrivate
	}
	return nil
}

// discard is the port that means "not known yet" (RFC 8839 section 4.3.1).
const discard = 9

// shared is the space that carriers use behind their own NAT (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// Reachable says whether packets can be sent to an address and port of SDP.
func Reachable(a netip.AddrPort) bool {
	return a.IsValid() && !a.Addr().IsUnspecified() && a.Port() >= lowestPort
}
