package message

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
)

func TestReply(t *testing.T) {
	raw := invite("To: =>v: SIP/2.0/UDP second;branch=2\r\nTimestamp: 54\r\nTo: ")
	m := parsed(t, raw)
	got := string(m.AppendReply(nil, 404, "", []byte("edge1"), netip.MustParseAddrPort("192.0.2.1:7"), []byte("Reason: Q.850;cause=1\r\n")))
	want := text(
		"SIP/2.0 404 Not Found",
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;received=192.0.2.1;rport=7",
		"From: Alice <sip:alice@example.com>;tag=a1",
		"v: SIP/2.0/UDP second;branch=2",
		"To: <sip:bob@example.com>;tag=edge1",
		"Call-ID: c1@192.0.2.1",
		"CSeq: 1 INVITE",
		"Reason: Q.850;cause=1",
		"Content-Length: 0", "")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	trying := string(m.AppendReply(nil, 100, "Giving a try", []byte("edge1"), source, nil))
	if !strings.HasPrefix(trying, "SIP/2.0 100 Giving a try\r\n") || around(trying, "to") != "To: <sip:bob@example.com>" || around(trying, "timestamp") != "Timestamp: 54" {
		t.Errorf("100:\n%s", trying)
	}
	inside := parsed(t, invite("example.com>\r\n=>example.com>;tag=b1\r\n"))
	if bye := string(inside.AppendReply(nil, 200, "", []byte("edge1"), source, nil)); around(bye, "to") != "To: <sip:bob@example.com>;tag=b1" {
		t.Errorf("tag is added to a tag:\n%s", bye)
	}
}

// A refusal is read by whoever sent the broken request, so it must be readable
// itself and carry nothing that could break the next line.
func TestRefusalsOfTortureAreReadable(t *testing.T) {
	all := torture(t)
	for _, extra := range []string{"Al\rice", "Al\nice", "Al\x00ice", "Alice\r\n\tx"} {
		all["made "+extra] = invite("Alice=>" + extra)
	}
	var m, answer Message
	for name, raw := range all {
		err := m.Parse(bytes.Clone(raw))
		if err == nil || err.(*Fault).Code == 0 {
			continue
		}
		f := err.(*Fault)
		out := m.AppendReply(nil, f.Code, "", []byte("t1"), source, nil)
		head, _, _ := bytes.Cut(out, []byte("\r\n\r\n"))
		for _, line := range bytes.Split(head, []byte("\r\n")) {
			if bytes.ContainsAny(line, "\r\n\x00") || len(line) == 0 {
				t.Errorf("%s: line %q", name, line)
			}
		}
		if !bytes.Contains(out, []byte("Via")) {
			t.Errorf("%s: no Via in %s", name, out)
		}
		// What is copied by duty is as broken as it was.
		copied := map[string]bool{"insuf": true, "quotbal": true, "badinv01": true, "scalar02": true, "badbranch": true}
		if err := answer.Parse(out); (err != nil) != copied[name] {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestAckAndCancelFollowTheInvite(t *testing.T) {
	m := parsed(t, invite("rport\r\n=>rport, SIP/2.0/UDP below\r\nRoute: <sip:a;lr>,\r\n <sip:b;lr>\r\n", "Max-Forwards: 70=>Max-Forwards: 3"))
	got := string(m.AppendAck(nil, []byte("<sip:bob@example.com>;tag=x9")))
	want := text(
		"ACK sip:bob@example.com SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport",
		"Route: <sip:a;lr>,   <sip:b;lr>",
		"Max-Forwards: 70",
		"From: Alice <sip:alice@example.com>;tag=a1",
		"To: <sip:bob@example.com>;tag=x9",
		"Call-ID: c1@192.0.2.1",
		"CSeq: 1 ACK",
		"Content-Length: 0", "")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	cancel := parsed(t, m.AppendCancel(nil, []byte("Reason: SIP;cause=200\r\n")))
	if cancel.Method != CANCEL || string(cancel.Value(KTo)) != "<sip:bob@example.com>" || string(cancel.Value(KReason)) != "SIP;cause=200" ||
		cancel.CSeq != 1 || string(cancel.Via.Branch) != "z9hG4bKabc" || cancel.Count(KRoute) != 2 {
		t.Errorf("%s", cancel.Raw)
	}
}

func TestOwnRequest(t *testing.T) {
	r := Request{
		Method: BYE, URI: []byte("sip:bob@192.0.2.4"), Via: []byte("SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKq"),
		From: []byte("<sip:a@b>;tag=1"), To: []byte("<sip:c@d>;tag=2"), CallID: []byte("id"), CSeq: 7,
		Routes: [][]byte{[]byte("<sip:r1;lr>"), []byte("<sip:r2;lr>")},
		Extra:  []byte("Reason: Q.850;cause=16\r\n"), ContentType: []byte("text/plain"), Body: []byte("bye"),
	}
	got := string(r.Append(nil))
	want := text(
		"BYE sip:bob@192.0.2.4 SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.50;branch=z9hG4bKq",
		"Route: <sip:r1;lr>", "Route: <sip:r2;lr>",
		"Max-Forwards: 70",
		"From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2", "Call-ID: id", "CSeq: 7 BYE",
		"Reason: Q.850;cause=16",
		"Content-Type: text/plain", "Content-Length: 3") + "\r\nbye"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	m := parsed(t, []byte(got))
	if m.Method != BYE || m.CSeq != 7 || string(m.ToTag) != "2" {
		t.Errorf("%+v", m)
	}
}

func TestLoopKeyTellsLoopFromSpiral(t *testing.T) {
	key := func(edits ...string) string { return string(parsed(t, invite(edits...)).AppendLoopKey(nil)) }
	same := key()
	for _, e := range []string{"Max-Forwards: 70=>Max-Forwards: 69", "Via: =>Via: SIP/2.0/UDP edge;branch=z9hG4bKe\r\nVia: ", "1 INVITE=>0001 INVITE"} {
		if key(e) != same {
			t.Errorf("a loop looks like a spiral after %s", e)
		}
	}
	for _, e := range []string{"sip:bob@example.com SIP=>sip:bob@example.org SIP", "tag=a1=>tag=a2", "c1@=>c2@", "1 INVITE=>2 INVITE",
		"com>\r\nCall=>com>;tag=b\r\nCall", "To: =>Route: <sip:a;lr>\r\nTo: ", "To: =>Proxy-Require: x\r\nTo: ", "To: =>P-Called-Party-ID: <sip:a@b>\r\nTo: "} {
		if key(e) == same {
			t.Errorf("a spiral looks like a loop after %s", e)
		}
	}
}

func TestViasAreGivenBack(t *testing.T) {
	m := parsed(t, invite("To: =>v: SIP/2.0/UDP second;branch=2\r\nTo: "))
	got := string(m.AppendVias(nil, netip.MustParseAddrPort("192.0.2.1:7")))
	if want := text("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;received=192.0.2.1;rport=7", "v: SIP/2.0/UDP second;branch=2"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
