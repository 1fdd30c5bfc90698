package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// Public numbers, and where they lead.
const (
	alone  = "+12025550101" // a alone
	stream = "+12025550102" // a TCP gateway
	secure = "+12025550103" // a TLS gateway
	six    = "+12025550104" // an IPv6 gateway
	nobody = "+12025550130" // no authority
)

const numbers = `public_number,routing_authority,legacy_route
+12025550101,legacy,alone
+12025550102,legacy,stream
+12025550103,legacy,secure
+12025550104,legacy,six
+12025550130,none,
`

// pair is a number of a route of its own with two gateways, a and then b: what
// one case does to their standing is nothing to the others.
func pair(n int) string { return fmt.Sprintf("+120255502%02d", n) }

const pairs = 7

// stage is one edge with all of its neighbours. Trunks, gateways and strangers
// have addresses of their own: 127.0.1.0/24, 127.0.2.0/24 and 127.0.3.0/24.
type stage struct {
	*lab.Lab
	*lab.Edge
	ca       *authority
	udp, tcp string // the edge's listeners
	tls      string
	udp6     string // "" without IPv6
	caller   *end   // UDP, shared: the Call-ID tells whose message it is
	a, b     *end
	t, s, x  *end // the TCP, TLS and IPv6 gateways
}

func open(t *testing.T) *stage {
	t.Helper()
	l := lab.New(t)
	g := &stage{Lab: l, ca: newCA(t)}
	g.udp = fmt.Sprintf("127.0.0.1:%d", l.Port("5060"))
	g.tcp = g.udp
	g.tls = fmt.Sprintf("127.0.0.1:%d", lab.FreePort(t))
	g.a = listenUDP(t, at(t, "127.0.2.1"), g.udp)
	g.b = listenUDP(t, at(t, "127.0.2.2"), g.udp)
	g.t = listenTCP(t, at(t, "127.0.2.3"), nil)
	g.s = listenTCP(t, at(t, "127.0.2.4"), g.ca.server(t, "gateway.example.net"))
	g.caller = listenUDP(t, at(t, "127.0.1.1"), g.udp)
	cert, key := g.ca.files(t, l.Dir, "edge.example.com")
	listeners := fmt.Sprintf("    - { name: tls, transport: tls, address: %q, cert: %s, key: \"file:%s\", client_ca: %s }\n", g.tls, cert, key, g.ca.file(t, l.Dir))
	sixth := ""
	if lab.HasIPv6() {
		g.udp6 = fmt.Sprintf("[::1]:%d", lab.FreePort(t))
		g.x = listenUDP(t, at(t, "[::1]"), g.udp6)
		listeners += fmt.Sprintf("    - { name: udp6, transport: udp, address: %q }\n", g.udp6)
		sixth = route("six", "sip:"+g.x.addr, "")
	}
	l.Edit("    - { name: tcp, ", listeners+"    - { name: tcp, ")
	l.Edit("trunks:\n", "trunks:\n  - { id: by-name, tls_subject: carrier.example.net, default_country: US, trust: { identity: true, test_override: true } }\n"+
		"  - { id: six, sources: [ \"::1/128\" ], default_country: US, trust: { identity: true, test_override: true } }\n")
	l.Edit(`[ "127.0.0.0/8" ]`, `[ "127.0.1.0/24" ]`)
	l.Edit("sip:127.0.0.1:5070", "sip:"+g.a.addr)
	l.Edit("sip:127.0.0.1:5071", "sip:"+g.b.addr)
	trusted := ", egress: { tls: { ca: " + g.ca.file(t, l.Dir) + ", server_name: gateway.example.net } }"
	l.Edit("sip:127.0.0.1:5080", "sip:127.0.2.5:5080") // nothing but the edge lives at 127.0.0.1
	l.Edit("sip:127.0.0.1:5081", "sip:127.0.2.5:5081")
	both, csvText := "", numbers
	for n := range pairs {
		id := fmt.Sprintf("pair-%d", n)
		both += fmt.Sprintf("  - id: %[1]s\n    authority: legacy\n    target: direct_sip\n    no_answer: 1s\n    progress: 2s\n    probe: { method: none }\n"+
			"    gateways: [ { id: %[1]s-a, uri: \"sip:%[2]s\", priority: 1 }, { id: %[1]s-b, uri: \"sip:%[3]s\", priority: 2 } ]\n", id, g.a.addr, g.b.addr)
		csvText += fmt.Sprintf("%s,legacy,%s\n", pair(n), id)
	}
	l.Edit("\nroutes:\n", "\nroutes:\n"+both+route("alone", "sip:"+g.a.addr, "")+route("stream", "sip:"+g.t.addr+";transport=tcp", "")+
		route("secure", "sip:"+g.s.addr+";transport=tls", trusted)+sixth)
	csv := filepath.Join(l.Dir, "numbers.csv")
	if err := os.WriteFile(csv, []byte(csvText), 0o644); err != nil {
		t.Fatal(err)
	}
	l.ImportFile(csv)
	g.Edge = l.Serve("edge")
	return g
}

// route is one with a single gateway; more are its keys behind the URI.
func route(id, uri, more string) string {
	return fmt.Sprintf("  - id: %[1]s\n    authority: legacy\n    target: direct_sip\n    no_answer: 4s\n    probe: { method: none }\n"+
		"    gateways: [ { id: %[1]s-1, uri: %[2]q%[3]s } ]\n", id, uri, more)
}

// at is a free port at an address.
func at(t *testing.T, host string) string { return fmt.Sprintf("%s:%d", host, lab.FreePort(t)) }

// together runs every case at the same time, at most so many at once: most of
// what they do is waiting.
func together[C any](t *testing.T, cases []C, name func(C) string, f func(t *testing.T, c C)) {
	room := make(chan struct{}, 32)
	var wg sync.WaitGroup
	for _, c := range cases {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			t.Run(name(c), func(t *testing.T) { f(t, c) })
		})
	}
	wg.Wait()
}

// scene is a case that needs no table.
type scene struct {
	name string
	play func(k *call)
}

func (g *stage) scenes(t *testing.T, list []scene) {
	together(t, list, func(s scene) string { return s.name }, func(t *testing.T, s scene) { s.play(g.call(t)) })
}

// TestConformance is everything against one running edge.
func TestConformance(t *testing.T) {
	g := open(t)
	for _, group := range []struct {
		name string
		run  func(*stage, *testing.T)
	}{
		{"via", (*stage).vias}, {"forwarding", (*stage).forwarding}, {"refusals", (*stage).refusals},
		{"responses", (*stage).responses}, {"cancel", (*stage).cancels}, {"retransmissions", (*stage).retransmissions},
		{"dialogs", (*stage).dialogs}, {"streams", (*stage).streams}, {"transports", (*stage).transports},
		{"legal", (*stage).legal}, {"strays", (*stage).strays},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(g, t) })
	}
	if code, _ := g.Get("/readyz"); code != 200 || g.Ended() {
		t.Errorf("the edge is not ready after all this: %d", code)
	}
}

// How long nothing must come to count as nothing, and how long something may take.
const (
	patience = 150 * time.Millisecond
	limit    = 4 * time.Second
)
