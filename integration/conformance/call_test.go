package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// call is one conversation: its Call-ID keeps it apart from all others that
// run over the same sockets.
type call struct {
	*testing.T
	*stage
	id   string // Call-ID
	key  string // in branches and tags
	from *end   // the caller
	gw   *end   // the gateway that is expected to get it
	lax  bool   // what is sent is stranger than sipgo reads
	seen map[string]bool
}

func (g *stage) call(t *testing.T) *call {
	key := lab.Serial()
	return &call{T: t, stage: g, id: key + "@conformance", key: key, from: g.caller, gw: g.a, seen: map[string]bool{}}
}

// fill puts this call's own values into a text.
func (k *call) fill(text string) string {
	return strings.NewReplacer("{id}", k.id, "{via}", "SIP/2.0/"+k.from.proto+" "+k.from.addr+";rport;branch=z9hG4bK"+k.key,
		"{branch}", "z9hG4bK"+k.key, "{key}", k.key, "{proto}", k.from.proto, "{addr}", k.from.addr, "{host}", k.from.host(), "{port}", k.from.port(),
		"{contact}", "<sip:caller@"+k.from.uriTail()+">", "{edge}", k.udp).Replace(text)
}

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.1.1\r\ns=-\r\nc=IN IP4 127.0.1.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

// request writes one outside of any dialog. more are whole lines without their
// ends; one that names a header of the plain request takes its place, and
// "-Name" takes it away.
func (k *call) request(method, number, body string, more ...string) string {
	head := []string{
		"Via: {via}", "Max-Forwards: 70", "From: \"A\" <sip:+14155550123@127.0.1.1>;tag=f-{key}", "To: <sip:" + number + "@127.0.0.1>",
		"Call-ID: {id}", "CSeq: 1 " + method, "Contact: {contact}",
	}
	if body != "" {
		head = append(head, "Content-Type: application/sdp")
	}
	head = append(head, fmt.Sprintf("Content-Length: %d", len(body)))
	for _, line := range more {
		name, _, _ := strings.Cut(line, ":")
		at := slices.IndexFunc(head, func(h string) bool {
			n, _, _ := strings.Cut(h, ":")
			return strings.EqualFold(n, strings.TrimPrefix(name, "-"))
		})
		switch {
		case strings.HasPrefix(name, "-") && at >= 0:
			head = slices.Delete(head, at, at+1)
		case at >= 0:
			head[at] = line
		default:
			head = slices.Insert(head, len(head)-1, line)
		}
	}
	return k.fill(lines(body, append([]string{method + " sip:" + number + "@127.0.0.1 SIP/2.0"}, head...)...))
}

func (k *call) invite(number string, more ...string) string {
	return k.request("INVITE", number, sdp, more...)
}

// next is the next message at e that is not a copy of an earlier one; nil after d.
func (k *call) next(e *end, d time.Duration) *letter {
	k.Helper()
	timeout := time.After(d)
	for {
		select {
		case l := <-e.box(k.id):
			if k.seen[e.addr+l.raw] {
				continue
			}
			k.seen[e.addr+l.raw] = true
			k.wholesome(e, &l)
			return &l
		case <-timeout:
			return nil
		}
	}
}

// wholesome asks of everything the edge sends what is asked of every message.
func (k *call) wholesome(e *end, l *letter) {
	k.Helper()
	if !k.lax {
		if _, err := sip.ParseMessage([]byte(l.raw)); err != nil {
			k.Errorf("sipgo cannot read it: %v\n%s", err, l.raw)
		}
	}
	for _, name := range []string{"from", "to", "call-id", "cseq", "content-length"} {
		if n := len(l.all(name)); n != 1 && !k.lax {
			k.Errorf("%d lines of %s\n%s", n, name, l.raw)
		}
	}
	if n, err := strconv.Atoi(l.one("content-length")); err != nil || n != len(l.body) {
		k.Errorf("Content-Length %q, body of %d bytes", l.one("content-length"), len(l.body))
	}
	if l.status() != 0 {
		return
	}
	vias := l.list("via")
	if len(vias) == 0 || !k.ours(vias[0]) || !strings.HasPrefix(branchOf(vias[0]), "z9hG4bK") || !strings.HasPrefix(vias[0], "SIP/2.0/"+e.proto+" ") {
		k.Errorf("the topmost Via of a request over %s is not the edge's: %q", e.proto, vias)
	}
	if n, err := strconv.Atoi(l.one("max-forwards")); err != nil || n < 0 || n > 255 {
		k.Errorf("Max-Forwards %q", l.one("max-forwards"))
	}
}

// ours says whether a Via names a listener of the edge.
func (k *call) ours(via string) bool {
	_, rest, _ := strings.Cut(via, " ")
	at, _, _ := strings.Cut(rest, ";")
	return at == k.udp || at == k.tls || at == k.udp6
}

// up waits for the response with that code at the caller.
func (k *call) up(code int) letter {
	k.Helper()
	l := k.next(k.from, limit)
	if l == nil {
		k.Fatalf("no %d came to the caller", code)
	}
	if l.status() != code {
		k.Fatalf("the caller got %q, want %d\n%s", l.start, code, l.raw)
	}
	return *l
}

// down waits for the request at the gateway.
func (k *call) down(method string) letter {
	k.Helper()
	l := k.next(k.gw, limit)
	if l == nil {
		k.Fatalf("no %s came to the gateway", method)
	}
	if l.method() != method {
		k.Fatalf("the gateway got %q, want %s\n%s", l.start, method, l.raw)
	}
	return *l
}

// quiet says that nothing comes to these ends for a while.
func (k *call) quiet(ends ...*end) {
	k.Helper()
	for i, e := range ends {
		d := patience
		if i > 0 {
			d = 0
		}
		if l := k.next(e, d); l != nil {
			k.Errorf("%s got what it should not:\n%s", e.addr, l.raw)
		}
	}
}

func (k *call) send(text string) { k.from.write(text) }

// offer sends an INVITE, takes the 100, and returns it as the gateway got it.
func (k *call) offer(invite string) letter {
	k.Helper()
	k.send(invite)
	k.up(100)
	return k.down("INVITE")
}

// ackFailure acknowledges a final that is no 2xx, with the branch of the INVITE
// (section 17.1.1.3).
func (k *call) ackFailure(invite string, final letter) {
	m := read(invite)
	n, _, _ := strings.Cut(m.one("cseq"), " ")
	k.send(lines("", "ACK "+m.uri()+" SIP/2.0", "Via: "+m.list("via")[0], "Max-Forwards: 70", "From: "+m.one("from"), "To: "+final.one("to"),
		"Call-ID: "+m.callID(), "CSeq: "+n+" ACK", "Content-Length: 0"))
}

// refused ends a call with a final of the gateway, both ACKs included.
func (k *call) refused(invite string, at letter, code int, want int) letter {
	k.Helper()
	at.back(reply(at.msg, code, "g", "", ""))
	ack := k.down("ACK")
	if branchOf(ack.list("via")[0]) != branchOf(at.list("via")[0]) {
		k.Errorf("17.1.1.3: the ACK has another branch than its INVITE")
	}
	final := k.up(want)
	k.ackFailure(invite, final)
	return final
}

// talk is a call that was answered and acknowledged: the INVITE at the gateway
// and the 2xx at the caller.
func (k *call) talk(invite string) (at, answer letter) {
	k.Helper()
	at = k.offer(invite)
	return at, k.answer(at)
}

// answer sends a 200 and takes the caller's ACK through.
func (k *call) answer(at letter) letter {
	k.Helper()
	at.back(reply(at.msg, 200, "g", "Contact: <sip:gateway@"+k.gw.uriTail()+">\r\n", ""))
	answer := k.up(200)
	k.send(k.inside("ACK", at, answer, 1))
	k.down("ACK")
	return answer
}

// inside writes the caller's request of the dialog (section 12.2.1.1).
func (k *call) inside(method string, at, answer letter, cseq int, more ...string) string {
	routes := reversed(answer.list("record-route"))
	return k.dialogRequest(k.from, method, inBrackets(answer.one("contact")), routes, answer.one("from"), answer.one("to"), cseq, more)
}

// outside is the same of the gateway.
func (k *call) outside(method string, at, answer letter, cseq int, more ...string) string {
	return k.dialogRequest(k.gw, method, inBrackets(at.one("contact")), at.list("record-route"), answer.one("to"), at.one("from"), cseq, more)
}

func (k *call) dialogRequest(e *end, method, target string, routes []string, from, to string, cseq int, more []string) string {
	head := []string{method + " " + target + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;rport;branch=z9hG4bK-%s-%d-%s", e.proto, e.addr, strings.ToLower(method), cseq, k.key), "Max-Forwards: 70"}
	for _, r := range routes {
		head = append(head, "Route: "+r)
	}
	head = append(head, "From: "+from, "To: "+to, "Call-ID: "+k.id, fmt.Sprintf("CSeq: %d %s", cseq, method))
	body := ""
	for _, line := range more {
		if rest, ok := strings.CutPrefix(line, "body="); ok {
			body = rest
			continue
		}
		head = append(head, line)
	}
	return lines(body, append(head, fmt.Sprintf("Content-Length: %d", len(body)))...)
}

// toCaller waits for a request at the caller.
func (k *call) toCaller(method string) letter {
	k.Helper()
	l := k.next(k.from, limit)
	if l == nil || l.method() != method {
		k.Fatalf("the caller got %v, want %s", l, method)
	}
	return *l
}

// toGateway waits for a response at the gateway.
func (k *call) toGateway(code int) letter {
	k.Helper()
	l := k.next(k.gw, limit)
	if l == nil || l.status() != code {
		k.Fatalf("the gateway got %v, want %d", l, code)
	}
	return *l
}

// bye ends a call from the caller's side.
func (k *call) bye(at, answer letter, cseq int) {
	k.Helper()
	k.send(k.inside("BYE", at, answer, cseq))
	bye := k.down("BYE")
	bye.back(reply(bye.msg, 200, "", "", ""))
	k.up(200)
}
