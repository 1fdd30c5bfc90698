package conformance

import (
	"strings"
	"testing"
)

// viaCase is one topmost Via, and what must become of it. Empty received or
// rport means that the parameter must not be there.
type viaCase struct {
	name, rule string
	via        string // as sent, without the name
	received   string
	rport      string
	below      []string // Vias beneath it, as sent
	kept       string   // must stand in it unchanged
}

var viaCases = []viaCase{
	{name: "rport", rule: "RFC 3581 4", via: "SIP/2.0/UDP {addr};rport;branch={branch}", received: "{host}", rport: "{port}"},
	{name: "rport_with_a_wrong_port", rule: "RFC 3581 4", via: "SIP/2.0/UDP {host}:9;rport;branch={branch}", received: "{host}", rport: "{port}"},
	{name: "rport_with_a_value", rule: "RFC 3581 4", via: "SIP/2.0/UDP {addr};rport=1234;branch={branch}", received: "{host}", rport: "{port}"},
	{name: "rport_behind_the_branch", rule: "RFC 3581 4", via: "SIP/2.0/UDP {addr};branch={branch};rport", received: "{host}", rport: "{port}"},
	{name: "rport_in_capitals", rule: "7.3.1", via: "SIP/2.0/UDP {addr};RPORT;Branch={branch}", received: "{host}", rport: "{port}"},
	{name: "no_rport", rule: "18.2.2", via: "SIP/2.0/UDP {addr};branch={branch}"},
	{name: "name_in_sent_by", rule: "18.2.1", via: "SIP/2.0/UDP pc33.atlanta.example.com:{port};branch={branch}", received: "{host}"},
	{name: "another_address", rule: "18.2.1", via: "SIP/2.0/UDP 192.0.2.77:{port};branch={branch}", received: "{host}"},
	{name: "forged_received", rule: "18.2.1", via: "SIP/2.0/UDP {addr};received=127.0.3.9;rport;branch={branch}", received: "{host}", rport: "{port}"},
	{name: "forged_received_without_rport", rule: "18.2.1", via: "SIP/2.0/UDP 192.0.2.77:{port};branch={branch};received=127.0.3.9", received: "{host}"},
	{name: "ipv6_in_sent_by", rule: "RFC 5118 4.1", via: "SIP/2.0/UDP [2001:db8::9:1]:{port};branch={branch}", received: "{host}"},
	{name: "ipv6_without_port", rule: "RFC 5118 4.1", via: "SIP/2.0/UDP [2001:db8::9:1];rport;branch={branch}", received: "{host}", rport: "{port}"},
	{name: "unknown_parameters", rule: "16.6 1", via: "SIP/2.0/UDP {addr};alias;x-y=\"a;b,c\";rport;branch={branch};ttl=16", received: "{host}", rport: "{port}", kept: ";alias;x-y=\"a;b,c\""},
	{name: "maddr_is_not_followed", rule: "18.2.2", via: "SIP/2.0/UDP {addr};maddr=127.0.3.9;rport;branch={branch}", received: "{host}", rport: "{port}", kept: ";maddr=127.0.3.9"},
	{name: "blanks_everywhere", rule: "25.1", via: "SIP / 2.0 / UDP   {host} : {port} ; rport ; branch = {branch}", received: "{host}", rport: "{port}"},
	{name: "comment_of_a_tab", rule: "25.1", via: "SIP/2.0/UDP\t{addr}\t;\trport\t;\tbranch\t=\t{branch}", received: "{host}", rport: "{port}"},
	{name: "lower_case_transport", rule: "7.3.1", via: "SIP/2.0/udp {addr};rport;branch={branch}", received: "{host}", rport: "{port}"},
	{name: "a_stack", rule: "16.6 8", via: "SIP/2.0/UDP {addr};rport;branch={branch}", received: "{host}", rport: "{port}",
		below: []string{"SIP/2.0/TLS a.example.com;branch=z9hG4bK1;received=192.0.2.1", "SIP/2.0/WSS df7jal23ls0d.invalid;branch=z9hG4bK2", "SIP/2.0/SCTP [2001:db8::1]:5060"}},
	{name: "long_branch", rule: "17.2.3", via: "SIP/2.0/UDP {addr};rport;branch={branch}-" + strings.Repeat("x", 400), received: "{host}", rport: "{port}"},
	{name: "branch_of_rfc_2543", rule: "17.2.3", via: "SIP/2.0/UDP {addr};rport;branch=1-{key}", received: "{host}", rport: "{port}"},
	{name: "no_branch_at_all", rule: "17.2.3", via: "SIP/2.0/UDP {addr};rport", received: "{host}", rport: "{port}"},
}

func (g *stage) vias(t *testing.T) {
	together(t, viaCases, func(c viaCase) string { return c.name }, func(t *testing.T, c viaCase) {
		k := g.call(t)
		k.lax = c.name == "blanks_everywhere" || c.name == "comment_of_a_tab" || strings.Contains(c.via, "\"")
		head := "Via: " + c.via
		for _, b := range c.below {
			head += "\r\nVia: " + b
		}
		k.checkVia(c, k.invite(alone, head))
	})
	g.scenes(t, []scene{
		{"comma_list", func(k *call) { // 7.3.1: several values in one line are several Vias
			below := []string{"SIP/2.0/UDP a.example.com;branch=z9hG4bK1;p=\"x,y\"", "SIP/2.0/TCP b.example.com:5070;branch=z9hG4bK2"}
			c := viaCase{rule: "7.3.1", received: "{host}", rport: "{port}", below: below}
			k.lax = true // sipgo cuts at the quoted comma
			k.checkVia(c, k.invite(alone, "Via: SIP/2.0/UDP {addr};branch={branch};rport , "+strings.Join(below, ",")))
		}},
		{"compact_and_folded", func(k *call) { // 7.3.3, 7.3.1
			below := []string{"SIP/2.0/UDP a.example.com;branch=z9hG4bK1"}
			k.checkVia(viaCase{rule: "7.3.3", received: "{host}", rport: "{port}", below: below},
				k.invite(alone, "Via: x", "-Via", "v: SIP/2.0/UDP {addr}\r\n ;branch={branch}\r\n\t;rport\r\nv:"+below[0]))
		}},
		{"vias_apart", func(k *call) { // 7.3.1: order counts only among lines of one name
			below := []string{"SIP/2.0/UDP a.example.com;branch=z9hG4bK1", "SIP/2.0/UDP b.example.com;branch=z9hG4bK2"}
			k.checkVia(viaCase{rule: "7.3.1", received: "{host}", rport: "{port}", below: below},
				k.invite(alone, "Subject: x\r\nVia: "+below[0], "Organization: y\r\nVia: "+below[1]))
		}},
		{"port_of_sent_by", func(k *call) { // 18.2.2: without rport to the port of sent-by, not to the source port
			home := listenUDP(k.T, at(k.T, "127.0.1.7"), k.udp)
			away := listenUDP(k.T, "127.0.1.7:0", k.udp)
			k.from = home
			invite := k.invite(alone, "Via: SIP/2.0/UDP {addr};branch={branch}")
			away.write(invite)
			k.up(100)
			k.refused(invite, k.down("INVITE"), 486, 486)
			k.quiet(away)
		}},
		{"default_port", func(k *call) { // 18.2.2: 5060 where sent-by names none
			k.from = listenUDP(k.T, "127.0.1.8:5060", k.udp)
			away := listenUDP(k.T, "127.0.1.8:0", k.udp)
			invite := k.invite(alone, "Via: SIP/2.0/UDP {host};branch={branch}")
			away.write(invite)
			k.up(100)
			k.refused(invite, k.down("INVITE"), 486, 486)
			k.quiet(away)
		}},
		{"own_branch_per_transaction", func(k *call) { // 16.6 8: unique for each request forwarded
			other := k.stage.call(k.T)
			first, second := k.invite(alone), other.invite(alone)
			a, b := k.offer(first), other.offer(second)
			if branchOf(a.list("via")[0]) == branchOf(b.list("via")[0]) {
				k.Error("16.6 8: two transactions have one branch")
			}
			k.refused(first, a, 486, 486)
			other.refused(second, b, 486, 486)
		}},
		{"tcp_is_answered_on_its_connection", func(k *call) { // 18.2.2, whatever the Via says
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			invite := k.invite(alone, "Via: SIP/2.0/TCP elsewhere.example.com:9;branch={branch}")
			k.refused(invite, k.offer(invite), 486, 486)
		}},
	})
}

// checkVia sends an INVITE and looks at its Vias at the gateway, and at those
// of the response at the caller.
func (k *call) checkVia(c viaCase, invite string) {
	k.Helper()
	at := k.offer(invite)
	vias := at.list("via")
	if len(vias) != 2+len(c.below) {
		k.Fatalf("%s: %d Vias at the gateway: %q", c.rule, len(vias), vias)
	}
	k.completed(c, vias[1])
	for i, b := range c.below {
		if vias[2+i] != b {
			k.Errorf("16.6 8: Via %d was %q and is %q", i, b, vias[2+i])
		}
	}
	final := k.refused(invite, at, 486, 486)
	vias = final.list("via")
	if len(vias) != 1+len(c.below) {
		k.Fatalf("16.7 3: %d Vias at the caller: %q", len(vias), vias)
	}
	k.completed(c, vias[0])
	for i, b := range c.below {
		if vias[1+i] != b {
			k.Errorf("16.7 3: Via %d was %q and is %q", i, b, vias[1+i])
		}
	}
}

func (k *call) completed(c viaCase, via string) {
	k.Helper()
	for name, want := range map[string]string{"received": k.fill(c.received), "rport": k.fill(c.rport)} {
		got, is := param(via, name)
		if got != want || is != (want != "") {
			k.Errorf("%s: %s is %q (%v), want %q, in %q", c.rule, name, got, is, want, via)
		}
		if n := strings.Count(strings.ToLower(via), name); n > 1 {
			k.Errorf("%s: %d times %s in %q", c.rule, n, name, via)
		}
	}
	if !strings.Contains(via, c.kept) {
		k.Errorf("%s: %q has lost %q", c.rule, via, c.kept)
	}
}
