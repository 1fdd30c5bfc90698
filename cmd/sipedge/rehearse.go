package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/testcall"
)

// rehearser places the test calls of rehearsals through this edge's own
// listeners, as the trunk that the configuration names.
type rehearser struct {
	cfg atomic.Pointer[configs.Edge] // as of the last reload
}

// Bounds of one test call: two of them, and a cancelled one, fit into the time
// an edge has for its part in a rehearsal.
const (
	rehearseRing = 5 * time.Second
	rehearseTalk = 1500 * time.Millisecond
)

// call calls a number, forced to one side. The error says why this edge places
// no calls at all.
func (r *rehearser) call(ctx context.Context, number routing.PublicNumber, side routing.RoutingAuthority) (order.TestCall, error) {
	cfg := r.cfg.Load()
	trunk, via, err := ownDoor(cfg)
	if err != nil {
		return order.TestCall{}, err
	}
	report, err := testcall.Place(ctx, testcall.Call{
		Edge: via.at.String(), Transport: via.transport, Local: via.at.Addr(),
		To: number.String(), Override: side.String(), Ring: rehearseRing, Talk: rehearseTalk,
		Headers: []testcall.Header{{Name: "Subject", Value: "rehearsal on " + cfg.Edge.ID}},
	})
	out := order.TestCall{Side: side}
	if err != nil {
		out.Detail = err.Error()
		return out, nil
	}
	want := testcall.Want{}
	if trunk.Trust.Diagnostics {
		want.Side = side.String()
	}
	wrong := append(report.Routing(want), report.Listening(want)...)
	out.Good, out.Detail = len(wrong) == 0, strings.Join(wrong, "; ")
	return out, nil
}

// door is a listener that a call from this very host can come through.
type door struct {
	at        netip.AddrPort
	transport testcall.Transport
}

// ownDoor finds the trunk that rehearsals call as, and a listener on which it is
// known by the address that a call from this host has there: the listener's own.
func ownDoor(cfg *configs.Edge) (*configs.Trunk, door, error) {
	if cfg.Cutover.TestTrunk == "" {
		return nil, door{}, fmt.Errorf("cutover.test_trunk names no trunk to call as; place a call to each side by hand (cutoverctl testcall)")
	}
	for i := range cfg.Trunks {
		t := &cfg.Trunks[i]
		if t.ID != cfg.Cutover.TestTrunk {
			continue
		}
		for _, l := range cfg.SIP.Listen {
			if t.Listener != "" && t.Listener != l.Name || l.Transport != "udp" && l.Transport != "tcp" {
				continue
			}
			for _, at := range []netip.Addr{l.Address.Addr(), netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
				if reaches(l.Address.Addr(), at) && t.Admits(at) {
					return t, door{netip.AddrPortFrom(at, l.Address.Port()), testcall.Transport(l.Transport)}, nil
				}
			}
		}
		return nil, door{}, fmt.Errorf("trunk %s does not admit calls from this edge's own addresses; add one of a UDP or TCP listener to its sources", t.ID)
	}
	return nil, door{}, fmt.Errorf("cutover.test_trunk: there is no trunk %s", cfg.Cutover.TestTrunk)
}

// reaches says whether a listener bound to one address is reached at another.
func reaches(bound, at netip.Addr) bool {
	return !at.IsUnspecified() && (bound == at || bound.IsUnspecified() && (bound.Is6() || at.Is4()))
}
