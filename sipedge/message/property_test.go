package message

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// spelled draws one of the ways a header may be written: case, compact form,
// blanks, folds.
func spelled(t *rapid.T, name, short, value string) string {
	switch rapid.IntRange(0, 3).Draw(t, "spelling") {
	case 1:
		name = strings.ToUpper(name)
	case 2:
		name = strings.ToLower(name)
	case 3:
		if short != "" {
			name = short
		}
	}
	colon := rapid.SampledFrom([]string{":", ": ", " : ", "\t:", ":\r\n ", ": \r\n\t \r\n  "}).Draw(t, "colon")
	tail := rapid.SampledFrom([]string{"", "", " ", "\t", "\r\n "}).Draw(t, "tail")
	return name + colon + value + tail + "\r\n"
}

// messages draws requests and responses that are valid and look like nothing
// one would write by hand.
func messages() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		method := rapid.SampledFrom([]string{"INVITE", "BYE", "OPTIONS", "X-tension!"}).Draw(t, "method")
		body := rapid.SampledFrom([]string{"", "v=0\r\n", "\r\n\r\n", "a: b\r\n\r\nVia: x"}).Draw(t, "body")
		pick := func(what string, of ...string) string { return rapid.SampledFrom(of).Draw(t, what) }

		one := func(name, short string, values ...string) string {
			return spelled(t, name, short, pick(name, values...))
		}
		head := []string{
			one("From", "f", "<sip:a@b>;tag=1", "\"A, <;>\\\" \" <sip:a;x@b>;x=\"y;tag=no\";tag=1", "sip:a@b ; tag = 1", "Bell, A <sip:a@b>"),
			one("To", "t", "<sip:c@d>", "sip:c@d;tag=2", "\"\\\\\"<sip:c@d>;Tag=2"),
			one("Call-ID", "i", "c", "a@b", "{\"<,;>"),
			one("CSeq", "", "1 "+method, "0009  "+method, "2147483647\t"+method),
		}
		vias := rapid.IntRange(1, 3).Draw(t, "vias")
		for range vias {
			head = append(head, one("Via", "v",
				"SIP/2.0/UDP h;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK2 , SIP/2.0/TCP i;received=1.2.3.4",
				"SIP / 2.0 / TLS [2001:db8::1] : 5061 ; x=\"a,b;\" ; received=[::1];rport=9;branch=z9hG4bK3", "SIP/2.0/UDP h"))
		}
		for range rapid.IntRange(0, 8).Draw(t, "others") {
			head = append(head, pick("other",
				spelled(t, "Route", "", "<sip:r1;lr>,<sip:r,2;lr> , \"q,\" <sip:r3>"), spelled(t, "Route", "", "<sip:r4;lr>"),
				spelled(t, "Record-Route", "", "<sip:q1;lr>, <sip:q2;lr>"), spelled(t, "Contact", "m", "\"C,\" <sip:c@d>;q=1,<sip:e@f>"),
				spelled(t, "Subject", "s", "a:b, \"c"), spelled(t, "X-Thing", "", ""), spelled(t, "x-Thing-2", "", ";;,,"),
				spelled(t, "P-Asserted-Identity", "", "\"P\" <sip:p@q>, <tel:+1>"), spelled(t, "Session-Expires", "x", "90"),
				spelled(t, "Identity", "y", "a.b.c;info=<https://h/a;b,c>"), spelled(t, "Allow", "", "INVITE,, ACK")))
		}
		if rapid.Bool().Draw(t, "hops") {
			head = append(head, one("Max-Forwards", "", "0", "70", "0068", "255"))
		}
		if length := decimal(len(body)); rapid.Bool().Draw(t, "length") {
			head = append(head, one("Content-Length", "l", length, "00"+length))
		}
		head = rapid.Permutation(head).Draw(t, "order")

		start := pick("start", method+" sip:u;p?q@h:1;x=y SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 183 ", "SIP/2.0 699 \xff\x01")
		return []byte(start + "\r\n" + strings.Join(head, "") + "\r\n" + body)
	})
}

func TestEveryEditKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		raw := messages().Draw(r, "message")
		if code, why := judge(raw); code != served {
			r.Fatalf("judged %d: %s\n%s", code, why, raw)
		}
		rewrite(r, raw, rapid.Uint16().Draw(r, "flags"), rapid.Byte().Draw(r, "n"))
	})
}

func TestEveryRequestCanBeAnswered(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		raw := messages().Draw(r, "message")
		m := parsed(r, raw)
		if !m.Request {
			return
		}
		code := rapid.SampledFrom([]int{100, 180, 200, 404, 503}).Draw(r, "code")
		out := parsed(r, m.AppendReply(nil, code, "", []byte("edge"), source, []byte("Retry-After: 1\r\n")))
		if out.Status != code || string(out.MethodName) != string(m.MethodName) || out.CSeq != m.CSeq || string(out.CallID) != string(m.CallID) ||
			string(out.FromTag) != string(m.FromTag) || out.Count(KVia) != m.Count(KVia) || string(out.Via.Branch) != string(m.Via.Branch) {
			r.Fatalf("%s\nis answered\n%s", raw, out.Raw)
		}
		want := string(m.ToTag)
		if m.ToTag == nil && code > 100 {
			want = "edge"
		}
		if string(out.ToTag) != want || string(out.Value(KRetryAfter)) != "1" {
			r.Fatalf("tag %q, want %q\n%s", out.ToTag, want, out.Raw)
		}
		to, ok := out.Via.Target()
		if ok && out.Via.Received != nil && to.Addr() != source.Addr() {
			r.Fatalf("the answer goes to %v, the request came from %v\n%s", to, source, out.Raw)
		}
	})
}
