package ladder

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/transport"
)

// slowly finds every name, at s1, after a while.
type slowly time.Duration

// Refresh implements gateway.Locator.
func (d slowly) Refresh(ctx context.Context, _ locate.Query) (a locate.Answer, err error) {
	select {
	case <-time.After(time.Duration(d)):
	case <-ctx.Done():
		return a, ctx.Err()
	}
	a.Servers = []locate.Server{{Name: "s1", Proto: transport.UDP, Addrs: []netip.AddrPort{netip.MustParseAddrPort("203.0.113.1:5060")}}}
	return a, nil
}

// A call that waits for a gateway's name is decided anew, and it is that
// decision which is recorded and carried out.
func TestNumberChangesHandsWhileANameIsLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(t, "sip:203.0.113.1:5060", "sip:s1.example.com:5060", "sip:203.0.113.2:5060", "sip:s2.example.com:5060")
		h.Names = slowly(700 * time.Millisecond)
		h.Start()
		defer h.Stop()
		caller, s1, l1 := h.Caller(), h.S1(), h.L1()
		c := caller.Invite(speakops)
		caller.Want("100")
		h.After(200 * time.Millisecond)
		h.Number(routing.Number{PublicNumber: 12025550143, RoutingAuthority: routing.Legacy, PortingState: routing.Draft})
		invite := l1.Want("INVITE")
		l1.Reply(invite, 486)
		l1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		h.Quiet(40*time.Second, caller, s1, l1)
		h.CDR(`"routing_authority":"legacy"`)
		h.Golden("number_changes_hands_while_a_name_is_looked_up")
	})
}
