// Package demo answers: what does a first call need besides an edge?
//
// Numbers with something to say about each, gateways that pick up, a caller
// that dials, and words for what happened. Everything lives in one process, on
// addresses of this machine only. The gateways' user agents are sipgo's, the caller
// is that of test calls.
package demo

import (
	"net"
	"net/netip"

	"github.com/emiago/sipgo/sip"
)

// addr is an address as sipgo wants it, to send from a certain socket.
func addr(a netip.AddrPort) sip.Addr {
	return sip.Addr{IP: net.IP(a.Addr().AsSlice()), Port: int(a.Port())}
}

// uri is a sip URI at an address, with an IPv6 host in brackets.
func uri(user string, at netip.AddrPort) sip.Uri {
	host := at.Addr().String()
	if at.Addr().Is6() {
		host = "[" + host + "]"
	}
	return sip.Uri{Scheme: "sip", User: user, Host: host, Port: int(at.Port())}
}

// tag is the tag of a From or To, "" when there is none.
func tag(p sip.HeaderParams) string {
	t, _ := p.Get("tag")
	return t
}
