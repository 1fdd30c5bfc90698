package locate

import (
	"context"
	"net/netip"
	"strings"
	"testing"
)

// RFC 3263 section 4, branch by branch.
func TestLocate(t *testing.T) {
	hosts := []string{"gw1.example. 60 A 192.0.2.1", "gw2.example. 60 A 192.0.2.2", "gw2.example. 60 AAAA 2001:db8::2"}
	with := func(lines ...string) []string { return append(lines, hosts...) }
	naptr := func(order, service, to string) string {
		return `d.example. 60 NAPTR ` + order + ` 0 "s" "` + service + `" "" ` + to
	}
	for _, c := range []struct {
		name, uri string
		zone      []string
		want      string
	}{
		{"numeric", "sip:192.0.2.9", nil, "udp [192.0.2.9:5060] 0/0 tcp"},
		{"numeric with port", "sip:192.0.2.9:5070", nil, "udp [192.0.2.9:5070] 0/0 tcp"},
		{"numeric, transport named", "sip:192.0.2.9;transport=UDP", nil, "udp [192.0.2.9:5060] 0/0"},
		{"numeric over TCP", "sip:192.0.2.9;transport=tcp", nil, "tcp [192.0.2.9:5060] 0/0"},
		{"numeric over TLS", "sip:[2001:db8::9];transport=tls", nil, "tls [[2001:db8::9]:5061] 0/0"},
		{"numeric sips", "sips:192.0.2.9", nil, "tls [192.0.2.9:5061] 0/0"},
		{"maddr instead of host", "sip:example;maddr=192.0.2.8", nil, "udp [192.0.2.8:5060] 0/0 tcp"},
		{"a port: addresses only", "sip:gw2.example:5070", with("_sip._udp.gw2.example. 60 SRV 1 1 9 gw1.example."),
			"udp [192.0.2.2:5070 [2001:db8::2]:5070] 0/0 tcp"},
		{"no service records: addresses", "sip:gw1.example", hosts, "udp [192.0.2.1:5060] 0/0 tcp"},
		{"sips without service records", "sips:gw1.example", hosts, "tls [192.0.2.1:5061] 0/0"},
		{"transport named: its SRV", "sip:x.example;transport=tcp", with("_sip._tcp.x.example. 60 SRV 1 1 5080 gw1.example.", "_sip._udp.x.example. 60 SRV 1 1 5090 gw1.example."),
			"tcp [192.0.2.1:5080] 1/1"},
		{"transport named, no such SRV: addresses", "sip:gw1.example;transport=tcp", with("_sip._udp.gw1.example. 60 SRV 1 1 5090 gw1.example."),
			"tcp [192.0.2.1:5060] 0/0"},
		{"tls named: the sips service", "sip:x.example;transport=tls", with("_sips._tcp.x.example. 60 SRV 1 1 5071 gw1.example."),
			"tls [192.0.2.1:5071] 1/1"},
		{"SRV by priority, with weights", "sip:x.example", with("_sip._udp.x.example. 60 SRV 20 5 5060 gw1.example.", "_sip._udp.x.example. 60 SRV 10 7 5062 gw2.example."),
			"udp [192.0.2.2:5062 [2001:db8::2]:5062] 10/7\nudp [192.0.2.1:5060] 20/5"},
		{"UDP with its TCP sibling on the same door", "sip:x.example",
			with("_sip._udp.x.example. 60 SRV 1 1 5060 gw1.example.", "_sip._udp.x.example. 60 SRV 2 1 5060 gw2.example.", "_sip._tcp.x.example. 60 SRV 1 1 5060 GW1.example.", "_sip._tcp.x.example. 60 SRV 1 1 5099 gw2.example."),
			"udp [192.0.2.1:5060] 1/1 tcp\nudp [192.0.2.2:5060 [2001:db8::2]:5060] 2/1"},
		{"only TCP has SRV", "sip:x.example", with("_sip._tcp.x.example. 60 SRV 1 1 5060 gw1.example."), "tcp [192.0.2.1:5060] 1/1"},
		{"SRV says decidedly not", "sip:gw1.example;transport=udp", with("_sip._udp.gw1.example. 60 SRV 0 0 0 ."), "error: locate gw1.example: no address"},
		{"UDP decidedly not, TCP is", "sip:gw1.example", with("_sip._udp.gw1.example. 60 SRV 0 0 0 .", "_sip._tcp.gw1.example. 60 SRV 1 1 5060 gw1.example."), "tcp [192.0.2.1:5060] 1/1"},
		{"an SRV target without address is left out", "sip:x.example;transport=udp", with("_sip._udp.x.example. 60 SRV 1 1 5060 gone.example.", "_sip._udp.x.example. 60 SRV 2 1 5060 gw1.example."),
			"udp [192.0.2.1:5060] 2/1"},
		{"NAPTR chooses the transport by order", "sip:d.example",
			with(naptr("20", "SIP+D2U", "u.example."), naptr("10", "SIP+D2T", "t.example."), "u.example. 60 SRV 1 1 5060 gw1.example.", "t.example. 60 SRV 1 1 5070 gw2.example."),
			"tcp [192.0.2.2:5070 [2001:db8::2]:5070] 1/1"},
		{"NAPTR with UDP first knows of TCP", "sip:d.example",
			with(naptr("10", "SIP+D2U", "u.example."), naptr("20", "SIP+D2T", "t.example."), "u.example. 60 SRV 1 1 5060 gw1.example.", "t.example. 60 SRV 1 1 5060 gw1.example."),
			"udp [192.0.2.1:5060] 1/1 tcp"},
		{"sips takes TLS services only", "sips:d.example",
			with(naptr("10", "SIP+D2U", "u.example."), naptr("20", "SIPS+D2T", "s.example."), "u.example. 60 SRV 1 1 5060 gw1.example.", "s.example. 60 SRV 1 1 5061 gw2.example."),
			"tls [192.0.2.2:5061 [2001:db8::2]:5061] 1/1"},
		{"NAPTR of services not spoken here", "sip:gw1.example", with(`gw1.example. 60 NAPTR 1 1 "s" "SIP+D2S" "" sctp.example.`, `gw1.example. 60 NAPTR 2 1 "u" "E2U+sip" "!^.*$!sip:a@b!" .`),
			"udp [192.0.2.1:5060] 0/0 tcp"},
		{"an alias", "sip:a.example:5060", with("a.example. 60 CNAME b.example.", "b.example. 60 CNAME gw1.example."), "udp [192.0.2.1:5060] 0/0 tcp"},
		{"aliases in a circle", "sip:a.example:5060", with("a.example. 60 CNAME b.example.", "b.example. 60 CNAME a.example."), "error: locate a.example: a.example: too many aliases"},
		{"unknown name", "sip:nowhere.example", hosts, "error: locate nowhere.example: no address"},
		{"unusable addresses", "sip:odd.example:5060", []string{"odd.example. 60 A 0.0.0.0", "odd.example. 60 A 224.0.0.1"}, "error: locate odd.example: no address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newZone(t, c.zone...).resolver(t)
			if got := told(r.Lookup(context.Background(), query(t, c.uri))); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestFamilies(t *testing.T) {
	z := newZone(t, "gw.example. 60 A 192.0.2.1", "gw.example. 60 AAAA 2001:db8::1")
	r := z.resolver(t)
	q := query(t, "sip:gw.example:5060")
	q.NoIPv4 = true
	if got := told(r.Lookup(context.Background(), q)); got != "udp [[2001:db8::1]:5060] 0/0 tcp" {
		t.Error(got)
	}
	if n := z.count("gw.example A/udp"); n != 0 {
		t.Errorf("asked for a family of no use %d times", n)
	}
	q = query(t, "sip:192.0.2.1")
	q.NoIPv4 = true
	if _, err := r.Lookup(context.Background(), q); err == nil {
		t.Error("an IPv4 address for an IPv6 listener was accepted")
	}
}

func TestHostsFileAndSystem(t *testing.T) {
	z := newZone(t, "pinned.example. 60 A 192.0.2.1", "_sip._udp.pinned.example. 60 SRV 1 1 5099 pinned.example.")
	only := func(name, ip string) func(context.Context, string) ([]netip.Addr, error) {
		return func(_ context.Context, n string) ([]netip.Addr, error) {
			if n == name {
				return []netip.Addr{netip.MustParseAddr(ip)}, nil
			}
			return nil, nil
		}
	}
	r := New(Options{Servers: []string{"ns"}, Dial: z.dial, Hosts: only("pinned.example", "10.0.0.1"), System: only("gw", "10.0.0.2")})
	defer r.Close()
	for uri, want := range map[string]string{
		"sip:pinned.example": "udp [10.0.0.1:5060] 0/0 tcp",
		"sip:gw":             "udp [10.0.0.2:5060] 0/0 tcp",
		"sip:gx":             "error: locate gx: no address",
	} {
		if got := told(r.Lookup(context.Background(), query(t, uri))); got != want {
			t.Errorf("%s: got %s want %s", uri, got, want)
		}
	}
	if n := z.count("gw A/udp"); n != 0 {
		t.Error("a name without a dot was asked of the name servers")
	}
}

// The machine's own hosts file, as it is everywhere.
func TestLocalhost(t *testing.T) {
	r := New(Options{Servers: []string{"127.0.0.1:1"}})
	defer r.Close()
	q := query(t, "sip:localhost:5070;transport=tcp")
	q.NoIPv6 = true
	if got := told(r.Lookup(context.Background(), q)); got != "tcp [127.0.0.1:5070] 0/0" {
		t.Error(got)
	}
}

func TestParseRefuses(t *testing.T) {
	for uri, word := range map[string]string{
		"tel:+12025550100":                "scheme",
		"sips:example.net;transport=udp":  "contradicts",
		"sip:example.net;transport=sctp":  "sctp",
		"sip:a..b":                        "",
		"sip:" + strings.Repeat("a", 64):  "domain name",
		"sip:0.0.0.0":                     "destination",
		"sip:user@ex%00ample":             "",
		"example.net":                     "",
		"sip:[fe80::1%25eth0]":            "",
		"sip:x.example;maddr=not_a_name!": "domain name",
	} {
		_, err := Parse(uri)
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v, want an error with %q", uri, err, word)
		}
	}
}
