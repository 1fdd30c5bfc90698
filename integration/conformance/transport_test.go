package conformance

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
)

// crossing is a call between two transports or families.
type crossing struct {
	name   string
	caller func(k *call) *end
	number string
	gw     func(k *call) *end
}

func (g *stage) transports(t *testing.T) {
	udp := func(k *call) *end { return k.caller }
	tcp := func(k *call) *end { return dial(k.T, "127.0.1.1", k.tcp) }
	secured := func(k *call) *end {
		c := must[*tls.Conn](k.T)(tls.Dial("tcp", k.tls, k.ca.client(k.T, "carrier.example.net")))
		return overConn(k.T, "TLS", c)
	}
	crossings := []crossing{
		{"udp_to_udp", udp, alone, func(k *call) *end { return k.a }},
		{"udp_to_tcp", udp, stream, func(k *call) *end { return k.t }},
		{"udp_to_tls", udp, secure, func(k *call) *end { return k.s }},
		{"tcp_to_udp", tcp, alone, func(k *call) *end { return k.a }},
		{"tcp_to_tcp", tcp, stream, func(k *call) *end { return k.t }},
		{"tcp_to_tls", tcp, secure, func(k *call) *end { return k.s }},
		{"tls_to_udp", secured, alone, func(k *call) *end { return k.a }},
		{"tls_to_tls", secured, secure, func(k *call) *end { return k.s }},
	}
	if g.udp6 != "" {
		v6 := func(k *call) *end { return listenUDP(k.T, at(k.T, "[::1]"), k.udp6) }
		crossings = append(crossings, crossing{"ipv6_to_udp", v6, alone, func(k *call) *end { return k.a }},
			crossing{"ipv6_to_tcp", v6, stream, func(k *call) *end { return k.t }},
			crossing{"udp_to_ipv6", udp, six, func(k *call) *end { return k.x }},
			crossing{"ipv6_to_ipv6", v6, six, func(k *call) *end { return k.x }})
	}
	together(t, crossings, func(c crossing) string { return c.name }, func(t *testing.T, c crossing) {
		k := g.call(t)
		k.from, k.gw = c.caller(k), c.gw(k)
		k.whole(c.number)
	})
	type size struct {
		name   string
		caller func(k *call) *end
		number string
		gw     func(k *call) *end
		bytes  int
	}
	sizes := []size{
		{"udp_2000", udp, alone, func(k *call) *end { return k.a }, 2000}, {"udp_8000", udp, alone, func(k *call) *end { return k.a }, 8000},
		{"tcp_3000", tcp, stream, func(k *call) *end { return k.t }, 3000}, {"tcp_20000", tcp, stream, func(k *call) *end { return k.t }, 20000},
		{"udp_to_tcp_8000", udp, stream, func(k *call) *end { return k.t }, 8000}, {"tcp_to_udp_8000", tcp, alone, func(k *call) *end { return k.a }, 8000},
		{"tls_20000", secured, secure, func(k *call) *end { return k.s }, 20000},
	}
	together(t, sizes, func(s size) string { return s.name }, func(t *testing.T, s size) { // 18.1.1: large ones pass, both ways
		k := g.call(t)
		k.from, k.gw = s.caller(k), s.gw(k)
		body := strings.Repeat("a=large:0123456789\r\n", s.bytes/20)
		invite := k.request("INVITE", s.number, body)
		at := k.offer(invite)
		k.same(invite, at)
		at.back(reply(at.msg, 183, "g", "Contact: <sip:g@"+k.gw.uriTail()+">\r\nContent-Type: application/sdp\r\n", body))
		if l := k.up(183); l.body != body {
			t.Errorf("the body of the 183 has %d bytes, not %d", len(l.body), len(body))
		}
		answer := k.answer(at)
		k.send(k.inside("INFO", at, answer, 2, "Content-Type: text/plain", "body="+body))
		info := k.down("INFO")
		if info.body != body {
			t.Errorf("the body of the INFO has %d bytes, not %d", len(info.body), len(body))
		}
		info.back(reply(info.msg, 200, "", "", body))
		if l := k.up(200); l.body != body {
			t.Errorf("the body of the 200 has %d bytes, not %d", len(l.body), len(body))
		}
		k.bye(at, answer, 3)
	})
	t.Run("tls_without_a_known_name", func(t *testing.T) { // a certificate of nobody's, or none, is a stranger's
		for _, name := range []string{"", "stranger.example.org"} {
			k := g.call(t)
			d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.3.1")}}
			c, err := tls.DialWithDialer(d, "tcp", k.tls, k.ca.client(t, name))
			if err != nil {
				continue
			}
			k.from = overConn(t, "TLS", c)
			k.send(k.invite(alone))
			k.quiet(k.from, k.gw)
		}
	})
}

// whole is one call from INVITE to BYE with requests of both sides in between.
func (k *call) whole(number string) {
	k.Helper()
	at := k.offer(k.invite(number))
	rr := at.list("record-route")
	if want := 1; len(rr) != want {
		if want = 2; len(rr) != want || k.from.proto == k.gw.proto && strings.Contains(k.from.addr, "[") == strings.Contains(k.gw.addr, "[") {
			k.Fatalf("RFC 5658 3.3: Record-Routes %q", rr)
		}
	} else if k.from.proto != k.gw.proto {
		k.Errorf("RFC 5658 3.3: one Record-Route between %s and %s: %q", k.from.proto, k.gw.proto, rr)
	}
	for i, e := range []*end{k.gw, k.from}[:len(rr)] {
		k.loose(rr[i])
		want := ""
		if e.proto != "UDP" {
			want = ";transport=" + strings.ToLower(e.proto) + ";"
		}
		if uri := inBrackets(rr[i]) + ";"; want == "" && strings.Contains(uri, "transport=") || !strings.Contains(uri, want) {
			k.Errorf("RFC 5658 3.3: %q faces %s", rr[i], e.proto)
		}
	}
	at.back(reply(at.msg, 180, "g", "Contact: <sip:gateway@"+k.gw.uriTail()+">\r\n", ""))
	k.up(180)
	answer := k.answer(at)
	if len(answer.list("record-route")) != len(rr) {
		k.Errorf("16.7 8: %q became %q", rr, answer.list("record-route"))
	}
	for i := range 2 {
		text := k.inside("INFO", at, answer, 2+i)
		k.send(text)
		down := k.down("INFO")
		k.passed(text, down, inBrackets(answer.one("contact")))
		down.back(reply(down.msg, 200, "", "", ""))
		k.up(200)
		text = k.outside("INFO", at, answer, 2+i)
		k.gw.write(text)
		up := k.toCaller("INFO")
		k.passed(text, up, inBrackets(at.one("contact")))
		up.back(reply(up.msg, 200, "", "", ""))
		k.toGateway(200)
	}
	text := k.outside("INVITE", at, answer, 10, "Contact: "+answer.one("contact"))
	k.gw.write(text)
	k.toGateway(100)
	re := k.toCaller("INVITE")
	re.back(reply(re.msg, 200, "", "Contact: "+at.one("contact")+"\r\n", sdp))
	k.toGateway(200)
	k.gw.write(k.outside("ACK", at, answer, 10))
	k.toCaller("ACK")
	k.gw.write(k.outside("BYE", at, answer, 11))
	bye := k.toCaller("BYE")
	bye.back(reply(bye.msg, 200, "", "", ""))
	k.toGateway(200)
	k.quiet(k.from, k.gw)
}
