package ladder

import (
	"strings"
	"testing"
)

// A configuration that is refused has changed nothing, not even a limit.
func TestRefusedReloadChangesNothing(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		wrong := load(t, []string{"  - id: caller\n", "  - id: caller\n    limits: { concurrent: 1 }\n"})
		wrong.Routes[0].Gateways[0].Egress.TLS.CA = "/nowhere"
		if err := h.Edge.Reload(wrong); err == nil {
			t.Fatal("a gateway without its CA was taken")
		}
		first, _ := h.Talk(caller, s1, speakops)
		second, _ := h.Talk(caller, s1, speakops)
		h.HangUp(first, s1)
		h.HangUp(second, s1)
	})
}

// Dialogs that are up have the advertised name in their routes.
func TestAdvertiseNeedsARestart(t *testing.T) {
	Run(t, func(h *H) {
		moved := load(t, []string{`name: outside, transport: udp, address: "192.0.2.1:5060"`, `name: outside, transport: udp, address: "192.0.2.1:5060", advertise: "edge.example.com:5060"`})
		if err := h.Edge.Reload(moved); err == nil || !strings.Contains(err.Error(), "restart") {
			t.Errorf("got %v, want a word about a restart", err)
		}
	})
}
