package message

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

// text joins header lines as they stand in a message.
func text(l ...string) string { return strings.Join(l, "\r\n") + "\r\n" }

// edited is what comes out, with the edit's MaxForwards left alone unless set.
func edited(t testing.TB, raw []byte, e Edit) string {
	t.Helper()
	if e.MaxForwards == 0 {
		e.MaxForwards = -1
	}
	out := parsed(t, raw).Append([]byte("kept"), &e)
	if !bytes.HasPrefix(out, []byte("kept")) {
		t.Fatal("Append does not append")
	}
	out = out[4:]
	parsed(t, out)
	return string(out)
}

func TestAnEmptyEditChangesNothing(t *testing.T) {
	for _, raw := range [][]byte{plain(), twilio(), telnyx(), bandwidth(), answer(), invite()} {
		if got := edited(t, raw, Edit{}); got != string(raw) {
			t.Errorf("changed:\n%s\nto\n%s", raw, got)
		}
	}
}

func TestARequestIsForwarded(t *testing.T) {
	got := edited(t, bandwidth(), Edit{
		URI:             []byte("sip:+12025550143@10.0.0.5"),
		PushVia:         []byte("SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKnew"),
		Received:        netip.MustParseAddrPort("198.51.100.131:5099"),
		MaxForwards:     69,
		PushRecordRoute: []byte("<sip:token@192.0.2.50;lr>"),
		Contact:         []byte("<sip:hidden@192.0.2.50>"),
		Strip:           NewHeaderSet("P-Asserted-Identity", "User-Agent", "x"),
		Add:             []byte("X-Edge: 1\r\nP-Asserted-Identity: <sip:anonymous@anonymous.invalid>\r\n"),
	})
	want := text(
		"INVITE sip:+12025550143@10.0.0.5 SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKnew",
		"Via: SIP/2.0/UDP 198.51.100.131:5060;branch=z9hG4bK0bBe5d0a1c2b3d4e",
		"Record-Route: <sip:token@192.0.2.50;lr>",
		"From: <sip:+13125550177@198.51.100.131;isup-oli=0>;tag=gK0a2c1b3d",
		"To: <sip:+12025550143@192.0.2.50>",
		"Call-ID: 1142930157_61829134@198.51.100.131",
		"CSeq: 81235 INVITE",
		"Max-Forwards: 69",
		"Allow: INVITE,ACK,CANCEL,BYE,REGISTER,REFER,INFO,SUBSCRIBE,NOTIFY,PRACK,UPDATE,OPTIONS",
		"Accept: application/sdp, application/isup, application/dtmf, application/dtmf-relay, multipart/mixed",
		"Contact: <sip:hidden@192.0.2.50>",
		"Privacy: none",
		"Identity: eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiJ9.eyJhdHRlc3QiOiJBIn0.c2ln;info=<https://cert.example.org/a;b.pem>;alg=ES256;ppt=shaken",
		"Supported: timer,100rel,precondition",
		"Min-SE: 90",
		"X-Edge: 1",
		"P-Asserted-Identity: <sip:anonymous@anonymous.invalid>",
		"Content-Length: "+decimal(len(sdp)),
		"Content-Disposition: session;handling=optional",
		"Content-Type: application/sdp",
	) + "\r\n" + sdp
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAResponseGoesBack(t *testing.T) {
	token := strings.Repeat("T", 110)
	got := edited(t, answer(), Edit{
		PopVia: true, SwapOld: []byte(token), SwapNew: []byte("new"),
		Contact: []byte("<sip:agent@192.0.2.50>"), Strip: NewHeaderSet("SERVER"), Status: 183,
	})
	want := text(
		"SIP/2.0 183 Session Progress",
		"Via: SIP/2.0/UDP 198.51.100.131:5060;branch=z9hG4bK0bBe5d0a1c2b3d4e;rport=5060;received=198.51.100.131",
		"Record-Route: <sip:new@192.0.2.50;lr>",
		"From: <sip:+13125550177@198.51.100.131>;tag=gK0a2c1b3d",
		"To: <sip:+12025550143@192.0.2.50>;tag=as6f1c2d",
		"Call-ID: 1142930157_61829134@198.51.100.131",
		"CSeq: 81235 INVITE",
		"Contact: <sip:agent@192.0.2.50>",
		"Content-Type: application/sdp",
		"Content-Length: "+decimal(len(sdp)),
	) + "\r\n" + sdp
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if out := edited(t, answer(), Edit{Status: 480, Reason: "Gone Fishing"}); !strings.HasPrefix(out, "SIP/2.0 480 Gone Fishing\r\n") {
		t.Errorf("%.40s", out)
	}
}

// around gives the lines of one header in the message that comes out.
func around(s, name string) string {
	var found []string
	head, _, _ := strings.Cut(s, "\r\n\r\n")
	for _, l := range strings.Split(head, "\r\n") {
		n, _, _ := strings.Cut(l, ":")
		if strings.EqualFold(strings.TrimSpace(n), name) {
			found = append(found, l)
		}
	}
	return strings.Join(found, "\n")
}

func TestViaIsCompleted(t *testing.T) {
	const v = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport"
	for _, c := range []struct{ what, via, source, want string }{
		{"rport asked for", v, "192.0.2.1:5061", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;received=192.0.2.1;rport=5061"},
		{"same host, no rport", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"},
		{"other host, no rport", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", "192.0.2.2:5060", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;received=192.0.2.2"},
		{"host name", "SIP/2.0/TCP pc.example.com;branch=z9hG4bKa", "192.0.2.2:5060", "SIP/2.0/TCP pc.example.com;branch=z9hG4bKa;received=192.0.2.2"},
		{"forged received", "SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;branch=z9hG4bKa", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"},
		{"forged both", "SIP/2.0/UDP 192.0.2.1;rport=6;branch=z9hG4bKa;received=6.6.6.6", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa;received=192.0.2.1;rport=5060"},
		{"forged in the other order", "SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;x;rport=6", "192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1;x;received=192.0.2.1;rport=5060"},
		{"list", v + ", SIP/2.0/UDP h;received=1.2.3.4", "192.0.2.1:7", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;received=192.0.2.1;rport=7, SIP/2.0/UDP h;received=1.2.3.4"},
		{"blanks", "SIP / 2.0 / UDP h : 1 ; rport ; branch = z9hG4bKa , SIP/2.0/UDP i", "192.0.2.1:7", "SIP / 2.0 / UDP h : 1 ; branch = z9hG4bKa;received=192.0.2.1;rport=7 , SIP/2.0/UDP i"},
		{"blank at the end", "SIP/2.0/UDP h;rport , SIP/2.0/UDP i", "192.0.2.1:7", "SIP/2.0/UDP h;received=192.0.2.1;rport=7 , SIP/2.0/UDP i"},
		{"IPv6 same", "SIP/2.0/UDP [2001:db8::1];branch=z9hG4bKa", "[2001:db8::1]:5060", "SIP/2.0/UDP [2001:db8::1];branch=z9hG4bKa"},
		{"IPv6 other", "SIP/2.0/UDP [2001:db8::1];branch=z9hG4bKa;rport", "[2001:db8::2]:5060", "SIP/2.0/UDP [2001:db8::1];branch=z9hG4bKa;received=2001:db8::2;rport=5060"},
		{"IPv4 on an IPv6 socket", v, "[::ffff:192.0.2.9]:7", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;received=192.0.2.9;rport=7"},
		{"zone", v, "[fe80::1%eth0]:7", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;received=fe80::1;rport=7"},
	} {
		raw := invite(v + "=>" + c.via)
		got := edited(t, raw, Edit{Received: netip.MustParseAddrPort(c.source)})
		if w := "Via: " + c.want; around(got, "via") != w {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, around(got, "via"), w)
		}
	}
}

func TestViasArePushedAndPopped(t *testing.T) {
	one := invite()
	list := invite("rport\r\n=>rport , SIP/2.0/UDP second;branch=2 ,SIP/2.0/UDP third\r\nv: SIP/2.0/UDP fourth\r\n")
	push := []byte("SIP/2.0/TCP edge;branch=z9hG4bKe")
	for _, c := range []struct {
		what string
		raw  []byte
		e    Edit
		want string
	}{
		{"pop of one", one, Edit{PopVia: true}, ""},
		{"pop of a list", list, Edit{PopVia: true}, "Via: SIP/2.0/UDP second;branch=2 ,SIP/2.0/UDP third"},
		{"push", one, Edit{PushVia: push}, "Via: SIP/2.0/TCP edge;branch=z9hG4bKe\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport"},
		{"push and pop", list, Edit{PushVia: push, PopVia: true}, "Via: SIP/2.0/TCP edge;branch=z9hG4bKe\nVia: SIP/2.0/UDP second;branch=2 ,SIP/2.0/UDP third"},
		{"drop all and push", list, Edit{PushVia: push, DropVias: true}, "Via: SIP/2.0/TCP edge;branch=z9hG4bKe"},
	} {
		m := parsed(t, c.raw)
		c.e.MaxForwards = -1
		if got := around(string(m.Append(nil, &c.e)), "via"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
	if got := string(parsed(t, list).Append(nil, &Edit{DropVias: true, MaxForwards: -1})); strings.Contains(got, "fourth") {
		t.Error("a compact Via stays")
	}
}

func TestRoutes(t *testing.T) {
	raw := invite("To: =>Route: <sip:a;lr>, <sip:b,c;lr>\r\nROUTE : <sip:d;lr>\r\nTo: ")
	for _, c := range []struct {
		what string
		e    Edit
		want string
	}{
		{"one", Edit{DropRoutes: 1}, "Route: <sip:b,c;lr>\nROUTE : <sip:d;lr>"},
		{"two", Edit{DropRoutes: 2}, "ROUTE : <sip:d;lr>"},
		{"three", Edit{DropRoutes: 3}, ""},
		{"more than there are", Edit{DropRoutes: 9}, ""},
		{"all", Edit{DropAllRoutes: true}, ""},
		{"push", Edit{PushRoute: []byte("<sip:x;lr>")}, "Route: <sip:x;lr>\nRoute: <sip:a;lr>, <sip:b,c;lr>\nROUTE : <sip:d;lr>"},
		{"push and drop", Edit{PushRoute: []byte("<sip:x;lr>"), DropRoutes: 2}, "Route: <sip:x;lr>\nROUTE : <sip:d;lr>"},
		{"push and drop all", Edit{PushRoute: []byte("<sip:x;lr>"), DropAllRoutes: true}, "Route: <sip:x;lr>"},
		{"strip", Edit{Strip: NewHeaderSet("route")}, ""},
	} {
		if got := around(edited(t, raw, c.e), "route"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
	if got := edited(t, invite(), Edit{PushRoute: []byte("<sip:x;lr>")}); around(got, "route") != "Route: <sip:x;lr>" {
		t.Errorf("into a message without Route: %s", got)
	}
}

func TestRecordRoutes(t *testing.T) {
	raw := invite("To: =>Record-Route: <sip:a@h;lr>\r\nrecord-route: <sip:b@h;lr>, <sip:a@i;lr>\r\nTo: ")
	for _, c := range []struct {
		what string
		e    Edit
		want string
	}{
		{"push two", Edit{PushRecordRoute: []byte("<sip:x;lr>,<sip:y;lr>")}, "Record-Route: <sip:x;lr>,<sip:y;lr>\nRecord-Route: <sip:a@h;lr>\nrecord-route: <sip:b@h;lr>, <sip:a@i;lr>"},
		{"drop", Edit{DropRecordRoute: true}, ""},
		{"drop and push", Edit{DropRecordRoute: true, PushRecordRoute: []byte("<sip:x;lr>")}, "Record-Route: <sip:x;lr>"},
		{"swap everywhere", Edit{SwapOld: []byte("sip:a@"), SwapNew: []byte("sips:longer@")}, "Record-Route: <sips:longer@h;lr>\nrecord-route: <sip:b@h;lr>, <sips:longer@i;lr>"},
		{"swap for nothing", Edit{SwapOld: []byte("sip:a@")}, "Record-Route: <h;lr>\nrecord-route: <sip:b@h;lr>, <i;lr>"},
		{"swap of what is not there", Edit{SwapOld: []byte("sip:zz@"), SwapNew: []byte("q")}, "Record-Route: <sip:a@h;lr>\nrecord-route: <sip:b@h;lr>, <sip:a@i;lr>"},
	} {
		if got := around(edited(t, raw, c.e), "record-route"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
	// The swap must not reach into other headers.
	got := edited(t, invite("To: =>X-Copy: sip:a@\r\nTo: "), Edit{SwapOld: []byte("sip:a@"), SwapNew: []byte("no")})
	if around(got, "x-copy") != "X-Copy: sip:a@" {
		t.Errorf("swapped outside: %s", got)
	}
}

func TestMissingHeadersStandBehindTheTopmostVias(t *testing.T) {
	raw := invite("Max-Forwards: 70=>v: SIP/2.0/UDP second", "rport\r\n=>rport\r\nVia: SIP/2.0/UDP first\r\n")
	got := edited(t, raw, Edit{MaxForwards: 70, PushRoute: []byte("<sip:r>"), PushRecordRoute: []byte("<sip:q>"), PushVia: []byte("SIP/2.0/UDP e")})
	want := text("INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP e", "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport",
		"Via: SIP/2.0/UDP first", "v: SIP/2.0/UDP second", "Record-Route: <sip:q>", "Route: <sip:r>", "Max-Forwards: 70", "From: Alice <sip:alice@example.com>;tag=a1")
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestHopsContactAndLength(t *testing.T) {
	if got := around(edited(t, invite(), Edit{MaxForwards: 5}), "max-forwards"); got != "Max-Forwards: 5" {
		t.Error(got)
	}
	bare := invite("Max-Forwards: 70\r\n=>", "Content-Length: 5\r\n=>")
	got := edited(t, bare, Edit{MaxForwards: 70, Add: []byte("X-A: 1\r\n")})
	if around(got, "max-forwards") != "Max-Forwards: 70" || !strings.HasSuffix(got, "X-A: 1\r\nContent-Length: 5\r\n\r\nv=0\r\n") {
		t.Errorf("inserted wrongly:\n%s", got)
	}
	zero := string(parsed(t, bare).Append(nil, &Edit{MaxForwards: 0}))
	if around(zero, "max-forwards") != "Max-Forwards: 0" {
		t.Errorf("zero is not set:\n%s", zero)
	}

	two := invite("Contact: <sip:alice@192.0.2.1>=>m : <sip:a@b>\r\nContact: <sip:c@d>")
	if got := edited(t, two, Edit{Contact: []byte("<sip:z@z>")}); around(got, "m")+around(got, "contact") != "m : <sip:z@z>" {
		t.Errorf("contacts:\n%s", got)
	}
	if got := edited(t, invite("Contact: <sip:alice@192.0.2.1>\r\n=>"), Edit{Contact: []byte("<sip:z@z>")}); around(got, "contact") != "" {
		t.Errorf("a Contact appeared:\n%s", got)
	}

	short := invite("Content-Length: 5=>l   :5\r\nContent-Length: 5")
	got = edited(t, short, Edit{Body: []byte("v=0\r\no=x\r\n")})
	if around(got, "l") != "l   :10" || around(got, "content-length") != "" || !strings.HasSuffix(got, "\r\n\r\nv=0\r\no=x\r\n") {
		t.Errorf("length:\n%s", got)
	}
	if got := edited(t, invite(), Edit{Body: []byte{}}); !strings.HasSuffix(got, "Content-Length: 0\r\n\r\n") {
		t.Errorf("empty body:\n%s", got)
	}
	if got := edited(t, append(invite(), "rest"...), Edit{}); !strings.HasSuffix(got, "Content-Length: 5\r\n\r\nv=0\r\n") {
		t.Errorf("what follows the body passes:\n%s", got)
	}
}

func TestStrippedHeadersAreGoneInEverySpelling(t *testing.T) {
	raw := invite("To: =>P-Asserted-Identity: <sip:a@b>\r\np-asserted-IDENTITY \t: <sip:c@d>,\r\n <sip:e@f>\r\n" +
		"x: 1800\r\nSession-Expires:90\r\nX-Secret: 1\r\nx-secret-2:2\r\nX : 3\r\nS: hello\r\nPolicy: kept\r\nTo: ")
	got := edited(t, raw, Edit{Strip: NewHeaderSet("P-Asserted-Identity", "session-expires", "X-*", "Subject", "Via", "f", "To", "CSeq", "Max-Forwards", "l", "Call-ID")})
	for _, n := range []string{"p-asserted-identity", "x", "session-expires", "x-secret", "x-secret-2", "s", "subject"} {
		if around(got, n) != "" {
			t.Errorf("%s is left:\n%s", n, got)
		}
	}
	for _, n := range []string{"policy", "via", "from", "to", "call-id", "cseq", "max-forwards", "content-length"} {
		if around(got, n) == "" {
			t.Errorf("%s is gone:\n%s", n, got)
		}
	}
}

func TestHeaderSet(t *testing.T) {
	s := NewHeaderSet("p-asserted-*", "k", "X-One", "", "Y*")
	for n, want := range map[string]bool{
		"P-Asserted-Identity": true, "P-Asserted-Service": true, "Supported": true, "K": true, "x-one": true,
		"X-One-More": false, "X-On": false, "yes": true, "Via": false, "P-Preferred-Identity": false,
		"Identity": false, // its compact form y is another name than the prefix "Y"
	} {
		h := Header{Kind: kindOf([]byte(n)), Name: []byte(n)}
		if s.Has(&h) != want {
			t.Errorf("%s: %v", n, !want)
		}
	}
	if (*HeaderSet)(nil).Has(&Header{Kind: KVia}) {
		t.Error("a nil set holds something")
	}
	all := NewHeaderSet("*")
	if !all.Has(&Header{Kind: KServer}) || !all.Has(&Header{Name: []byte("Q")}) {
		t.Error("* does not match")
	}
}

func TestWsinvSurvivesForwarding(t *testing.T) {
	raw := torture(t)["wsinv"]
	got := edited(t, raw, Edit{
		PushVia: []byte("SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKnew"), MaxForwards: 67,
		Received: netip.MustParseAddrPort("192.0.2.2:5060"), PushRecordRoute: []byte("<sip:e;lr>"),
	})
	before, after := parsed(t, raw), parsed(t, []byte(got))
	if len(after.Headers) != len(before.Headers)+2 {
		t.Errorf("%d headers became %d", len(before.Headers), len(after.Headers))
	}
	if string(after.Value(KContact)) != string(before.Value(KContact)) || string(after.Body) != string(before.Body) {
		t.Error("Contact or body changed")
	}
	below, ok := after.ViaBelow()
	if !ok || string(below.Branch) != "390skdjuw" || below.Received != nil {
		t.Errorf("Via below: %+v", below)
	}
	if m := after.Value(KMaxForwards); string(m) != "67" {
		t.Errorf("hops %q", m)
	}
}
