package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// refusal is a request that the edge answers by itself.
type refusal struct {
	name, rule string
	request    func(k *call) string
	code       []int  // any of these; 0 is silence
	phrase     string // what the reason phrase speaks of, in lower case
	header     string // a header line the answer must have
}

func edited(method, number string, more ...string) func(k *call) string {
	return func(k *call) string { return k.request(method, number, sdp, more...) }
}

func swapped(old, new string) func(k *call) string {
	return func(k *call) string {
		text := k.invite(alone)
		if !strings.Contains(text, old) {
			k.Fatalf("no %q in the request", old)
		}
		return strings.Replace(text, old, new, 1)
	}
}

func is(codes ...int) []int { return codes }

var refusalCases = []refusal{
	{"no_more_hops", "16.3 3", edited("INVITE", alone, "Max-Forwards: 0"), is(483), "hops", ""},
	{"no_more_hops_for_bye", "16.3 3", edited("BYE", alone, "Max-Forwards: 0"), is(483), "hops", ""},
	{"options_without_hops", "16.3 3", edited("OPTIONS", alone, "Max-Forwards: 0"), is(200, 483), "", ""},
	{"unknown_scheme", "16.3 2", swapped("sip:"+alone+"@127.0.0.1 SIP", "nobodyknows:thisscheme SIP"), is(416), "scheme", ""},
	{"http_scheme", "16.3 2", swapped("sip:"+alone+"@127.0.0.1 SIP", "http://example.com/x SIP"), is(416), "scheme", ""},
	{"proxy_require", "16.3 5", edited("INVITE", alone, "Proxy-Require: foo"), is(420), "extension", "Unsupported: foo"},
	{"proxy_require_list", "16.3 5", edited("INVITE", alone, "Proxy-Require: foo, bar"), is(420), "extension", "Unsupported: foo, bar"},
	{"proxy_require_lines", "16.3 5", edited("INVITE", alone, "Proxy-Require: foo\r\nProxy-Require: bar"), is(420), "extension", "Unsupported: foo, bar"},
	{"proxy_require_empty_first", "16.3 5", edited("INVITE", alone, "Proxy-Require: \r\nProxy-Require: bar"), is(420), "extension", "Unsupported: bar"},
	{"options_that_require", "8.2.2.3", edited("OPTIONS", alone, "Require: foo"), is(420), "extension", "Unsupported: foo"},
	{"register", "8.2.1", edited("REGISTER", alone), is(405), "method", "Allow"},
	{"message", "8.2.1", edited("MESSAGE", alone), is(405), "method", "Allow"},
	{"unknown_method", "8.2.1", edited("FOO", alone), is(405, 501), "", "Allow"},
	{"lower_case_invite", "7.1", edited("invite", alone), is(405, 501), "", "Allow"},
	{"odd_method", "25.1", edited("!interesting-Method0123456789_*+`.%indeed'~", alone), is(405, 501), "", "Allow"},
	{"options", "11.2", edited("OPTIONS", alone), is(200), "", "Allow"},
	{"unknown_number", "16.5", edited("INVITE", "+12025559999"), is(404), "not found", ""},
	{"number_of_nobody", "16.5", edited("INVITE", nobody), is(404, 480, 603), "", ""},
	{"no_number", "16.5", edited("INVITE", "bob"), is(404, 484), "", ""},
	{"other_version", "21.5.6", swapped("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"), is(505), "version", ""},
	{"later_version", "21.5.6", swapped("SIP/2.0\r\nVia", "SIP/2.1\r\nVia"), is(505), "version", ""},
	{"preloaded_route", "16.4", edited("INVITE", alone, "Route: <sip:127.0.3.9;lr>"), is(403), "", ""},
	{"preloaded_behind_ours", "16.4", edited("INVITE", alone, "Route: <sip:{edge};lr>, <sip:127.0.3.9;lr>"), is(403), "", ""},
	{"tag_without_dialog", "12.2.2", edited("INVITE", alone, "To: <sip:"+alone+"@127.0.0.1>;tag=x"), is(481), "does not exist", ""},
	{"bye_without_dialog", "12.2.2", edited("BYE", alone, "To: <sip:"+alone+"@127.0.0.1>;tag=x"), is(481), "does not exist", ""},
	{"unknown_method_without_dialog", "12.2.2", edited("FOO", alone, "To: <sip:"+alone+"@127.0.0.1>;tag=x"), is(481), "does not exist", ""},
	{"stray_cancel", "9.2", edited("CANCEL", alone), is(481), "does not exist", ""},

	{"no_from", "8.1.1", edited("INVITE", alone, "-From"), is(400), "from", ""},
	{"no_to", "8.1.1", edited("INVITE", alone, "-To"), is(400), "to", ""},
	{"no_cseq", "8.1.1", edited("INVITE", alone, "-CSeq"), is(400), "cseq", ""},
	{"no_via", "8.1.1", edited("INVITE", alone, "-Via"), is(0), "", ""},
	{"two_from", "7.3.1", edited("INVITE", alone, "Subject: s\r\nFrom: <sip:x@y>;tag=2"), is(400), "from", ""},
	{"two_to", "7.3.1", edited("INVITE", alone, "Subject: s\r\nt: <sip:x@y>"), is(400), "to", ""},
	{"two_call_ids", "7.3.1", edited("INVITE", alone, "Subject: s\r\nCall-ID: 2"), is(400), "call-id", ""},
	{"two_cseqs", "7.3.1", edited("INVITE", alone, "Subject: s\r\nCSeq: 2 INVITE"), is(400), "cseq", ""},
	{"two_max_forwards", "7.3.1", edited("INVITE", alone, "Subject: s\r\nMax-Forwards: 2"), is(400), "max-forwards", ""},
	{"two_lengths", "RFC 4475 3.3.9", edited("INVITE", alone, "Subject: s\r\nContent-Length: 5"), is(400), "content-length", ""},
	{"method_and_cseq_differ", "8.1.1.5", edited("INVITE", alone, "CSeq: 1 BYE"), is(400), "cseq", ""},
	{"cseq_too_large", "8.1.1.5", edited("INVITE", alone, "CSeq: 36893488147419103232 INVITE"), is(400), "cseq", ""},
	{"cseq_negative", "8.1.1.5", edited("INVITE", alone, "CSeq: -1 INVITE"), is(400), "cseq", ""},
	{"cseq_without_method", "8.1.1.5", edited("INVITE", alone, "CSeq: 1"), is(400), "cseq", ""},
	{"max_forwards_word", "20.22", edited("INVITE", alone, "Max-Forwards: many"), is(400), "max-forwards", ""},
	{"max_forwards_negative", "20.22", edited("INVITE", alone, "Max-Forwards: -1"), is(400), "max-forwards", ""},
	{"length_too_large", "18.3", edited("INVITE", alone, "Content-Length: 9999"), is(400), "content-length", ""},
	{"length_negative", "RFC 4475 3.1.2.3", edited("INVITE", alone, "Content-Length: -999"), is(400), "content-length", ""},
	{"length_word", "20.14", edited("INVITE", alone, "Content-Length: short"), is(400), "content-length", ""},
	{"quote_not_closed", "RFC 4475 3.1.2.6", edited("INVITE", alone, "To: \"Mr. J. User <sip:x@y>"), is(400), "to", ""},
	{"bracket_not_closed", "25.1", edited("INVITE", alone, "From: <sip:x@y;tag=1"), is(400), "from", ""},
	{"uri_in_brackets", "RFC 4475 3.1.2.7", swapped("sip:"+alone+"@127.0.0.1 SIP", "<sip:"+alone+"@127.0.0.1> SIP"), is(400), "request-uri", ""},
	{"blank_in_uri", "RFC 4475 3.1.2.8", swapped("sip:"+alone+"@127.0.0.1 SIP", "sip:"+alone+"@127.0.0.1; lr SIP"), is(400), "", ""},
	{"two_blanks_in_start_line", "RFC 4475 3.1.2.9", swapped("INVITE sip:", "INVITE  sip:"), is(400), "", ""},
	{"headers_in_uri", "19.1.1", swapped("@127.0.0.1 SIP", "@127.0.0.1?Route=%3Csip:x%3E SIP"), is(400), "request-uri", ""},
	{"port_out_of_range", "19.1.1", swapped("@127.0.0.1 SIP", "@127.0.0.1:99999 SIP"), is(400), "request-uri", ""},
	{"no_host", "19.1.1", swapped("sip:"+alone+"@127.0.0.1 SIP", "sip:"+alone+"@ SIP"), is(400), "request-uri", ""},
	{"branch_is_the_cookie", "RFC 4475 3.2.1", edited("INVITE", alone, "Via: SIP/2.0/UDP {addr};rport;branch=z9hG4bK"), is(400), "branch", ""},
	{"empty_call_id", "8.1.1.4", edited("INVITE", alone, "Subject: {id}\r\nUser-Agent: x", "Call-ID:"), is(0, 400), "", ""},
	{"broken_contact", "25.1", edited("INVITE", alone, "Contact: <sip:x@y"), is(400), "contact", ""},
	{"broken_record_route", "25.1", edited("INVITE", alone, "Record-Route: <sip:x@y"), is(400), "record-route", ""},
	{"no_colon", "25.1", edited("INVITE", alone, "Subject: a\r\nThis is no header"), is(400), "header", ""},
	{"bare_lf", "25.1", edited("INVITE", alone, "Subject: a\nEvil: b"), is(0, 400), "", ""},
	{"nul_byte", "25.1", edited("INVITE", alone, "Subject: a\x00b"), is(0, 400), "", ""},
	{"too_many_headers", "21.4.11", edited("INVITE", alone, strings.TrimSuffix(strings.Repeat("X: y\r\n", 200), "\r\n")), is(0, 400, 413, 513), "", ""},
	{"too_large", "21.5.7", func(k *call) string { return k.request("INVITE", alone, strings.Repeat("x", 40000)) }, is(513), "large", ""},
}

func (g *stage) refusals(t *testing.T) {
	together(t, refusalCases, func(c refusal) string { return c.name }, func(t *testing.T, c refusal) {
		k := g.call(t)
		k.lax = true
		request := c.request(k)
		k.send(request)
		d := limit
		if c.code[0] == 0 {
			d = patience
		}
		l := k.next(k.from, d)
		for l != nil && l.status() == 100 {
			l = k.next(k.from, d)
		}
		got := 0
		if l != nil {
			got = l.status()
		}
		for _, code := range c.code {
			if code == got {
				if l != nil {
					k.proper(c, request, *l)
				}
				k.quiet(k.gw)
				return
			}
		}
		t.Errorf("%s: answered %d, want %v", c.rule, got, c.code)
	})
	g.scenes(t, []scene{
		{"no_call_id", func(k *call) { // 8.1.1.4: answered all the same, and without one
			k.lax = true
			from := listenUDP(k.T, at(k.T, "127.0.1.9"), k.udp)
			k.from = from
			k.send(k.request("INVITE", alone, sdp, "-Call-ID"))
			k.id = ""
			if l := k.up(400); !strings.Contains(strings.ToLower(l.start), "call-id") {
				k.Errorf("the reason phrase does not say what is missing: %q", l.start)
			}
		}},
		{"refusals_are_repeated", func(k *call) { // 8.2.7: the same request gets the same answer, tag and all
			request := k.request("INVITE", "+12025559999", sdp)
			k.send(request)
			k.up(100)
			first := k.up(404)
			k.send(request)
			k.quiet(k.from) // nothing that is not a copy
			k.ackFailure(request, first)
			k.quiet(k.from, k.gw)
		}},
		{"stateless_refusals_are_repeated", func(k *call) { // 8.2.7
			request := k.request("FOO", alone, "")
			k.send(request)
			k.up(405)
			k.send(request)
			k.quiet(k.from)
		}},
		{"ack_is_never_answered", func(k *call) { // 17
			for i, more := range []string{"Max-Forwards: 0", "Proxy-Require: foo", "To: <sip:x@y>;tag=1", "CSeq: 1 INVITE", "Route: <sip:127.0.3.9;lr>", "From: \"x"} {
				k.send(k.request("ACK", alone, "", fmt.Sprintf("Subject: %d", i), more))
			}
			k.lax = true
			k.quiet(k.from, k.gw)
		}},
		{"loop", func(k *call) { // 16.3 4, RFC 5393 4.2: the same request comes round again
			invite := k.invite(alone)
			at := k.offer(invite)
			back := strings.Replace(at.raw, at.uri(), read(invite).uri(), 1)
			back = strings.Replace(back, "Via:", k.fill("Via: SIP/2.0/UDP {addr};rport;branch={branch}-2\r\nVia:"), 1)
			i, j := strings.Index(back, "Record-Route:"), 0
			j = i + strings.Index(back[i:], "\r\n") + 2
			k.send(back[:i] + back[j:])
			k.up(482)
			k.quiet(k.gw)
			k.refused(invite, at, 486, 486)
		}},
		{"spiral", func(k *call) { // 16.3 4: with another Request-URI it is none
			invite := k.invite(alone)
			at := k.offer(invite)
			back := strings.Replace(at.raw, at.uri(), "sip:"+pair(6)+"@127.0.0.1", 1)
			back = strings.Replace(back, "Via:", k.fill("Via: SIP/2.0/UDP {addr};rport;branch={branch}-2\r\nVia:"), 1)
			k.send(back)
			k.up(100)
			round := k.down("INVITE")
			if n := len(round.list("via")); n != 4 || round.one("max-forwards") != "68" {
				k.Errorf("16.6: %d Vias, Max-Forwards %s", n, round.one("max-forwards"))
			}
			for _, l := range []letter{round, at} { // both ends of it are busy
				l.back(reply(l.msg, 486, "g", "", ""))
				k.down("ACK")
				final := k.up(486)
				k.ackFailure(lines("", "INVITE "+read(invite).uri()+" SIP/2.0", "Via: "+final.list("via")[0], "From: "+final.one("from"),
					"Call-ID: "+k.id, "CSeq: "+final.one("cseq")), final)
			}
		}},
		{"merged", func(k *call) { // 8.2.2.2: the same request on two ways
			invite := k.invite(alone)
			at := k.offer(invite)
			k.send(strings.Replace(invite, "branch=z9hG4bK", "branch=z9hG4bK-another-way-", 1))
			k.up(482)
			k.quiet(k.gw)
			k.refused(invite, at, 486, 486)
		}},
	})
}

// proper is what is asked of every response of our own (section 8.2.6.2).
func (k *call) proper(c refusal, request string, l letter) {
	k.Helper()
	was := read(request)
	_, phrase, _ := strings.Cut(strings.TrimPrefix(l.start, "SIP/2.0 "), " ")
	if phrase == "" || !strings.Contains(strings.ToLower(phrase), c.phrase) {
		k.Errorf("%s: reason phrase %q says nothing of %q", c.rule, phrase, c.phrase)
	}
	for _, name := range []string{"from", "call-id", "cseq"} {
		if w := was.all(name); len(w) == 1 && l.one(name) != w[0] {
			k.Errorf("8.2.6.2: %s %q came back as %q", name, w[0], l.one(name))
		}
	}
	if to := was.all("to"); len(to) == 1 {
		if !strings.HasPrefix(l.one("to"), to[0]) || !strings.Contains(l.one("to"), "tag=") {
			k.Errorf("8.2.6.2: To %q came back as %q", to[0], l.one("to"))
		}
	}
	if c.header != "" {
		name, value, _ := strings.Cut(c.header, ": ")
		if got := strings.Join(l.list(strings.ToLower(name)), ", "); got == "" || value != "" && got != value {
			k.Errorf("%s: %s is %q, want %q", c.rule, name, got, value)
		}
	}
}
