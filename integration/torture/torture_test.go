package torture

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// How long silence must last to count as silence.
const patience = 250 * time.Millisecond

func messages(t *testing.T) map[string]string {
	t.Helper()
	all, err := Messages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEveryMessageIsJudged: no message without a judgement, none twice, and no
// judgement without a message.
func TestEveryMessageIsJudged(t *testing.T) {
	all := messages(t)
	judged := map[string]bool{}
	for _, j := range Judgements {
		if judged[j.Name] || all[j.Name] == "" || j.Why == "" || len(j.UDP) == 0 {
			t.Errorf("%s: judged twice, not in the collection, or without a reason", j.Name)
		}
		judged[j.Name] = true
	}
	for name := range all {
		if !judged[name] {
			t.Errorf("%s has no judgement", name)
		}
	}
}

// TestTorture sends every message to the real program and judges the answer;
// after each one the edge must answer an OPTIONS at once.
func TestTorture(t *testing.T) {
	all := messages(t)
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			l, edge := lab.Open(t)
			alive := l.Peer("udp", "127.0.0.1", 0)
			for _, j := range Judgements {
				t.Run(j.Name, func(t *testing.T) {
					judge(t, sender(t, l, network), network, j, all[j.Name])
					if code := alive.Ping(); code != 200 {
						t.Fatalf("after %s the edge answers OPTIONS with %d, want 200", j.Name, code)
					}
				})
			}
			if edge.Ended() || strings.Contains(edge.Text(), "panic") {
				t.Errorf("the edge did not come through unharmed:\n%s", edge.Text())
			}
		})
	}
}

// sender is a trunk's address that nothing else on this machine uses. Answers
// to a Via without rport go to its sent-by port (RFC 3261 18.2.2), so the UDP
// sender is at home on both ports that the messages name.
func sender(t *testing.T, l *lab.Lab, network string) *lab.Peer {
	t.Helper()
	l = l.For(t)
	from := fmt.Sprintf("127.%d.%d.%d", 64+rand.IntN(64), rand.IntN(250), 1+rand.IntN(250))
	if network == "tcp" {
		return l.Peer("tcp", from, 0)
	}
	p := l.Peer("udp", from, 5060)
	also, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(from), Port: 5050})
	if err != nil {
		t.Fatal(err)
	}
	p.Use(also)
	return p
}

func judge(t *testing.T, p *lab.Peer, network string, j Judgement, message string) {
	t.Helper()
	right := j.Over(network)
	wait := 2 * time.Second
	if slices.Contains(right, Silence) {
		wait = patience
	}
	p.Send(message)
	// The answer to a request without Call-ID can only be told by there being one.
	code, answer := p.Final(CallID(message), wait)
	if !slices.Contains(right, code) {
		t.Errorf("%s over %s: got %s, right is %s (%s)\n%s", j.Name, network, word(code), words(right), j.Why, answer)
	}
	if j.Name == "dblreq" && network == "tcp" {
		// The second message of the stream is an INVITE of its own.
		second := "dblreq.0ha0isnda977644900765@192.0.2.15"
		if code, _ := p.Final(second, 2*time.Second); code != 404 {
			t.Errorf("the second request of dblreq: %s, right is 404", word(code))
		}
	}
	if provisionals := p.Heard("SIP/2.0 1"); code >= 200 && len(provisionals) > 1 {
		t.Errorf("%s: %d provisional responses", j.Name, len(provisionals))
	}
}

func word(code int) string {
	if code == Silence {
		return "silence"
	}
	return fmt.Sprint(code)
}

func words(codes []int) string {
	var all []string
	for _, c := range codes {
		all = append(all, word(c))
	}
	return strings.Join(all, " or ")
}

// TestLegalINVITEsAreCarried sends the INVITEs that a proxy has nothing against,
// with a known number in the Request-URI, and looks at what the gateway gets:
// everything the edge has no business with, byte for byte.
func TestLegalINVITEsAreCarried(t *testing.T) {
	all := messages(t)
	// As it stands wsinv is neither outside a dialog nor without a route elsewhere.
	wsinv := without(t, all["wsinv"], " ;   tag    = 1918181833n", "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n")
	_, second, _ := strings.Cut(all["dblreq"], "\r\n\r\n")
	for _, c := range []struct {
		name, message string
		pass          []string // texts that must arrive as they were sent
	}{
		{"wsinv", wsinv, []string{"newfangled value\r\n continued newfangled value", "v=0\r\n"}},
		{"esc01", all["esc01"], []string{"sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31", "sip:%75se%72@example.com", "I%20have%20spaces"}},
		{"longreq", all["longreq"], []string{"extremeextremeextreme", "Unknown-LongLongLongLongLongLongLongLongLongLong"}},
		{"dblreq", strings.TrimLeft(second, "\r\n"), []string{"m=audio 49217 RTP/AVP 0 12"}},
		{"baddate", all["baddate"], []string{"Fri, 01 Jan 2010 16:00:00 EST"}},
		{"invut", all["invut"], []string{"application/unknownformat", "<pcmu port=\"443\"/>"}},
		{"sdp01", all["sdp01"], []string{"text/nobodyKnowsThis"}},
		{"inv2543", all["inv2543"], []string{"m=audio 49217 RTP/AVP 0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, _ := lab.Open(t)
			gateway := busyGateway(t, l.GatewayPort("legacy-a"))
			p := sender(t, l, "udp")
			p.Send(Dial(c.message, "+12025550100"))
			code, answer := p.Final(CallID(c.message), 3*time.Second)
			if code != 486 {
				t.Fatalf("got %s, want the gateway's 486\n%s", word(code), answer)
			}
			got := gateway.Heard("INVITE sip:")
			if len(got) != 1 {
				t.Fatalf("the gateway got %d INVITEs, want one: %q", len(got), got)
			}
			for _, text := range c.pass {
				if !strings.Contains(c.message, text) {
					t.Errorf("the message does not hold %q", text)
				}
				if !strings.Contains(unfolded(got[0]), unfolded(text)) {
					t.Errorf("%q did not arrive:\n%s", text, got[0])
				}
			}
			if body := body(t, c.message); !strings.HasSuffix(got[0], "\r\n\r\n"+body) {
				t.Errorf("the body changed:\n%q\nwant\n%q", got[0], body)
			}
		})
	}
}

// body is what Content-Length says it is; bytes behind it are ignored (RFC 3261 18.3).
func body(t *testing.T, message string) string {
	t.Helper()
	head, body, _ := strings.Cut(message, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		key, value, _ := strings.Cut(line, ":")
		if key = strings.ToLower(strings.TrimSpace(key)); key != "content-length" && key != "l" {
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil || n > len(body) {
			t.Fatalf("%q, with %d bytes behind the headers: %v", line, len(body), err)
		}
		return body[:n]
	}
	return body
}

// without cuts texts out of a message, which must hold each once.
func without(t *testing.T, message string, texts ...string) string {
	t.Helper()
	for _, text := range texts {
		if strings.Count(message, text) != 1 {
			t.Fatalf("the message does not hold %q once", text)
		}
		message = strings.Replace(message, text, "", 1)
	}
	return message
}

// unfolded joins continuation lines: folding is not content (RFC 3261 7.3.1).
func unfolded(s string) string {
	head, body, found := strings.Cut(s, "\r\n\r\n")
	for _, fold := range []string{"\r\n ", "\r\n\t"} {
		for strings.Contains(head, fold) {
			head = strings.ReplaceAll(head, fold, " ")
		}
	}
	head = strings.Join(strings.FieldsFunc(head, func(r rune) bool { return r == ' ' || r == '\t' }), " ")
	if found {
		return head + "\r\n\r\n" + body
	}
	return head
}

// busyGateway answers every INVITE with 486, copying header lines as they came,
// since these headers are not for every parser.
func busyGateway(t *testing.T, port int) *lab.Peer {
	t.Helper()
	return lab.NewGateway(t, port, func(request string) string {
		if !strings.HasPrefix(request, "INVITE ") {
			return ""
		}
		return lab.Echo(request, "486 Busy Here")
	})
}
