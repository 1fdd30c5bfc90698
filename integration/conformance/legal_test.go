package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// legalCase is an INVITE as odd, or as ordinary, as the world sends them. It
// must come through with everything but the hop's own headers as it was.
type legalCase struct {
	name, rule string
	lax        bool // sipgo does not read it
	text       []string
	body       string
}

var legalCases = []legalCase{
	{"white_space", "RFC 4475 3.1.1.1", true, []string{
		"INVITE sip:+12025550101@127.0.0.1;unknownparam SIP/2.0", "TO :", " sip:+12025550101@example.com ;   x    = 1918181833n", "from   : \"J Rosenberg \\\\\\\"\"       <sip:jdrosen@example.com>",
		"  ;", "  tag = 98asjd8", "MaX-fOrWaRdS: 0068", "Call-ID: {id}", "Content-Length   : {length}", "cseq: 0009", "  INVITE",
		"Via  : SIP  /   2.0", " /UDP", "    {addr};rport;branch={branch}", "s :", "NewFangledHeader:   newfangled value", " continued newfangled value",
		"UnknownHeaderWithUnusualValue: ;;,,;;,;", "Content-Type: application/sdp", "v:  SIP  / 2.0  / TCP     spindle.example.com   ;",
		"  branch  =   z9hG4bK9ikj8  ,", " SIP  /    2.0   / UDP  192.168.255.111   ; branch=", " z9hG4bK30239", "m:\"Quoted string \\\"\\\"\" <sip:jdrosen@example.com> ; newparam =", "      newvalue ;",
		"  secondparam ; q = 0.33"}, sdp},
	{"escapes", "RFC 4475 3.1.1.3", false, []string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "To: \"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\" <sip:%75se%72@example.com>", "From: <sip:I%20have%20spaces@example.net>;tag=938",
		"Via: {via}", "Max-Forwards: 87", "i: {id}", "CSeq: 234234 INVITE", "Contact: <sip:cal%6Cer@127.0.1.1;%6C%72;n%61me=v%61lue%25%34%31>", "L: {length}"}, sdp},
	{"all_compact", "7.3.3", false, []string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "v:{via}", "f:<sip:a@b>;tag=1", "t:<sip:+12025550101@c>", "i:{id}", "CSeq:1 INVITE", "m:{contact}", "Max-Forwards:70",
		"k:100rel,timer", "x:1800", "s:hi", "c:application/sdp", "e:identity", "l:{length}"}, sdp},
	{"names_in_any_case", "7.3.1", false, []string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "vIA: {via}", "FROM: <sip:a@b>;tag=1", "tO: <sip:+12025550101@c>", "CALL-id: {id}", "cSEQ: 1 INVITE", "CONTACT: {contact}",
		"max-FORWARDS: 70", "CONTENT-type: application/sdp", "CONTENT-length: {length}"}, sdp},
	{"headers_in_reverse", "7.3.1", false, []string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "Content-Length: {length}", "Contact: {contact}", "CSeq: 1 INVITE", "Call-ID: {id}", "To: <sip:+12025550101@c>",
		"From: <sip:a@b>;tag=1", "Max-Forwards: 70", "Record-Route: <sip:p1.example.com;lr>", "Via: {via}"}, ""},
	{"rfc_2543", "RFC 4475 3.4.1", false, []string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "Via: SIP/2.0/UDP {addr}", "From: <sip:caller@example.net>", "To: <sip:+12025550101@c>", "Call-ID: {id}", "CSeq: 8 INVITE",
		"Contact: {contact}", "Content-Type: application/sdp", "Content-Length: {length}"}, sdp},
	{"anonymous", "RFC 3323 4.1", false, []string{
		"INVITE sip:+12025550101@127.0.0.1;user=phone SIP/2.0", "Via: {via}", "Max-Forwards: 70", "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1", "To: <sip:+12025550101@c;user=phone>",
		"Call-ID: {id}", "CSeq: 1 INVITE", "Contact: {contact}", "Privacy: id", "P-Asserted-Identity: <sip:+14155550123@a;user=phone>", "P-Asserted-Identity: tel:+14155550123", "Content-Length: {length}"}, ""},
	{"no_brackets", "20.20", false, []string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "Via: {via}", "Max-Forwards: 70", "From: sip:+14155550123@a;tag=1", "To: sip:+12025550101@c", "Call-ID: {id}", "CSeq: 1 INVITE",
		"Contact: sip:caller@{addr}", "Content-Length: {length}"}, ""},
	{"tel_uris", "RFC 3966", false, []string{
		"INVITE tel:+1-202-555-0101;npdi;rn=+12025550000 SIP/2.0", "Via: {via}", "Max-Forwards: 70", "From: <tel:+1-415-555-0123>;tag=1", "To: <tel:+1-202-555-0101>", "Call-ID: {id}", "CSeq: 1 INVITE",
		"Contact: {contact}", "Content-Length: {length}"}, ""},
	{"national_number", "RFC 3966 5.1.4", false, []string{
		"INVITE sip:2025550101;phone-context=+1@127.0.0.1;user=phone SIP/2.0", "Via: {via}", "Max-Forwards: 70", "From: <sip:4155550123@a>;tag=1", "To: <sip:2025550101@c>", "Call-ID: {id}", "CSeq: 1 INVITE",
		"Contact: {contact}", "Content-Length: {length}"}, ""},
	{"number_in_to_only", "", false, []string{
		"INVITE sip:ingress@127.0.0.1 SIP/2.0", "Via: {via}", "Max-Forwards: 70", "From: <sip:4155550123@a>;tag=1", "To: <sip:+12025550101@c>", "Call-ID: {id}", "CSeq: 1 INVITE",
		"Contact: {contact}", "Content-Length: {length}"}, ""},
	{"voice_platform", "", false, []string{
		"INVITE sip:+12025550101@127.0.0.1:5060;transport=udp SIP/2.0", "Record-Route: <sip:127.0.1.1:5060;r2=on;lr;ftag=41283749_c3356d0b_9f1a2b3c>", "Record-Route: <sip:172.21.17.87:5060;lr;ftag=41283749_c3356d0b_9f1a2b3c>",
		"From: \"+14155550123\" <sip:+14155550123@pstn.example.com>;tag=41283749_c3356d0b_9f1a2b3c", "To: <sip:+12025550101@127.0.0.1>", "CSeq: 24812 INVITE", "Max-Forwards: 66",
		"P-Asserted-Identity: <sip:+14155550123@pstn.example.com:5060>", "Diversion: <sip:+12025550101@public-vip.example.com>;reason=unconditional", "Call-ID: {id}",
		"Via: {via}", "Via: SIP/2.0/UDP 172.21.17.87:5060;rport=5060;received=172.21.17.87;branch=z9hG4bK5ab3d8c4-ecfe-4b57-8b0c-7b04dd2a6a24_c3356d0b_55-1234567890",
		"Contact: <sip:+14155550123@172.21.17.87:5060;transport=udp>", "Allow: INVITE,ACK,CANCEL,BYE,REFER,NOTIFY,OPTIONS", "User-Agent: Platform Gateway", "X-Call-Sid: CA0123456789abcdef",
		"I-Twilio-Thing: x", "Content-Type: application/sdp", "X-Account: AC0\t1", "Content-Length: {length}"}, sdp},
	{"carrier_switch", "", false, []string{
		"INVITE sip:+12025550101;npdi@127.0.0.1:5060;user=phone SIP/2.0", "Via: {via}", "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK00B0001b4e2d7d3f6a5", "From: \"JOHN Q PUBLIC  \" <sip:+14155550123;cpc=ordinary@198.51.100.7;isup-oli=0;user=phone>;tag=gK00c5d2a8",
		"To: <sip:+12025550101@127.0.0.1:5060;user=phone>", "Call-ID: {id}", "CSeq: 14552 INVITE", "Max-Forwards: 65", "Allow: INVITE,ACK,CANCEL,BYE,REGISTER,REFER,INFO,SUBSCRIBE,NOTIFY,PRACK,UPDATE,OPTIONS,MESSAGE,PUBLISH",
		"Accept: application/sdp, application/isup, application/dtmf, application/dtmf-relay,  multipart/mixed", "Contact: \"JOHN Q PUBLIC\" <sip:+14155550123@198.51.100.7:5060>",
		"P-Asserted-Identity: \"JOHN Q PUBLIC\" <sip:+14155550123@198.51.100.7:5060;user=phone>", "Supported: timer,100rel,precondition,replaces", "Session-Expires: 1800", "Min-SE: 90",
		"Identity: eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiJ9.eyJhdHRlc3QiOiJBIn0.MEUCIQ==;info=<https://cert.example.org/a.pem>;alg=ES256;ppt=shaken", "P-Charge-Info: <sip:+14155550000@198.51.100.7>;npi=ISDN;noa=2",
		"Content-Disposition: session;handling=required", "Content-Type: application/sdp", "Content-Length:   {length}"}, sdp},
	{"pbx", "", false, []string{
		"INVITE sip:0012025550101@127.0.0.1 SIP/2.0", "Via: {via};alias", "Max-Forwards: 70", "From: \"M\xc3\xbcller, J\xc3\xbcrgen\" <sip:+14155550123@pbx.example.de>;tag=as58f4201b", "To: <sip:0012025550101@127.0.0.1>",
		"Contact: <sip:+14155550123@{addr};ob>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-000000000000>\"", "Call-ID: {id}", "CSeq: 102 INVITE",
		"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE", "Supported: replaces, timer, outbound, path, gruu", "Remote-Party-ID: \"M\" <sip:+14155550123@pbx>;party=calling;privacy=off;screen=no",
		"Date: Wed, 14 Oct 2026 10:00:00 GMT", "Accept-Contact: *;audio;require", "Request-Disposition: proxy, no-fork", "Content-Type: application/sdp", "Content-Length: {length}"}, sdp},
	{"ipv6_inside", "RFC 5118 4.5", false, []string{
		"INVITE sip:+12025550101@[2001:db8::10]:5060 SIP/2.0", "Via: SIP/2.0/UDP [2001:db8::9:1]:{port};received=[2001:db8::9:255];branch={branch};rport", "Max-Forwards: 70", "From: <sip:user@[2001:db8::1]>;tag=81x2", "To: <sip:+12025550101@[2001:db8::2]:5061>",
		"Call-ID: {id}", "CSeq: 3 INVITE", "Contact: <sip:caller@[2001:db8::1]>", "Record-Route: <sip:[2001:db8::5];lr>", "Content-Length: {length}"}, ""},
	{"many_headers", "", false, append([]string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "Via: {via}", "Max-Forwards: 70", "From: <sip:a@b>;tag=1", "To: <sip:+12025550101@c>", "Call-ID: {id}", "CSeq: 1 INVITE", "Contact: {contact}", "Content-Length: {length}"},
		strings.Split(strings.TrimSuffix(strings.Repeat("Extra: some value;with=params|", 100), "|"), "|")...), ""},
	{"dangerous_texts", "c07-sip", false, []string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "Via: {via}", "Max-Forwards: 70", "From: \"%s%n%x %d\" <sip:%25s%25n@b>;tag=%s%n", "To: \"${jndi:ldap://x}\" <sip:+12025550101@c>", "Call-ID: {id}", "CSeq: 1 INVITE", "Contact: {contact}",
		"Subject: ../../../../etc/passwd", "User-Agent: " + strings.Repeat("A", 4000), "Organization: <script>alert(1)</script>'; DROP TABLE numbers; --", "Content-Length: {length}"}, ""},
	{"max_breadth", "RFC 5393 5.3", false, []string{
		"INVITE sip:+12025550101@127.0.0.1 SIP/2.0", "Via: {via}", "Max-Forwards: 70", "Max-Breadth: 60", "From: <sip:a@b>;tag=1", "To: <sip:+12025550101@c>", "Call-ID: {id}", "CSeq: 1 INVITE", "Contact: {contact}", "Content-Length: {length}"}, ""},
}

func (g *stage) legal(t *testing.T) {
	together(t, legalCases, func(c legalCase) string { return c.name }, func(t *testing.T, c legalCase) {
		k := g.call(t)
		k.lax = c.lax
		invite := k.fill(lines(c.body, c.text...))
		invite = strings.ReplaceAll(invite, "{length}", fmt.Sprint(len(c.body)))
		at := k.offer(invite)
		k.same(invite, at)
		if was, is := read(invite).list("via"), at.list("via"); len(is) != len(was)+1 {
			t.Errorf("16.6 8: Vias %q became %q", was, is)
		} else {
			for i := 1; i < len(was); i++ {
				if strings.Join(strings.Fields(was[i]), " ") != strings.Join(strings.Fields(is[i+1]), " ") {
					t.Errorf("16.6 8: Via %q became %q", was[i], is[i+1])
				}
			}
		}
		if was, is := read(invite).list("record-route"), at.list("record-route"); len(is) != len(was)+1 || strings.Join(is[1:], " ") != strings.Join(was, " ") {
			t.Errorf("16.6 4: Record-Routes %q became %q", was, is)
		}
		if !strings.Contains(at.uri(), "2025550101@"+k.gw.addr) && !strings.Contains(at.uri(), "2025550101;") {
			t.Errorf("16.6 2: Request-URI %s", at.uri())
		}
		k.refused(invite, at, 486, 486)
		k.quiet(k.from, k.gw)
	})
}
