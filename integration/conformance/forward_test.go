package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// hop is one Max-Forwards as it comes and as it must leave ("" for none).
type hop struct{ name, in, out string }

var hops = []hop{
	{"seventy", "70", "69"}, {"one", "1", "0"}, {"two", "2", "1"}, {"most", "255", "254"}, {"leading_zeros", "0070", "69"},
	{"missing", "", "70"}, {"beyond_a_byte", "300", "254"},
}

// untouched are header lines and bodies that are none of a proxy's business
// (section 16.6 step 1: a proxy does not reorder, change or remove them).
var untouched = []struct {
	name, rule string
	lines      []string
	kind, body string
}{
	{"unknown_headers", "16.6 1", []string{"UnknownHeader: a  b\tc", "Another-Unknown:no blank", "!odd'Name~`.%+_: yes", "unKNOWN-caSE: x"}, "", ""},
	{"unknown_values", "16.6 1", []string{"Proxy-Features: \"a,b\\\"c\" <sip:x@y;p=q>;z=\"1;2\"", "Accept-Language: da, en-gb;q=0.8, en;q=0.7"}, "", ""},
	{"empty_values", "RFC 4475 3.1.1.1", []string{"Supported:", "NewHeader: ", "Organization:  "}, "", ""},
	{"same_name_in_order", "7.3.1", []string{"Not-Mine: one", "Subject: s", "Not-Mine: two", "not-mine: three"}, "", ""},
	{"require", "16.6 1", []string{"Require: 100rel, something-new", "Supported: timer, path, gruu", "k: outbound"}, "", ""},
	{"authorization", "22.3", []string{"Proxy-Authorization: Digest username=\"a\", realm=\"other.example.com\", nonce=\"n\", uri=\"sip:x\", response=\"r\", cnonce=\"c,d\"",
		"Authorization: NoOneKnows opaque-data=here, more=\"x\""}, "", ""},
	{"privacy_and_identity", "RFC 3325 5", []string{"Privacy: id;critical", "P-Asserted-Identity: \"A, B\" <sip:+14155550123@a>", "P-Asserted-Identity: tel:+14155550123"}, "", ""},
	{"identity", "RFC 8224 4", []string{"Identity: eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2ln;info=<https://biloxi.example.org/cert>;alg=ES256;ppt=\"shaken\""}, "", ""},
	{"history", "RFC 7044, RFC 5806", []string{"History-Info: <sip:bob@biloxi.example.com?Reason=SIP%3Bcause%3D302>;index=1, <sip:c@d>;index=1.1",
		"Diversion: <sip:+14155550199@x>;reason=unconditional;counter=1"}, "", ""},
	{"session_timer", "RFC 4028 8", []string{"Session-Expires: 1800;refresher=uac", "Min-SE: 90"}, "", ""},
	{"compact_names", "7.3.3", []string{"k: 100rel", "s: short", "x: 1800", "y: abc.def.ghi;info=<https://a>", "o: presence", "u: presence", "b: <sip:a@b>"}, "", ""},
	{"date_and_warning", "20.17", []string{"Date: Fri, 01 Jan 2010 16:00:00 EST", "Expires: 0", "Priority: emergency", "In-Reply-To: 1@a, 2@b"}, "", ""},
	{"utf8", "25.1", []string{"Subject: \xd0\xba\xd0\xb0\xd0\xba \xe6\x97\xa5\xe6\x9c\xac", "Organization: Stra\xc3\x9fe"}, "", ""},
	{"long_line", "RFC 4475 3.1.1.7", []string{"Long-Header: " + strings.Repeat("long value ", 300)}, "", ""},
	{"contact_with_parameters", "RFC 5627", []string{"Contact: \"C <x>\" <sip:c@{addr};transport=udp;gr=urn:uuid:f81d;x?Route=%3Csip:a%3E>;+sip.instance=\"<urn:uuid:0>\";expires=3600;q=0.1"}, "", ""},
	{"early_session_bodies", "RFC 3459", []string{"Content-Disposition: early-session;handling=optional", "MIME-Version: 1.0", "Content-Language: en"}, "", ""},
	{"multipart", "RFC 4475 3.1.1.11", nil, "multipart/mixed;boundary=\"7a9cbec02ceef655\"",
		"preamble\r\n--7a9cbec02ceef655\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--7a9cbec02ceef655\r\nContent-Type: application/isup;version=nxv3\r\n\r\n\x01\x00\x49\x00\xff\r\n--7a9cbec02ceef655--\r\n"},
	{"binary_body", "7.4", nil, "application/octet-stream", "\x00\x01\r\n\r\nINVITE sip:x SIP/2.0\r\n\xff\xfe\n\r"},
	{"body_of_line_ends", "7.4", nil, "text/plain", "\r\n\r\n\r\n\r\n"},
	{"unknown_type", "16.6 1", nil, "x-nobody/knows;a=\"b\\\"c\"", "{}"},
	{"encoded", "20.12", []string{"Content-Encoding: gzip", "e: identity"}, "application/sdp", "\x1f\x8b\x08"},
}

func (g *stage) forwarding(t *testing.T) {
	together(t, hops, func(h hop) string { return "max_forwards_" + h.name }, func(t *testing.T, h hop) { // 16.6 3
		k := g.call(t)
		line := "Max-Forwards: " + h.in
		if h.in == "" {
			line = "-Max-Forwards"
		}
		invite := k.invite(alone, line)
		at := k.offer(invite)
		if got := at.list("max-forwards"); len(got) != 1 || got[0] != h.out {
			t.Errorf("16.6 3: Max-Forwards %q became %q, want %q", h.in, got, h.out)
		}
		k.refused(invite, at, 486, 486)
	})
	for _, c := range untouched {
		t.Run(c.name, func(t *testing.T) {
			k := g.call(t)
			k.lax = true
			body := c.body
			more := c.lines
			if body != "" {
				more = append(more, "Content-Type: "+c.kind)
			} else {
				body = sdp
			}
			invite := k.request("INVITE", alone, body, more...)
			at := k.offer(invite)
			k.same(invite, at)
			k.refused(invite, at, 486, 486)
		})
	}
	g.scenes(t, forwardScenes)
}

var forwardScenes = []scene{
	{"record_route", func(k *call) { // 16.6 4
		theirs := []string{"<sip:p2.example.com;lr;r2=on>", "<sip:p1.example.com:5062;lr>"}
		invite := k.invite(alone, "Record-Route: "+theirs[0]+"\r\nRecord-Route: "+theirs[1])
		at := k.offer(invite)
		rr := at.list("record-route")
		if len(rr) != 3 || rr[1] != theirs[0] || rr[2] != theirs[1] {
			k.Fatalf("16.6 4: ours goes on top and theirs stay: %q", rr)
		}
		k.loose(rr[0])
		if at.uri() == inBrackets(rr[0]) {
			k.Error("16.6 4: the Record-Route is another URI than the Request-URI")
		}
		k.refused(invite, at, 486, 486)
	}},
	{"record_route_comma_list", func(k *call) {
		invite := k.invite(alone, "Record-Route: <sip:a.example.com;lr>,\r\n\t<sip:b.example.com;lr;x=\"1,2\">")
		at := k.offer(invite)
		if rr := at.list("record-route"); len(rr) != 3 || rr[1] != "<sip:a.example.com;lr>" || rr[2] != "<sip:b.example.com;lr;x=\"1,2\">" {
			k.Errorf("16.6 4: %q", rr)
		}
		k.refused(invite, at, 486, 486)
	}},
	{"route_to_the_edge_is_taken_off", func(k *call) { // 16.4
		invite := k.invite(alone, "Route: <sip:{edge};lr>")
		at := k.offer(invite)
		if r := at.list("route"); len(r) != 0 {
			k.Errorf("16.4: %q is left", r)
		}
		k.refused(invite, at, 486, 486)
	}},
	{"request_uri", func(k *call) { // 16.5, 16.6 2: the target is the gateway, the number stays
		invite := k.invite(alone)
		at := k.offer(invite)
		if at.uri() != "sip:"+alone+"@"+k.gw.addr {
			k.Errorf("16.6 2: %q", at.uri())
		}
		k.refused(invite, at, 486, 486)
	}},
	{"dialog_identifiers", func(k *call) { // 16.6 1: Call-ID, CSeq, From and To are copied as they are
		k.lax = true
		k.id = "!%*_+`'~()<>:\\\"/[]?{}" + k.id
		from, to := "\"J. \\\"Q\\\" Rosenberg, Esq.\"  <sip:+14155550123@a.example.com;x=y?h=v>;TAG=A-{branch};p=\"q;r\"", "Called <sip:+12025550101@127.0.0.1;user=phone>;extra"
		invite := k.invite(alone, "From: "+from, "To: "+to, "CSeq:  0009   INVITE")
		at := k.offer(invite)
		k.same(invite, at)
		final := k.refused(invite, at, 404, 404)
		for _, name := range []string{"from", "call-id", "cseq"} {
			if final.one(name) != read(invite).one(name) {
				k.Errorf("8.2.6.2: %s %q came back as %q", name, read(invite).one(name), final.one(name))
			}
		}
	}},
	{"max_cseq", func(k *call) { // 8.1.1.5
		invite := k.invite(alone, "CSeq: 2147483647 INVITE")
		k.refused(invite, k.offer(invite), 486, 486)
	}},
	{"no_content_length", func(k *call) { // 16.6 9, 18.3
		invite := k.invite(alone, "-Content-Length")
		at := k.offer(invite)
		if at.body != sdp {
			k.Errorf("18.3: the body became %q", at.body)
		}
		k.refused(invite, at, 486, 486)
	}},
	{"bytes_behind_the_body", func(k *call) { // 18.3: discarded
		invite := k.invite(alone) + "bytes that belong to nobody"
		at := k.offer(invite)
		if at.body != sdp {
			k.Errorf("18.3: the body became %q", at.body)
		}
		k.refused(invite, at, 486, 486)
	}},
	{"two_equal_lengths", func(k *call) { // 20.14: harmless
		invite := k.invite(alone, fmt.Sprintf("Subject: x\r\nl: %d", len(sdp)))
		at := k.offer(invite)
		k.refused(invite, at, 486, 486)
	}},
	{"no_body", func(k *call) { // 13.2.1: an INVITE without an offer
		invite := k.request("INVITE", alone, "")
		at := k.offer(invite)
		k.same(invite, at)
		k.refused(invite, at, 486, 486)
	}},
	{"line_ends_in_front", func(k *call) { // 7.5
		invite := "\r\n\r\n" + k.invite(alone)
		at := k.offer(invite)
		k.refused(invite[4:], at, 486, 486)
	}},
	{"tel_uri", func(k *call) { // 16.5
		invite := strings.Replace(k.invite(alone), "INVITE sip:"+alone+"@127.0.0.1", "INVITE tel:"+alone, 1)
		at := k.offer(invite)
		if !strings.HasPrefix(at.uri(), "sip:"+alone+"@") {
			k.Errorf("%q", at.uri())
		}
		k.refused(invite, at, 486, 486)
	}},
	{"uri_parameters_do_not_mislead", func(k *call) { // 19.1.1
		for _, uri := range []string{"sip:+12025550101@127.0.0.1;transport=udp;maddr=127.0.3.9;method=BYE;unknown=%41", "SIP:+12025550101:password@127.0.0.1",
			"sip:%2B12025550101@127.0.0.1", "sip:+1-202-555-0101;npdi;rn=+12025550000@127.0.0.1;user=phone", "sip:+12025550101@[2001:db8::10]:5070"} {
			k := k.stage.call(k.T)
			invite := strings.Replace(k.invite(alone), "sip:"+alone+"@127.0.0.1", uri, 1)
			at := k.offer(invite)
			if !strings.Contains(at.uri(), "12025550101@"+k.gw.addr) {
				k.Errorf("%s became %s", uri, at.uri())
			}
			k.refused(invite, at, 486, 486)
		}
	}},
}

// loose says that a Record-Route value is a SIP URI with lr that leads to the edge.
func (k *call) loose(value string) {
	k.Helper()
	uri := inBrackets(value)
	_, at, _ := strings.Cut(uri, "@")
	host, params, _ := strings.Cut(at, ";")
	if !strings.HasPrefix(uri, "sip:") || host != k.udp && host != k.tls && host != k.udp6 || !strings.Contains(";"+params+";", ";lr;") {
		k.Errorf("16.6 4: Record-Route %q is not a loose route to the edge", value)
	}
}

// rewritten are the headers that forwarding changes or may strip.
var rewritten = map[string]bool{"via": true, "record-route": true, "route": true, "max-forwards": true, "max-breadth": true, "content-length": true}

// same says that a request came through with every other header line as it was,
// each name's lines in their order, and its body (section 16.6 step 1).
func (k *call) same(sent string, got letter) {
	k.Helper()
	was := read(sent)
	lists := func(m msg) map[string]string {
		all := map[string]string{}
		for _, f := range m.fields {
			if !rewritten[f.name] {
				name, rest, _ := strings.Cut(f.line, ":")
				all[f.name] += name + ":" + strings.Join(strings.Fields(rest), " ") + "\n"
			}
		}
		return all
	}
	before, after := lists(was), lists(got.msg)
	for name, want := range before {
		if after[name] != want {
			k.Errorf("16.6 1: %s changed from\n%qto\n%q", name, want, after[name])
		}
	}
	for name := range after {
		if before[name] == "" {
			k.Errorf("16.6 1: %s was added: %q", name, after[name])
		}
	}
	body := was.body
	if got.body != body {
		k.Errorf("16.6 1: the body changed from %q to %q", body, got.body)
	}
}
