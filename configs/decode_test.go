package configs

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// small is a whole edge with one blank to fill in.
func small(more string) string {
	return `
edge: { id: e }
sip: { listen: [ { transport: udp, address: "192.0.2.1:5060" } ] }
trunks: [ { id: a, sources: [ "198.51.100.0/24" ] } ]
routes: [ { id: l, authority: legacy, gateways: [ { id: g, uri: "sip:203.0.113.1" } ] } ]
defaults: { legacy: l }
` + more
}

func TestDefaults(t *testing.T) {
	edge, _, err := newHost(t).parse("x", small(""))
	if err != nil {
		t.Fatal(err)
	}
	r, tr, l := edge.Routes[0], edge.Trunks[0], edge.SIP.Listen[0]
	for _, c := range []struct{ got, want any }{
		{edge.Edge.DrainTimeout, 30 * time.Second}, {edge.Redis.Addresses[0], "127.0.0.1:6379"}, {edge.Redis.Prefix, "speakops"},
		{l.Name, "udp-5060"}, {l.Advertise, "192.0.2.1:5060"}, {l.Sockets, 1},
		{tr.Profile, "generic"}, {tr.Media, "direct"}, {tr.SessionTimer, "transparent"}, {tr.Trust, Trust{}},
		{r.Target, "direct_sip"}, {r.NoAnswer, 2 * time.Second}, {r.Progress, 4 * time.Second}, {r.RingTimeout, 90 * time.Second},
		{r.FailoverBudget, 8 * time.Second}, {fmt.Sprint(r.FailoverOn), "[408 500 502 503 504]"},
		{r.Probe, Probe{"OPTIONS", 10 * time.Second, 3, 2}}, {r.Gateways[0].Priority, 1}, {r.Gateways[0].Egress.NumberFormat, "e164"},
		{edge.Limits.SetupDeadline, 180 * time.Second}, {edge.Limits.Shared, false}, {edge.Limits.PerSourceConns, 64},
		{edge.Clock.MaxError, 250 * time.Millisecond}, {edge.Admin.Listen, netip.MustParseAddrPort("127.0.0.1:8080")},
		{edge.Records.MaxBytes, ByteSize(1 << 30)}, {edge.Telemetry.Log.MaskNumbers, true},
	} {
		if c.got != c.want {
			t.Errorf("got %v, want %v", c.got, c.want)
		}
	}
}

func TestListenersAreNamed(t *testing.T) {
	edge, _, err := newHost(t).parse("x", strings.Replace(small(""), `listen: [ {`, `listen: [
  { transport: udp, address: "192.0.2.2:5060" }, { name: udp-5060, transport: udp, address: "192.0.2.3:5060" },
  { transport: tcp, address: "[2001:db8::1]:5060" }, {`, 1))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range edge.SIP.Listen {
		names = append(names, l.Name)
	}
	if want := []string{"udp-5060-2", "udp-5060", "tcp-5060", "udp-5060-3"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestBurstFollowsRate(t *testing.T) {
	edge, _, err := newHost(t).parse("x", strings.Replace(small(""), "{ id: a,", "{ id: a, limits: { cps: 2.5 },", 1))
	if err != nil || edge.Trunks[0].Limits.Burst != 3 {
		t.Errorf("burst %+v %v", edge, err)
	}
}

func TestReferencesAnywhere(t *testing.T) {
	h := newHost(t)
	h.env["LEVEL"], h.env["RATE"] = "debug", "7"
	edge, _, err := h.parse("x", small("telemetry: { log: { level: \"${LEVEL}\" } }\nlimits: { per_number: { cps: \"${RATE}\" } }\nredis: { username: \"$${x}-${LEVEL}\" }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if edge.Telemetry.Log.Level != "debug" || edge.Limits.PerNumber.CPS != 7 || edge.Redis.Username != "${x}-debug" {
		t.Errorf("got %v %v %v", edge.Telemetry.Log, edge.Limits.PerNumber, edge.Redis.Username)
	}
}

func TestAliasesAndMerges(t *testing.T) {
	edge, _, err := newHost(t).parse("x", `
edge: { id: e }
sip: { listen: [ { transport: udp, address: "192.0.2.1:5060" } ] }
trunks: [ { id: a, sources: &nets [ "198.51.100.0/24" ] }, { id: b, sources: [ "198.51.101.0/24" ] } ]
routes:
  - &base { id: l, authority: legacy, no_answer: 1s, gateways: [ { id: g, uri: "sip:203.0.113.1" } ] }
  - { <<: *base, id: m, progress: 3s, gateways: [ { id: h, uri: "sip:203.0.113.2" } ] }
defaults: { legacy: l }
`)
	if err != nil {
		t.Fatal(err)
	}
	if m := edge.Routes[1]; m.ID != "m" || m.NoAnswer != time.Second || m.Progress != 3*time.Second || m.Gateways[0].ID != "h" {
		t.Errorf("merged %+v", m)
	}
}

// A short file must not become a large one by aliases of aliases.
func TestAliasBombIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("trunks: &a0 [ { sources: [ " + strings.Repeat(`"192.0.2.1", `, 2000) + " ] } ]\n")
	b.WriteString("trunks2: [ *a0 ]\n")
	text := b.String() + "routes:\n"
	text += "  - { id: l, gateways: &g [ " + strings.Repeat("{ id: g, uri: x }, ", 2000) + "] }\n"
	for i := range 200 {
		text += fmt.Sprintf("  - { id: r%d, gateways: *g }\n", i)
	}
	start := time.Now()
	_, _, err := newHost(t).parse("x", text)
	if err == nil || !strings.Contains(err.Error(), "aliases make more than") {
		t.Errorf("got %.200v", err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %s", d)
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.0/24": "192.0.2.0/24", "192.0.2.7": "192.0.2.7", "192.0.2.7:5060": "192.0.2.7:5060", "192.0.2.0/24:5060": "192.0.2.0/24:5060",
		"2001:db8::/32": "2001:db8::/32", "2001:db8::7": "2001:db8::7", "[2001:db8::7]:5060": "[2001:db8::7]:5060",
		"[2001:db8::/32]:5060": "[2001:db8::/32]:5060", "[2001:db8::7]": "2001:db8::7", "192.0.2.7/32": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7",
	} {
		if s, err := ParseSource(text); err != nil || s.String() != want {
			t.Errorf("source %s: %s %v, want %s", text, s, err, want)
		}
	}
	for _, text := range []string{"", "host", "192.0.2.7/24", "192.0.2.7:", "192.0.2.7:0", "192.0.2.7:x", "[2001:db8::7", "[2001:db8::7]5060", "192.0.2.0/33", "fe80::1%eth0", "192.0.2.7/24/24"} {
		if s, err := ParseSource(text); err == nil {
			t.Errorf("source %q is read as %s", text, s)
		}
	}
	for text, want := range map[string]ByteSize{"0": 0, "1GiB": 1 << 30, "1.5KiB": 1536, "500MB": 5e8, "10 kB": 10_000, "7B": 7, "42": 42} {
		if b, err := ParseByteSize(text); err != nil || b != want {
			t.Errorf("size %s: %d %v, want %d", text, b, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "1e30", "NaN", "1 Gb", "9EiB"} {
		if b, err := ParseByteSize(text); err == nil {
			t.Errorf("size %q is read as %d", text, b)
		}
	}
	for size, want := range map[ByteSize]string{1 << 30: "1GiB", 1536: "1536B", 3 << 20: "3MiB", 0: "0B"} {
		if size.String() != want {
			t.Errorf("%d is written %s, want %s", int64(size), size, want)
		}
	}
	if p, err := ParsePortRange("20000-29999"); err != nil || p != (PortRange{20000, 29999}) {
		t.Errorf("ports %v %v", p, err)
	}
	for _, text := range []string{"", "1", "2-1", "0-5", "1-70000", "a-b"} {
		if _, err := ParsePortRange(text); err == nil {
			t.Errorf("ports %q are read", text)
		}
	}
}

func TestHop(t *testing.T) {
	for uri, want := range map[string]Hop{
		"sip:192.0.2.7":                           {Host: "192.0.2.7"},
		"sip:192.0.2.7:5070;transport=UDP":        {Host: "192.0.2.7", Port: 5070, Transport: "udp"},
		"SIP:[2001:db8::7]:5060;transport=tcp;lr": {Host: "2001:db8::7", Port: 5060, Transport: "tcp"},
		"sips:GW.example.net":                     {Host: "gw.example.net", Transport: "tls", Secure: true},
		"sip:_sip._udp.example.net;transport=tls": {Host: "_sip._udp.example.net", Transport: "tls"},
	} {
		if h, err := ParseHop(uri); err != nil || h != want {
			t.Errorf("%s: %+v %v", uri, h, err)
		}
	}
	for _, uri := range []string{"", "sip:", "192.0.2.7", "tel:+12025550143", "sip:a@192.0.2.7", "sip:192.0.2.7?X=y", "sip:192.0.2.256", "sip:a b", "sip:h\r\n", "sip:[192.0.2.7]", "sips:h;transport=udp", "sip:2001:db8::7"} {
		if h, err := ParseHop(uri); err == nil {
			t.Errorf("%q is read as %+v", uri, h)
		}
	}
	if p := (Hop{Transport: "tls"}).PortOrDefault(); p != 5061 {
		t.Errorf("TLS's own port is %d", p)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"gateways", "failover_on", "no_answer", "cps", "id"}
	for word, want := range map[string]string{"gatewys": "gateways", "failover-on": "failover_on", "Cps": "cps", "csp": "cps", "xyz": "", "ic": "id", "ab": "", strings.Repeat("x", 1000): ""} {
		if got := nearest(word, known); got != want {
			t.Errorf("%.20s: %q, want %q", word, got, want)
		}
	}
}

func TestProfilesChangeFieldByField(t *testing.T) {
	edge, _, err := newHost(t).parse("x", small(`
profiles:
  - name: telnyx
    outcomes: { busy: { reason: "Busy, sorry" }, no_answer: { code: 486 } }
  - name: house
    base: twilio
    merge_key: X-House
    retries_on: [ 500 ]
`))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := edge.Profile("telnyx")
	if p.Outcomes["busy"] != (Outcome{Code: 486, Reason: "Busy, sorry", Cause: 17}) || p.Outcomes["no_answer"].Code != 486 || p.Outcomes["loop"].Code != 603 || p.Late2xx != "ack_bye" {
		t.Errorf("telnyx %+v", p)
	}
	house, _ := edge.Profile("house")
	if house.MergeKey != "X-House" || !slices.Equal(house.Called, []string{"request_uri"}) || !slices.Equal(house.RetriesOn, []int{500}) {
		t.Errorf("house %+v", house)
	}
	// The shipped one is as it was.
	if s := shipped()["telnyx"]; s.Outcomes["no_answer"].Code != 603 || s.Outcomes["busy"].Reason != "" {
		t.Errorf("the shipped profile was changed: %+v", s)
	}
}

func TestMistakesAreOneError(t *testing.T) {
	_, _, err := newHost(t).parse("edge.yaml", small("numbrs: {}\nclocks: {}\n"))
	var m Mistakes
	if !errors.As(fmt.Errorf("serve: %w", err), &m) || len(m) != 2 {
		t.Fatalf("got %v", err)
	}
	if want := (Mistake{"edge.yaml", 7, "numbrs", "unknown key", "did you mean numbers?"}); m[0] != want {
		t.Errorf("got %+v", m[0])
	}
}
