package message

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// invite is a small valid INVITE; each edit is "old=>new" on its text.
func invite(edits ...string) []byte {
	s := string(lines("v=0\r\n",
		"INVITE sip:bob@example.com SIP/2.0",
		"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport",
		"Max-Forwards: 70",
		"From: Alice <sip:alice@example.com>;tag=a1",
		"To: <sip:bob@example.com>",
		"Call-ID: c1@192.0.2.1",
		"CSeq: 1 INVITE",
		"Contact: <sip:alice@192.0.2.1>",
		"Content-Type: application/sdp",
		"Content-Length: {length}"))
	for _, e := range edits {
		before, after, ok := strings.Cut(e, "=>")
		if !ok || !strings.Contains(s, before) {
			panic("no such text: " + e)
		}
		s = strings.Replace(s, before, after, 1)
	}
	return []byte(s)
}

func TestParseFindsWhatTheEdgeAsksFor(t *testing.T) {
	m := parsed(t, twilio())
	for _, c := range []struct{ what, got, want string }{
		{"method", m.Method.String(), "INVITE"},
		{"uri", string(m.URI), "sip:+12025550143@sbc.example.net:5060"},
		{"user", string(m.Target.User), "+12025550143"},
		{"call id", string(m.CallID), "5b8e8f0d2f7b4d1e9c3a6f1207d4e9aa@0.0.0.0"},
		{"from tag", string(m.FromTag), "71930245_c3356d0b_1a2f"},
		{"branch", string(m.Via.Branch), "z9hG4bK4cf1.8b1d7c65a3e0f.0"},
		{"sent-by", string(m.Via.SentBy), "203.0.113.20:5060"},
		{"body", string(m.Body), sdp},
		{"diversion", string(m.Value(KDiversion)), "<sip:+18005550100@carrier.example.com>;reason=unconditional"},
		{"named", string(m.Named("x-carrier-callsid").Value), "CA0f5d6f4b7b1b4f2a8d2c3b4a59687c10"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if !m.Request || m.CSeq != 28214 || m.MaxForwards != 64 || m.ToTag != nil || !m.Via.RPort || m.Via.RPortVal != 0 {
		t.Errorf("read wrongly: %+v", m)
	}
	if n := m.Count(KRecordRoute); n != 2 {
		t.Errorf("%d Record-Routes", n)
	}
	if len(m.Headers) != 16 {
		t.Errorf("%d headers, want 16", len(m.Headers))
	}
}

func TestCompactFormsListsAndMissingBlanks(t *testing.T) {
	m := parsed(t, telnyx())
	if string(m.CallID) != "b5f19c63-2a4e-123c-7b8a-0a6b1c2d3e4f" || string(m.FromTag) != "9Ng1yS8m5rDjQ" {
		t.Errorf("call id %q, from tag %q", m.CallID, m.FromTag)
	}
	if string(m.Via.Value) != "SIP/2.0/UDP 192.0.2.130:5060;rport;branch=z9hG4bKpKcSe9tU2NZ8m" {
		t.Errorf("top Via %q", m.Via.Value)
	}
	below, ok := m.ViaBelow()
	if !ok || string(below.Branch) != "z9hG4bK-2" || string(below.Received) != "10.13.2.9" {
		t.Errorf("Via below %+v %v", below, ok)
	}
	if !m.HasToken(KSupported, "PATH") || m.HasToken(KSupported, "100rel") || m.HasToken(KRequire, "path") {
		t.Error("Supported is read wrongly")
	}
	var users []string
	for v := range m.Values(KPAI) {
		a, err := ParseNameAddr(v)
		if err != nil {
			t.Fatal(err)
		}
		users = append(users, string(a.URI))
	}
	if !slices.Equal(users, []string{"sip:+13125550177@192.0.2.130"}) {
		t.Errorf("PAI %q", users)
	}
}

func TestFoldedAndBlankRiddenMessage(t *testing.T) {
	m := parsed(t, torture(t)["wsinv"])
	for _, c := range []struct{ what, got, want string }{
		{"from tag", string(m.FromTag), "98asjd8"},
		{"to tag", string(m.ToTag), "1918181833n"},
		{"transport", string(m.Via.Transport), "UDP"},
		{"branch", string(m.Via.Branch), "390skdjuw"},
		{"host", string(m.Via.Host), "192.0.2.2"},
		{"subject", string(m.First(KSubject).Value), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got, c.want)
		}
	}
	if m.CSeq != 9 || m.Method != INVITE || m.MaxForwards != 68 || len(m.Body) != 150 {
		t.Errorf("CSeq %d, method %v, hops %d, body %d", m.CSeq, m.Method, m.MaxForwards, len(m.Body))
	}
	var branches []string
	for v := range m.Values(KVia) {
		via, err := ParseVia(v)
		if err != nil {
			t.Fatalf("%q: %v", v, err)
		}
		branches = append(branches, string(via.Branch))
	}
	if want := []string{"390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"}; !slices.Equal(branches, want) {
		t.Errorf("branches %q, want %q", branches, want)
	}
	contact, err := ParseNameAddr(m.Value(KContact))
	if err != nil {
		t.Fatal(err)
	}
	if q, _ := Param(contact.Params, "Q"); string(q) != "0.33" {
		t.Errorf("q %q in %q", q, contact.Params)
	}
}

func TestRequestsAreJudged(t *testing.T) {
	for _, c := range []struct {
		what string
		raw  []byte
		want int
	}{
		{"as it is", invite(), served},
		{"CRLF in front", append([]byte("\r\n\r\n"), invite()...), served},
		{"folded first header", invite("Via: SIP=>Via:\r\n SIP"), served},
		{"folded start line", invite(" SIP/2.0\r\nVia=>\r\n SIP/2.0\r\nVia"), 400},
		{"blank before the first header", invite("\r\nVia: =>\r\n Via: "), silence},
		{"blank and tab before the colon", invite("To: =>To \t: "), served},
		{"fold of blanks only", invite("Max-Forwards: 70=>Max-Forwards: 70\r\n \t "), served},
		{"lower case version", invite("SIP/2.0\r\n=>sip/2.0\r\n"), served},
		{"version 3.0", invite("SIP/2.0\r\n=>SIP/3.0\r\n"), 505},
		{"version 2.00", invite("SIP/2.0\r\n=>SIP/2.00\r\n"), 505},
		{"no version", invite(" SIP/2.0\r\nVia=>\r\nVia"), 400},
		{"HTTP", invite("SIP/2.0\r\nVia=>HTTP/1.1\r\nVia"), 400},
		{"two blanks", invite("INVITE sip=>INVITE  sip"), 400},
		{"tab", invite("INVITE sip=>INVITE\tsip"), 400},
		{"no URI", invite("sip:bob@example.com SIP/2.0\r\nV=>SIP/2.0\r\nV"), 400},
		{"URI without host", invite("sip:bob@example.com SIP=>sip:bob@ SIP"), 400},
		{"bare IPv6", invite("sip:bob@example.com SIP=>sip:2001:db8::10 SIP"), 400},
		{"tel URI", invite("sip:bob@example.com SIP=>tel:+12025550143 SIP"), served},
		{"other scheme", invite("sip:bob@example.com SIP=>urn:service:sos SIP"), served},
		{"method is no token", invite("INVITE sip=>IN@VITE sip"), 400},
		{"bare CR", invite("Alice=>Al\rice"), 400},
		{"bare LF", invite("Alice=>Al\nice"), 400},
		{"bare LF ends a line", invite("Max-Forwards: 70\r\n=>Max-Forwards: 70\n"), 400},
		{"NUL", invite("Alice=>Al\x00ice"), 400},
		{"NUL escaped outside quotes", invite("Alice=>Al\\\x00ice"), 400},
		{"NUL as a quoted pair", invite("Alice=>\"Al\\\x00ice\""), served},
		{"NUL in quotes", invite("Alice=>\"Al\x00ice\""), 400},
		{"NUL behind an escaped backslash", invite("Alice=>\"Al\\\\\x00ice\""), 400},
		{"line without colon", invite("Max-Forwards: 70=>Max-Forwards 70"), 400},
		{"name is no token", invite("Max-Forwards: 70=>Max Forwards: 70"), 400},
		{"empty name", invite("Max-Forwards: 70=>: 70"), 400},
		{"no end", bytes.TrimSuffix(invite("Content-Type: application/sdp\r\n=>"), []byte("\r\nv=0\r\n")), 400},

		{"empty value", invite("To: =>Subject:\r\nX-Empty: \t\r\nTo: "), served},

		{"two From", invite("To: =>From: <sip:x@y>\r\nTo: "), 400},
		{"two To", invite("To: =>t: <sip:x@y>\r\nTo: "), 400},
		{"two Call-ID", invite("To: =>i: c1@192.0.2.1\r\nTo: "), 400},
		{"two CSeq", invite("To: =>CSeq: 1 INVITE\r\nTo: "), 400},
		{"two Max-Forwards", invite("To: =>Max-Forwards: 70\r\nTo: "), 400},
		{"two Content-Type", invite("To: =>c: text/plain\r\nTo: "), 400},
		{"two equal lengths", invite("To: =>l: 5\r\nTo: "), served},
		{"two lengths", invite("To: =>l: 4\r\nTo: "), 400},

		{"no Via", invite("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport\r\n=>"), silence},
		{"no From", invite("From: Alice <sip:alice@example.com>;tag=a1\r\n=>"), 400},
		{"no To", invite("To: <sip:bob@example.com>\r\n=>"), 400},
		{"no Call-ID", invite("Call-ID: c1@192.0.2.1\r\n=>"), 400},
		{"empty Call-ID", invite("Call-ID: c1@192.0.2.1=>Call-ID:"), 400},
		{"no CSeq", invite("CSeq: 1 INVITE\r\n=>"), 400},
		{"no Max-Forwards", invite("Max-Forwards: 70\r\n=>"), served},
		{"no From tag", invite(";tag=a1=>"), served},

		{"CSeq largest", invite("CSeq: 1 =>CSeq: 2147483647 "), served},
		{"CSeq too large", invite("CSeq: 1 =>CSeq: 2147483648 "), 400},
		{"CSeq without number", invite("CSeq: 1 =>CSeq: "), 400},
		{"CSeq without method", invite("CSeq: 1 INVITE=>CSeq: 1"), 400},
		{"CSeq in one piece", invite("CSeq: 1 INVITE=>CSeq: 1INVITE"), 400},
		{"CSeq of another method", invite("CSeq: 1 INVITE=>CSeq: 1 BYE"), 400},
		{"CSeq in lower case", invite("CSeq: 1 INVITE=>CSeq: 1 invite"), 400},
		{"hops above 255", invite("Max-Forwards: 70=>Max-Forwards: 300"), served},
		{"hops negative", invite("Max-Forwards: 70=>Max-Forwards: -1"), 400},
		{"hops empty", invite("Max-Forwards: 70=>Max-Forwards:"), 400},

		{"length too small", invite("Content-Length: 5=>Content-Length: 2"), served},
		{"length too large", invite("Content-Length: 5=>Content-Length: 6"), 400},
		{"length negative", invite("Content-Length: 5=>Content-Length: -5"), 400},
		{"length signed", invite("Content-Length: 5=>Content-Length: +5"), 400},
		{"length huge", invite("Content-Length: 5=>Content-Length: 99999999999999999999"), 400},
		{"length empty", invite("Content-Length: 5=>Content-Length:"), 400},
		{"length in a list", invite("Content-Length: 5=>Content-Length: 5, 5"), 400},
		{"length absent", invite("Content-Length: 5\r\n=>"), served},

		{"From with a comma in its bare name", invite("Alice=>Bell, Alexander"), served},
		{"From quote open", invite("Alice=>\"Alice"), 400},
		{"From bracket open", invite("alice@example.com>=>alice@example.com"), 400},
		{"From tag twice", invite(";tag=a1=>;tag=a1;TAG=a2"), 400},
		{"From tag empty", invite(";tag=a1=>;tag="), 400},
		{"From with text behind", invite(";tag=a1=> tag=a1"), 400},
		{"From two values", invite(";tag=a1=>;tag=a1, <sip:x@y>"), 400},
		{"To quote open in a parameter", invite("bob@example.com>=>bob@example.com>;x=\"y"), 400},
		{"Contact quote open", invite("Contact: <=>Contact: \"A <"), 400},
		{"Contact bracket open", invite("alice@192.0.2.1>=>alice@192.0.2.1"), 400},
		{"Route bracket open", invite("To: =>Route: <sip:a;lr>, <sip:b\r\nTo: "), 400},
		{"PAI quote open", invite("To: =>P-Asserted-Identity: \"A <sip:b@c>\r\nTo: "), 400},
		{"unread header with quote", invite("To: =>X-Note: \"A\r\nTo: "), served},

		{"Via port too large", invite(":5060;branch=>:65536;branch"), 400},
		{"Via port empty", invite(":5060;branch=>:;branch"), 400},
		{"Via without host", invite("UDP 192.0.2.1:5060=>UDP "), silence},
		{"Via without transport", invite("SIP/2.0/UDP 192=>SIP/2.0 192"), silence},
		{"Via in one piece", invite("UDP 192.0.2.1=>UDP[2001:db8::1]"), silence},
		{"Via empty", invite("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport=>"), silence},
		{"Via branch twice", invite(";rport=>;branch=z9hG4bKother"), 400},
		{"Via received twice", invite(";rport=>;received=1.2.3.4;received=5.6.7.8"), 400},
		{"Via rport twice", invite(";rport=>;rport;rport=5"), 400},
		{"Via rport too large", invite(";rport=>;rport=70000"), 400},
		{"Via rport no number", invite(";rport=>;rport=a"), 400},
		{"Via branch is the cookie", invite("z9hG4bKabc=>z9hG4bK"), 400},
		{"Via branch empty", invite("z9hG4bKabc=>"), 400},
		{"Via branch of RFC 2543", invite("z9hG4bKabc=>17"), served},
		{"Via quoted parameter", invite(";rport=>;x=\"a;b,c\\\"d\";rport"), served},
		{"Via quote open", invite(";rport=>;x=\"a"), 400},
		{"Via other parameters", invite(";rport=>;ttl=16;maddr=224.2.0.1;alias;keep"), served},
		{"Via blanks everywhere", invite("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc=>SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1"), served},
		{"Via IPv6", invite("192.0.2.1:5060=>[2001:db8::9:1]:5060"), served},
		{"Via IPv6 open", invite("192.0.2.1:5060=>[2001:db8::9:1"), silence},
		{"ACK is never answered", invite("INVITE sip=>ACK sip", "1 INVITE=>1 ACK", "Content-Length: 5=>Content-Length: 6"), silence},
		{"ACK", invite("INVITE sip=>ACK sip", "1 INVITE=>1 ACK"), served},
		{"too many headers", invite("To: =>" + strings.Repeat("X: y\r\n", MaxHeaders) + "To: "), silence},
		{"too many headers behind another fault", invite("tag=a1=>tag=", "To: =>"+strings.Repeat("X: y\r\n", MaxHeaders)+"To: "), silence},
		{"nothing", nil, silence},
		{"CRLF", []byte("\r\n\r\n"), silence},
		{"noise", []byte("\x16\x03\x01\x02\x00\x01"), silence},
		{"one line", []byte("INVITE sip:a@b SIP/2.0"), silence},
	} {
		if got, why := judge(c.raw); got != c.want {
			t.Errorf("%s: judged %d (%s), want %d", c.what, got, why, c.want)
		}
	}
}

func TestBrokenResponsesMeetSilence(t *testing.T) {
	ok := string(answer())
	for _, c := range []struct{ what, old, new string }{
		{"version", "SIP/2.0 200", "SIP/3.0 200"},
		{"code of two digits", " 200 OK", " 20 OK"},
		{"code of four digits", " 200 OK", " 2000 OK"},
		{"code above 699", " 200 OK", " 700 OK"},
		{"code below 100", " 200 OK", " 099 OK"},
		{"code no number", " 200 OK", " 2x0 OK"},
		{"no Call-ID", "Call-ID", "X-Call-ID"},
		{"CSeq", "81235 INVITE", "INVITE"},
		{"length", "Content-Length: ", "Content-Length: 1"},
		{"Via", "SIP/2.0/UDP 192.0.2.50", "UDP 192.0.2.50"},
		{"To", "To: <", "To: \"<"},
		{"bare LF", "Box 2", "Box\n2"},
	} {
		if !strings.Contains(ok, c.old) {
			t.Fatalf("no %q", c.old)
		}
		if got, why := judge([]byte(strings.Replace(ok, c.old, c.new, 1))); got != silence {
			t.Errorf("%s: judged %d (%s), want silence", c.what, got, why)
		}
	}
	m := parsed(t, answer())
	if m.Request || m.Status != 200 || string(m.Reason) != "OK" || m.Method != INVITE || string(m.ToTag) != "as6f1c2d" {
		t.Errorf("read wrongly: %+v", m)
	}
	m = parsed(t, []byte(strings.Replace(ok, " 200 OK", " 183", 1)))
	if m.Status != 183 || len(m.Reason) != 0 {
		t.Errorf("status %d, reason %q", m.Status, m.Reason)
	}
}

func TestBodyIsCutAtContentLength(t *testing.T) {
	m := parsed(t, invite("Content-Length: 5=>Content-Length: 2"))
	if string(m.Body) != "v=" {
		t.Errorf("body %q", m.Body)
	}
	m = parsed(t, invite("Content-Length: 5\r\n=>"))
	if string(m.Body) != "v=0\r\n" {
		t.Errorf("body %q", m.Body)
	}
	m = parsed(t, torture(t)["dblreq"])
	if m.Method != REGISTER || len(m.Body) != 0 {
		t.Errorf("%v with %d bytes", m.Method, len(m.Body))
	}
}

func TestMaxForwards(t *testing.T) {
	for text, want := range map[string]int{"0": 0, "1": 1, "0068": 68, "255": 255, "256": 255, "99999999999999999999999": 255} {
		if m := parsed(t, invite("Max-Forwards: 70=>Max-Forwards: "+text)); m.MaxForwards != want {
			t.Errorf("%s: %d, want %d", text, m.MaxForwards, want)
		}
	}
	if m := parsed(t, invite("Max-Forwards: 70\r\n=>")); m.MaxForwards != -1 {
		t.Errorf("absent: %d", m.MaxForwards)
	}
}

func TestMessageIsReusedWithoutAllocation(t *testing.T) {
	var m, kept Message
	samples := [][]byte{plain(), twilio(), telnyx(), bandwidth(), answer()}
	for name, raw := range torture(t) {
		if judgements[name] == served {
			samples = append(samples, raw)
		}
	}
	for _, raw := range samples {
		raw = bytes.Clone(raw)
		n := testing.AllocsPerRun(20, func() {
			if err := m.Parse(raw); err != nil {
				t.Fatal(err)
			}
			m.CopyTo(&kept)
		})
		if n != 0 {
			t.Errorf("%v allocations for %.40q", n, raw)
		}
	}
}

func TestCopyIsIndependent(t *testing.T) {
	for _, raw := range [][]byte{twilio(), telnyx(), answer(), torture(t)["wsinv"], torture(t)["inv2543"]} {
		raw = append([]byte("\r\n"), raw...)
		var m, c Message
		if err := m.Parse(raw); err != nil {
			t.Fatal(err)
		}
		m.CopyTo(&c)
		again := parsed(t, m.Raw)
		want := m.Append(nil, &Edit{PopVia: true, MaxForwards: 3})
		clear(raw)
		if got := c.Append(nil, &Edit{PopVia: true, MaxForwards: 3}); !bytes.Equal(got, want) {
			t.Errorf("copy changed with its original:\n%s\nwant\n%s", got, want)
		}
		if diff := differ(&c, again); diff != "" {
			t.Errorf("%s of the copy points into its original", diff)
		}
	}
}

func TestKindsAreRecognised(t *testing.T) {
	for k := Other + 1; k < kinds; k++ {
		for _, n := range []string{names[k], strings.ToUpper(names[k]), strings.ToLower(names[k])} {
			if got := kindOf([]byte(n)); got != k {
				t.Errorf("%s: %v", n, got)
			}
		}
	}
	for c, k := range compact {
		if k == Other {
			continue
		}
		if got := kindOf([]byte{byte(c) &^ 0x20}); got != k {
			t.Errorf("%c: %v, want %v", c, got, k)
		}
	}
	for _, n := range []string{"", "z", "1", "Vla", "Froms", "X-Via", "Cal-ID", "Content_Length", "Call\rID"} {
		if got := kindOf([]byte(n)); got != Other {
			t.Errorf("%q: %v", n, got)
		}
	}
	if kinds > 64 {
		t.Error("seen has 64 bits")
	}
}

func TestMethodsAndPhrases(t *testing.T) {
	for m := INVITE; m < methods; m++ {
		if MethodOf([]byte(m.String())) != m {
			t.Errorf("%v", m)
		}
	}
	if MethodOf([]byte("invite")) != MethodOther || MethodOther.String() != "" {
		t.Error("methods count by case")
	}
	for code := 100; code < 700; code++ {
		if ReasonPhrase(code) == "" {
			t.Errorf("%d has no phrase", code)
		}
	}
	if ReasonPhrase(486) != "Busy Here" || ReasonPhrase(499) != "Request Failure" {
		t.Error("phrases")
	}
}
