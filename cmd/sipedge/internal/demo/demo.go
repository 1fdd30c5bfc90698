// Package demo answers: what does a first call need besides an edge?
//
// Numbers with something to say about each, gateways that pick up, a caller
// that dials, and words for what happened. Everything lives in one process, on
// addresses of this machine only. The user agents are sipgo's.
package demo

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// quieten sets what sipgo keeps for a whole process: its log, which would talk
// between our lines, and the size at which it refuses to send a datagram. It
// must happen before the first user agent.
var quieten = sync.OnceFunc(func() {
	sip.SetDefaultLogger(slog.New(slog.DiscardHandler))
	sip.UDPMTUSize = 65_507 + 200
})

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

// routes is the route set of a dialog out of the Record-Routes of one message:
// in their order for the side that was called, backwards for the caller (RFC
// 3261 sections 12.1.1 and 12.1.2). One header may hold several.
func routes(recorded []sip.Header, backwards bool) []sip.Header {
	var all []sip.Header
	for _, h := range recorded {
		for _, one := range strings.SplitAfter(h.Value(), ">,") {
			route := sip.NewHeader("Route", strings.TrimSpace(strings.TrimSuffix(one, ",")))
			if backwards {
				all = append([]sip.Header{route}, all...)
			} else {
				all = append(all, route)
			}
		}
	}
	return all
}

// tag is the tag of a From or To, "" when there is none.
func tag(p sip.HeaderParams) string {
	t, _ := p.Get("tag")
	return t
}
