package ladder

import (
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/sipedge/transport/memnet"
)

// Offer calls a number and brings the call to the gateway: the caller has its
// 100, the gateway its INVITE.
func (h *H) Offer(caller, gateway *Actor, number string, lines ...string) (c *Call, invite sip.Message) {
	h.T.Helper()
	c = caller.Invite(number, lines...)
	caller.Want("100")
	return c, gateway.Want("INVITE")
}

// Ring is Offer, and the gateway rings.
func (h *H) Ring(caller, gateway *Actor, number string, lines ...string) (c *Call, invite sip.Message) {
	h.T.Helper()
	c, invite = h.Offer(caller, gateway, number, lines...)
	gateway.Reply(invite, 180)
	caller.Want("180")
	return c, invite
}

// Talk is Ring, and the call is answered and acknowledged.
func (h *H) Talk(caller, gateway *Actor, number string, lines ...string) (c *Call, invite sip.Message) {
	h.T.Helper()
	c, invite = h.Ring(caller, gateway, number, lines...)
	gateway.Reply(invite, 200)
	c.Ack(caller.Want("200"))
	gateway.Want("ACK")
	return c, invite
}

// HangUp ends a call from the caller's side.
func (h *H) HangUp(c *Call, gateway *Actor) {
	h.T.Helper()
	c.Inside("BYE")
	gateway.Reply(gateway.Want("BYE"), 200)
	c.A.Want("200 BYE")
}

// Quiet lets time pass in which nothing comes to anybody.
func (h *H) Quiet(d time.Duration, who ...*Actor) {
	h.T.Helper()
	h.After(d)
	for _, a := range who {
		a.Silent()
	}
}

// Lose loses the next n messages from one address to another that read like
// what ("200", "ACK", "INVITE").
func (h *H) Lose(n int, from, to *Actor, what string) {
	a, b := netip.MustParseAddrPort(EdgeAddr).Addr(), netip.MustParseAddrPort(EdgeAddr).Addr()
	if from != nil {
		a = from.Addr.Addr()
	}
	if to != nil {
		b = to.Addr.Addr()
	}
	h.Net.SetLink(a, b, memnet.Link{Fate: func(p memnet.Packet) []time.Duration {
		if got := summary(p.Data); n > 0 && (got == what || strings.HasPrefix(got, what+" ")) {
			n--
			return nil
		}
		return []time.Duration{0}
	}})
}

// Check fails the test unless the header of a message is this; "" means absent.
func (h *H) Check(m sip.Message, name, want string) {
	h.T.Helper()
	if got := Header(m, name); got != want {
		h.T.Errorf("%s is %q, want %q\n%s", name, got, want, m.String())
	}
}

// CDR is the only CDR so far; it must hold each of these.
func (h *H) CDR(parts ...string) {
	h.T.Helper()
	h.record("CDR", h.CDRs, parts)
}

// Decision is CDR for the decision record.
func (h *H) Decision(parts ...string) {
	h.T.Helper()
	h.record("decision record", h.Decisions, parts)
}

func (h *H) record(what string, lines *Lines, parts []string) {
	h.T.Helper()
	if len(lines.All()) != 1 {
		h.T.Errorf("want one %s, got %d: %q", what, len(lines.All()), lines.All())
		return
	}
	for _, p := range parts {
		if !strings.Contains(lines.All()[0], p) {
			h.T.Errorf("the %s lacks %s: %s", what, p, lines.All()[0])
		}
	}
}
