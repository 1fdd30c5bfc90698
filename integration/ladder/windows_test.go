package ladder

import (
	"fmt"
	"slices"
	"testing"

	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/admin"
)

// What an edge tells of its gateways, to people and to the fleet, while one of four
// answers its probes.
func TestHealthOfRoutes(t *testing.T) {
	Run(t, func(h *H) {
		l1 := h.L1()
		for range 4 {
			l1.Reply(l1.Want("OPTIONS"), 200)
		}
		var shown []string
		for _, g := range h.Edge.Gateways() {
			shown = append(shown, fmt.Sprint(g.Route, " ", g.Gateway, " ", g.URI, " ", g.Priority, " ", g.Weight, " ", g.Addresses, " ", g.State))
		}
		if want := []string{
			"legacy-main l1 sip:198.51.100.1:5060;transport=udp 1 1 [udp:198.51.100.1:5060] up",
			"legacy-main l2 sip:198.51.100.2:5060;transport=udp 2 1 [udp:198.51.100.2:5060] dark",
			"speakops-main s1 sip:203.0.113.1:5060;transport=udp 1 1 [udp:203.0.113.1:5060] dark",
			"speakops-main s2 sip:203.0.113.2:5060;transport=udp 2 1 [udp:203.0.113.2:5060] dark",
		}; !slices.Equal(shown, want) {
			t.Errorf("shown %q\nwant %q", shown, want)
		}
		for id, health := range h.Edge.Routes() {
			if want := map[string]sipedge.RouteHealth{"legacy-main": {Alive: 1, Of: 2}, "speakops-main": {Alive: 0, Of: 2}}[string(id)]; health != want {
				t.Errorf("route %s is %+v, want %+v", id, health, want)
			}
		}
		dark := slices.DeleteFunc(h.Edge.Health().Degraded, func(r admin.Reason) bool { return r.Because != "route_dark" })
		if want := []admin.Reason{{Because: "route_dark", Detail: "no gateway of route speakops-main is alive; calls still try them"}}; !slices.Equal(dark, want) {
			t.Errorf("health says %+v, want %+v", dark, want)
		}
	}, "probe: { method: none }", "probe: { every: 10s, fall: 2, rise: 1 }")
}
