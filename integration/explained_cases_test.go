package integration

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// special are the numbers whose records say something of their own, by name:
// what stands behind public_number in the file that is imported.
var special = []struct{ name, record string }{
	{"rings", "legacy,draft,,,"},
	{"silent", "legacy,draft,,,"},
	{"only_100", "legacy,draft,,,"},
	{"cancelled", "legacy,draft,,,"},
	{"cancelled_at_once", "legacy,draft,,,"},
	{"nobody", "none,draft,,,"},
	{"blocked", "legacy,draft,,,block"},
	{"wrong_route", "speakops,settled,,legacy-main,"},
	{"closed_port", "legacy,draft,closed,,"},
	{"tcp_refused", "legacy,draft,refusing,,"},
	{"tls_stranger", "legacy,draft,secret,,"},
	{"no_such_name", "legacy,draft,nameless,,"},
	{"crowded", "legacy,draft,,,"},
	{"limited", "legacy,draft,,,"},
	{"dark_side", "speakops,settled,,,"},
	{"half", "legacy,draft,,,"},
	{"held_back", "legacy,jeopardy,,,"},
	{"forced", "legacy,draft,,,"},
	{"codec", "legacy,draft,,,"},
	{"comes_back", "legacy,draft,,,"},
	{"twice", "legacy,draft,,,"},
	{"too_many_streams", "legacy,draft,,,"},
}

// numberOf is the number of a special record.
func numberOf(name string) string {
	for i, s := range special {
		if s.name == name {
			return fmt.Sprintf("+1202556%04d", i)
		}
	}
	panic("no special number " + name)
}

// finals are what gateways may end a call with, each a failure of its own.
var finals = []string{
	"300 Multiple Choices", "301 Moved Permanently", "302 Moved Temporarily", "305 Use Proxy", "380 Alternative Service",
	"400 Bad Request", "401 Unauthorized", "402 Payment Required", "403 Forbidden", "404 Not Found", "405 Method Not Allowed", "406 Not Acceptable",
	"407 Proxy Authentication Required", "408 Request Timeout", "410 Gone", "413 Request Entity Too Large", "414 Request-URI Too Long",
	"415 Unsupported Media Type", "416 Unsupported URI Scheme", "420 Bad Extension", "421 Extension Required", "422 Session Interval Too Small",
	"423 Interval Too Brief", "433 Anonymity Disallowed", "480 Temporarily Unavailable", "481 Call/Transaction Does Not Exist", "482 Loop Detected",
	"483 Too Many Hops", "484 Address Incomplete", "485 Ambiguous", "486 Busy Here", "487 Request Terminated", "488 Not Acceptable Here",
	"489 Bad Event", "491 Request Pending", "493 Undecipherable", "500 Server Internal Error", "501 Not Implemented", "502 Bad Gateway",
	"503 Service Unavailable", "504 Server Time-out", "505 Version Not Supported", "513 Message Too Large", "580 Precondition Failure",
	"600 Busy Everywhere", "603 Decline", "604 Does Not Exist Anywhere", "606 Not Acceptable", "607 Unwanted", "608 Rejected",
}

func numberOfFinal(status string) string { return "+12025570" + status[:3] }

// numbers writes the file that is imported.
func (s *stage) numbers(t *testing.T) string {
	var b strings.Builder
	b.WriteString("public_number,routing_authority,porting_state,legacy_route,speakops_route,override,override_from,override_until,override_reason,override_author\n")
	for _, one := range special {
		when := ",,,,"
		if strings.HasSuffix(one.record, "block") {
			when = fmt.Sprintf(",,%s,a drill,ops", time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		}
		b.WriteString(numberOf(one.name) + "," + one.record + when + "\n")
	}
	for _, status := range finals {
		b.WriteString(numberOfFinal(status) + ",legacy,draft,,,,,,,\n")
	}
	file := filepath.Join(t.TempDir(), "numbers.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// of asks for the calls of a number.
func of(number string) []string { return []string{"calls", "--number", number, "--limit", "3"} }

func failures(s *stage) (all []failure) {
	add := func(what string, play func(*stage), line string, ask ...string) {
		all = append(all, failure{what: what, play: play, ask: ask, line: line})
	}
	for _, status := range finals {
		number := numberOfFinal(status)
		s.codes[number] = status
		code, _, _ := strings.Cut(status, " ")
		add("the gateway says "+status, func(s *stage) { s.call("127.0.0.1", number) }, " said "+code+" ", "calls", "--failed", "--route", "legacy-main", "--limit", "1000")
		all[len(all)-1].number = number
	}
	s.codes[numberOf("rings")], s.codes[numberOf("cancelled")], s.codes[numberOf("only_100")] = "180 Ringing", "180 Ringing", "100 Trying"
	s.codes[numberOf("crowded")], s.codes[numberOf("limited")] = "180 Ringing", "180 Ringing"
	s.codes[numberOf("half")] = ""
	s.codes[numberOf("codec")] = "488 Not Acceptable Here\r\nWarning: 305 gateway \"Incompatible media format: opus\""
	s.codes[numberOf("twice")] = "180 Ringing"
	ways(add)
	numbersGoneWrong(add)
	atTheDoor(add)
	malformed(add)
	insideDialogs(add)
	return all
}

type adder func(what string, play func(*stage), line string, ask ...string)

// ways are failures on the way to a gateway.
func ways(add adder) {
	plain := func(name string) func(*stage) { return func(s *stage) { s.call("127.0.0.1", numberOf(name)) } }
	add("both gateways are dead: nothing comes back", plain("silent"), "said nothing; gateway legacy-", of(numberOf("silent"))...)
	add("a gateway says 100 and nothing more", func(s *stage) {
		s.cancel(numberOf("only_100"), "nothing that comes", 3*time.Second)
	}, "said 100 and nothing more: the next one", "ladder", "--number", numberOf("only_100"))
	add("it rings and nobody answers", plain("rings"), "it rang, and nobody answered in time", of(numberOf("rings"))...)
	add("no process listens on the gateway's port", plain("closed_port"), "gateway closed-port", of(numberOf("closed_port"))...)
	add("the gateway refuses TCP connections", plain("tcp_refused"), "gateway tcp-refuses could not be reached", of(numberOf("tcp_refused"))...)
	add("the gateway's TLS certificate is nobody's", plain("tls_stranger"), "gateway tls-stranger could not be reached", of(numberOf("tls_stranger"))...)
	add("a trunk does not believe the edge's TLS certificate", func(s *stage) {
		s.overTLS(func(c net.Conn) { _ = tls.Client(c, &tls.Config{ServerName: "edge.example.com"}).Handshake() })
	}, "tls_handshake", "calls", "--because", "tls_handshake", "--limit", "10")
	add("a trunk speaks plain SIP to the TLS port", func(s *stage) {
		s.overTLS(func(c net.Conn) { fmt.Fprint(c, "OPTIONS sip:edge SIP/2.0\r\n") })
	}, "first record does not look like a TLS handshake", "calls", "--because", "tls_handshake", "--limit", "10")
	add("the gateway knows none of the codecs that were offered", plain("codec"), "Incompatible media format: opus", of(numberOf("codec"))...)
	add("the gateway's name does not resolve", plain("no_such_name"), "gateway no-such-name has no address: ", of(numberOf("no_such_name"))...)
	add("the other side's gateways are dead; no call crosses over", plain("dark_side"), "said nothing; gateway speakops-", of(numberOf("dark_side"))...)
	add("a test call was forced to the other side and found it dead", func(s *stage) {
		s.call("127.0.0.1", numberOf("forced"), "X-SpeakOps-Route: speakops\r\n")
	}, "test_override", of(numberOf("forced"))...)
	add("the caller gives up while it rings", func(s *stage) { s.cancel(numberOf("cancelled"), "SIP/2.0 180", time.Second) }, "the caller gave up after", of(numberOf("cancelled"))...)
	add("the caller gives up at once", func(s *stage) { s.cancel(numberOf("cancelled_at_once"), "SIP/2.0 100", time.Second) }, "the caller gave up after", of(numberOf("cancelled_at_once"))...)
}

// overTLS is one connection of trunk qa to the edge's TLS port.
func (s *stage) overTLS(play func(net.Conn)) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, Timeout: 5 * time.Second}
	c, err := d.Dial("tcp", s.tls)
	if err != nil {
		s.t.Error(err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	play(c)
	_, _ = io.Copy(io.Discard, c)
}

// cancel calls and gives up once a message was heard, or after some time.
func (s *stage) cancel(number, after string, atMost time.Duration) {
	p, id := s.caller("127.0.0.1"), lab.Serial()
	invite := p.Request("INVITE", number, id, "")
	p.Send(invite)
	for end := time.Now().Add(atMost); len(p.Heard(after)) == 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	p.Send(strings.NewReplacer("INVITE sip", "CANCEL sip", "1 INVITE", "1 CANCEL").Replace(invite))
	for range 400 {
		for _, m := range p.Heard("SIP/2.0 487") {
			p.Send(p.Ack(m))
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// numbersGoneWrong are refusals by the table.
func numbersGoneWrong(add adder) {
	call := func(number string) func(*stage) { return func(s *stage) { s.call("127.0.0.1", number) } }
	add("a number that is not in the table", call("+12025599999"), "the number is not in the table", of("+12025599999")...)
	add("a number that nobody carries", call(numberOf("nobody")), "nobody carries this number", of(numberOf("nobody"))...)
	add("a number that is blocked", func(s *stage) {
		time.Sleep(4 * time.Second) // every edge must know of it first
		s.call("127.0.0.1", numberOf("blocked"))
	}, "an override blocks the number", of(numberOf("blocked"))...)
	add("a record with a route of the other side", call(numberOf("wrong_route")), "a route of the other side", of(numberOf("wrong_route"))...)
	add("an emergency number", call("911"), "an emergency number was dialled", "calls", "--because", "emergency_number")
	for i, dialled := range []string{"alice", "12", "*98", "+", "++12025550143", "12025550143x", "+1202555014312345678"} {
		from := fmt.Sprintf("127.0.1.%d", i+1)
		add("what is dialled is no number: "+dialled, func(s *stage) { s.call(from, dialled) }, fmt.Sprintf("dialled: %q", dialled), "calls", "--because", "not_a_number")
	}
	add("a national number on a trunk without a country: read as an international one", func(s *stage) { s.call("127.0.0.13", "2025550143") }, "+2025550143", "calls", "--trunk", "foreign")
	add("a port in jeopardy, and its gateways are dead", call(numberOf("held_back")), "port_suspended", of(numberOf("held_back"))...)
}

// atTheDoor are refusals before a decision.
func atTheDoor(add adder) {
	add("more calls per second than the trunk may send", func(s *stage) {
		for range 3 {
			s.call("127.0.0.11", "+12025599998")
		}
	}, "more calls per second than the trunk's limits allow", "calls", "--trunk", "small", "--state", "refused")
	add("more calls at once than the trunk may have", func(s *stage) {
		p := s.caller("127.0.0.12")
		p.Send(p.Request("INVITE", numberOf("limited"), lab.Serial(), ""))
		p.Final("SIP/2.0 18", 300*time.Millisecond)
		s.call("127.0.0.12", numberOf("limited"))
	}, "more calls at once than the trunk's limits allow", "calls", "--trunk", "narrow", "--state", "refused")
	add("more calls at once than the number may have", func(s *stage) {
		for i := range 4 {
			p := s.caller(fmt.Sprintf("127.0.2.%d", i+1))
			p.Send(p.Request("INVITE", numberOf("crowded"), lab.Serial(), ""))
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)
	}, "too many calls to this number", "calls", "--number", numberOf("crowded"), "--because", "number_limit")
	for _, c := range []struct{ what, line, more, from string }{
		{"a route that this edge did not give out", "did not give out; an outbound-proxy setting may name this edge only: <sip:192.0.2.77;lr>", "Route: <sip:192.0.2.77;lr>\r\n", "127.0.3.2"},
		{"an extension that no proxy here knows", "Bad Extension: teleport", "Proxy-Require: teleport\r\n", "127.0.3.3"},
		{"no breadth is left", "Max-Breadth", "Max-Breadth: 0\r\n", "127.0.3.4"},
	} {
		add(c.what, func(s *stage) { s.call(c.from, numberOf("half"), c.more) }, c.line, "calls", "--state", "refused", "--limit", "1000")
	}
	add("the legacy side sends the call back to this edge", func(s *stage) { s.call("127.0.0.1", numberOf("comes_back")) }, "its Vias show a loop", "calls", "--because", "loop_detected", "--limit", "1000")
	all := []string{"calls", "--state", "refused", "--limit", "1000"}
	add("the same INVITE on two ways", func(s *stage) {
		p, id := s.caller("127.0.3.5"), lab.Serial()
		invite := p.Request("INVITE", numberOf("twice"), id, "")
		p.Send(invite)
		p.Final("SIP/2.0 18", 2*time.Second)
		p.Send(strings.Replace(invite, "branch=z9hG4bK", "branch=z9hG4bKother", 1))
		p.Final("SIP/2.0 482", 2*time.Second)
	}, "the same request came on two ways", all...)
	add("a wrong password", func(s *stage) {
		p, id := s.caller("127.0.0.14"), lab.Serial()
		p.Send(p.Request("INVITE", numberOf("half"), id, ""))
		_, asked := p.Final(id, 5*time.Second)
		p.Send(p.Ack(asked))
		challenge, err := digest.ParseChallenge(lab.Header(asked, "Proxy-Authenticate"))
		if err != nil {
			s.t.Errorf("no challenge in %q: %v", asked, err)
			return
		}
		c, err := digest.Digest(challenge, digest.Options{Method: "INVITE", URI: "sip:" + numberOf("half") + "@127.0.0.1", Username: "acme", Password: "a guess", Count: 1})
		if err != nil {
			s.t.Error(err)
			return
		}
		again := lab.Serial()
		p.Send(p.Request("INVITE", numberOf("half"), again, "Proxy-Authorization: "+c.String()+"\r\n"))
		p.Final(again, 5*time.Second)
	}, "the trunk's user name or password is wrong", all...)
	add("somebody who is no trunk", func(s *stage) {
		p := s.caller("127.128.0.1")
		p.Send(p.Request("INVITE", numberOf("half"), lab.Serial(), ""))
	}, "127.128.0.1", "limits")
	const media = "v=0\r\no=- 1 1 IN IP4 127.0.0.15\r\ns=-\r\nc=IN IP4 127.0.0.15\r\nt=0 0\r\n"
	add("the SDP of an anchored call cannot be read", func(s *stage) {
		s.offer("127.0.0.15", numberOf("half"), "no sdp at all\r\n")
	}, "does not begin with v=", "calls", "--because", "sdp_refused")
	add("no media ports are left", func(s *stage) {
		s.offer("127.0.0.15", numberOf("too_many_streams"), media+strings.Repeat("m=audio 40000 RTP/AVP 0\r\n", 6))
	}, "no media ports are left", "calls", "--because", "media_ports")
}

const plainInvite = "INVITE sip:{number}@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{id}\nMax-Forwards: 70\nFrom: <sip:a@127.0.0.1>;tag=1\n" +
	"To: <sip:b@127.0.0.1>\nCall-ID: {id}\nCSeq: 1 INVITE\nContact: <sip:a@{local}>\nContent-Length: 0\n\n"

// malformed are messages that are none, or mean two things.
func malformed(add adder) {
	for i, c := range []struct{ what, old, new, line string }{
		{"no hops are left", "Max-Forwards: 70", "Max-Forwards: 0", "Too Many Hops"},
		{"a scheme nobody knows", "INVITE sip:{number}@127.0.0.1", "INVITE gopher:x", "Unsupported URI Scheme: gopher"},
		{"two From headers", "From:", "From: <sip:z@127.0.0.1>;tag=2\nFrom:", "From is given twice"},
		{"two Call-IDs", "Call-ID: {id}", "Call-ID: {id}\nCall-ID: other", "Call-ID is given twice"},
		{"no CSeq", "CSeq: 1 INVITE\n", "", "CSeq is missing"},
		{"a CSeq of another method", "CSeq: 1 INVITE", "CSeq: 1 BYE", "CSeq names another method"},
		{"a CSeq that is no number", "CSeq: 1 INVITE", "CSeq: one INVITE", "CSeq is malformed"},
		{"no From", "From: <sip:a@127.0.0.1>;tag=1\n", "", "From is missing"},
		{"no To", "To: <sip:b@127.0.0.1>\n", "", "To is missing"},
		{"a SIP version of tomorrow", "SIP/2.0\nVia", "SIP/3.0\nVia", "not of version SIP/2.0"},
		{"a body shorter than it says", "Content-Length: 0", "Content-Length: 500", "Content-Length is larger than the body"},
		{"two Content-Lengths that differ", "Content-Length: 0", "Content-Length: 0\nContent-Length: 9", "Content-Length is given twice with different"},
		{"a line that is no header", "Contact:", "this is no header\nContact:", "is no header field"},
		{"a quote that never closes", "From: <sip:a@127.0.0.1>", `From: "a <sip:a@127.0.0.1>`, "From cannot be read"},
		{"Max-Forwards that is no number", "Max-Forwards: 70", "Max-Forwards: many", "Max-Forwards is no number"},
	} {
		from := fmt.Sprintf("127.0.4.%d", i+1)
		text := strings.Replace(strings.Replace(plainInvite, c.old, c.new, 1), "{number}", numberOf("half"), 1)
		add("malformed: "+c.what, func(s *stage) { s.raw(from, text) }, c.line, "calls", "--state", "refused", "--limit", "1000")
	}
}

// insideDialogs are requests that belong to nothing.
func insideDialogs(add adder) {
	for i, method := range []string{"BYE", "INFO", "UPDATE", "REFER", "INVITE"} {
		from := fmt.Sprintf("127.0.5.%d", i+1)
		text := strings.NewReplacer("INVITE", method, "To: <sip:b@127.0.0.1>", "To: <sip:b@127.0.0.1>;tag=2", "{number}", numberOf("half")).Replace(plainInvite)
		add(method+" in a dialog that is not ours", func(s *stage) { s.raw(from, text) }, "none of its Routes is a token of this edge", "calls", "--state", "refused", "--code", "481")
	}
	add("BYE with a token that is sealed with another key", func(s *stage) {
		token := strings.Repeat("A1b2C3d4", 12)
		s.raw("127.0.5.9", strings.NewReplacer("INVITE", "BYE", "To: <sip:b@127.0.0.1>", "To: <sip:b@127.0.0.1>;tag=2", "{number}", numberOf("half"),
			"Contact:", fmt.Sprintf("Route: <sip:%s@127.0.0.1:%d;lr>\nContact:", token, s.l.Port("5060"))).Replace(plainInvite))
	}, "sealed with a key this edge does not have", "calls", "--state", "refused", "--code", "481")
	for i, method := range []string{"REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE"} {
		from := fmt.Sprintf("127.0.6.%d", i+1)
		text := strings.NewReplacer("INVITE", method, "{number}", numberOf("half")).Replace(plainInvite)
		add(method+", which this edge does not serve", func(s *stage) { s.raw(from, text) }, "Method Not Allowed: "+method, "calls", "--state", "refused", "--code", "405")
	}
}
