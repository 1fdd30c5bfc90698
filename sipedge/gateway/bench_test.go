package gateway

import (
	"net/netip"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/transport"
)

// benched has a numeric gateway 0 and a gateway 1 of five addresses.
func benched(b testing.TB) *Set {
	w := newWorld()
	w.ttl = time.Hour
	w.names["x.example"] = "udp 192.0.2.9:5060 2 0, udp 192.0.2.1:5060 1 10, udp 192.0.2.2:5060+192.0.2.3:5060 1 30, udp 192.0.2.4:5060 1 0"
	k := w.keeper()
	s := load(b, k, gws(Probe{}, "sip:192.0.2.1", "sip:x.example"))
	if err := s.Resolve(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(k.Close)
	s.Report(0, transport.UDP, netip.MustParseAddrPort("192.0.2.1:5060"), health.Outcome{Result: health.Answered})
	return s
}

var ours = netip.MustParseAddrPort("192.0.2.1:5060")

func callPath(s *Set) map[string]func() {
	var dst [MaxTargets]Target
	return map[string]func(){
		"TargetsNumeric": func() { s.Targets(0, dst[:0]) },
		"TargetsNamed":   func() { s.Targets(1, dst[:0]) },
		"Alive":          func() { s.Alive(1) },
		"Owns":           func() { s.Owns(ours.Addr()) },
		"ReportNoNews":   func() { s.Report(0, transport.UDP, ours, health.Outcome{Result: health.Answered}) },
	}
}

func TestCallPathAllocatesNothing(t *testing.T) {
	for name, f := range callPath(benched(t)) {
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkCallPath(b *testing.B) {
	for name, f := range callPath(benched(b)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}
