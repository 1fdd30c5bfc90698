package integration

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

var update = flag.Bool("update", false, "write the generated files anew")

// failure is one thing that goes wrong, and what an operator asks to learn why.
type failure struct {
	what   string
	play   func(b *stage)
	ask    []string // of cutoverctl
	line   string   // the line of its answer that tells must hold this,
	number string   // and this
}

// stage is where failures happen: one edge, hand-made callers and gateways.
type stage struct {
	l *lab.Lab
	e *lab.Edge
	t *testing.T

	tls string // where the edge speaks TLS

	said  map[string]string // by command: what cutoverctl answered
	mu    sync.Mutex
	ended map[string]bool   // by Via: the INVITE was answered with 487
	codes map[string]string // by called number: what the gateways answer
}

// caller is a peer on an address of its own, which chooses its trunk.
func (s *stage) caller(from string) *lab.Peer { return s.l.Peer("udp", from, 0) }

// call places a call and waits for its end.
func (s *stage) call(from, number string, more ...string) {
	p := s.caller(from)
	id := lab.Serial()
	p.Send(p.Request("INVITE", number, id, strings.Join(more, "")))
	if _, answer := p.Final(id, 12*time.Second); answer != "" {
		p.Send(p.Ack(answer))
	}
}

// offer places a call with SDP.
func (s *stage) offer(from, number, sdp string) {
	p, id := s.caller(from), lab.Serial()
	invite, _ := strings.CutSuffix(p.Request("INVITE", number, id, "Content-Type: application/sdp\r\n"), "Content-Length: 0\r\n\r\n")
	p.Send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", invite, len(sdp), sdp))
	if _, answer := p.Final(id, 12*time.Second); answer != "" {
		p.Send(p.Ack(answer))
	}
}

// raw sends a message as it is written; {id}, {local} and {number} are filled in.
func (s *stage) raw(from, text string) {
	p := s.caller(from)
	id := lab.Serial()
	p.Send(strings.NewReplacer("\n", "\r\n", "{id}", id, "{local}", p.Local()).Replace(text))
	p.Final(id, 2*time.Second)
}

// answer is what the gateways say to a request, by the number that is called.
func (s *stage) answer(request string) string {
	switch method, _, _ := strings.Cut(request, " "); method {
	case "INVITE":
	case "CANCEL":
		// One datagram answers one: the first CANCEL ends the INVITE, a repeated one is answered itself.
		id := lab.Header(request, "Via")
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ended[id] {
			return lab.Echo(request, "200 OK")
		}
		s.ended[id] = true
		return lab.Echo(strings.Replace(request, "1 CANCEL", "1 INVITE", 1), "487 Request Terminated")
	default:
		return ""
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(request, "INVITE sip:"), "@")
	if number == numberOf("comes_back") { // as by a provider that routes the number here
		line, rest, _ := strings.Cut(request, "\r\n")
		return line + "\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK" + lab.Serial() + "\r\n" + rest
	}
	s.mu.Lock()
	status := s.codes[number]
	s.mu.Unlock()
	if status == "" {
		return ""
	}
	return lab.Echo(request, status)
}

const explainedTrunks = `  - id: small
    profile: generic
    sources: [ "127.0.0.11/32" ]
    default_country: US
    limits: { cps: 1, burst: 1 }
  - id: narrow
    profile: generic
    sources: [ "127.0.0.12/32" ]
    default_country: US
    limits: { concurrent: 1 }
  - id: foreign
    profile: generic
    sources: [ "127.0.0.13/32" ]
  - id: locked
    profile: generic
    sources: [ "127.0.0.14/32" ]
    default_country: US
    digest: { username: acme, password: "file:{password}" }
  - id: anchored
    profile: generic
    sources: [ "127.0.0.15/32" ]
    default_country: US
    media: anchor
    limits: { concurrent: 2 }

`

const explainedRoutes = `  - id: closed
    authority: legacy
    gateways: [ { id: closed-port, uri: "sip:127.0.0.1:{closed}" } ]
    probe: { method: none }
  - id: refusing
    authority: legacy
    gateways: [ { id: tcp-refuses, uri: "sip:127.0.0.1:{closed};transport=tcp" } ]
    probe: { method: none }
  - id: secret
    authority: legacy
    gateways: [ { id: tls-stranger, uri: "sip:127.0.0.1:{tls};transport=tls" } ]
    probe: { method: none }
  - id: nameless
    authority: legacy
    gateways: [ { id: no-such-name, uri: "sip:gateway.invalid:5060" } ]
    probe: { method: none }
`

func newStage(t *testing.T) *stage {
	s := &stage{t: t, said: map[string]string{}, ended: map[string]bool{}, codes: map[string]string{}}
	closed, secret := lab.FreePort(t), lab.FreePort(t)
	s.tls = fmt.Sprintf("127.0.0.1:%d", secret)
	ca := newCA(t)
	cert, key := ca.issue(t, t.TempDir(), "edge.example.com")
	stranger := tlsStranger(t)
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("a word nobody says"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.l = lab.New(t,
		lab.Edit{Old: "# No probes:", New: strings.ReplaceAll(explainedTrunks, "{password}", password) + "# No probes:"},
		lab.Edit{Old: `sources: [ "127.0.0.0/8" ]`, New: `sources: [ "127.0.0.0/9" ]`}, // who comes from above is nobody's trunk
		lab.Edit{Old: "admin:\n", New: "numbers: { max_staleness: 8s }\nmedia: { address: \"127.0.0.1\", ports: 32700-32707 }\n\nadmin:\n"},
		lab.Edit{Old: "defaults: {", New: strings.NewReplacer("{closed}", fmt.Sprint(closed), "{tls}", fmt.Sprint(stranger)).Replace(explainedRoutes) + "defaults: {"},
		lab.Edit{Old: "per_number: { cps: 0, concurrent: 0 }", New: "per_number: { cps: 0, concurrent: 3 }"},
		lab.Edit{Old: `    - { name: tcp,`, New: fmt.Sprintf("    - { name: tls, transport: tls, address: \"127.0.0.1:%d\", cert: %q, key: \"file:%s\" }\n    - { name: tcp,", secret, cert, key)},
	)
	for _, id := range []string{"legacy-a", "legacy-b", "speakops-a", "speakops-b"} {
		lab.NewGateway(t, s.l.GatewayPort(id), s.answer)
	}
	return s
}

// tlsStranger is a TLS server with a certificate nobody vouches for.
func tlsStranger(t *testing.T) int {
	certFile, keyFile := newCA(t).issue(t, t.TempDir(), "stranger.example.com")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(3 * time.Second))
				c.Read(make([]byte, 1))
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// Every failure is told by cutoverctl alone; the table beside this test is what
// it said.
func TestEveryFailureIsExplained(t *testing.T) {
	s := newStage(t)
	all := failures(s)
	if len(all) < 100 {
		t.Errorf("%d failures, want a hundred", len(all))
	}
	s.l.ImportFile(s.numbers(t))
	s.e = s.l.Serve("edge")
	var wg sync.WaitGroup
	room := make(chan struct{}, 24)
	for _, f := range all {
		room <- struct{}{}
		wg.Go(func() { f.play(s); <-room })
	}
	wg.Wait()
	var table strings.Builder
	table.WriteString("What an operator sees of each failure, written by TestEveryFailureIsExplained (go test ./integration -run EveryFailure -update).\n\n| failure | command | the line that tells |\n|---|---|---|\n")
	for _, f := range all {
		s.tells(t, f, &table)
	}
	s.withAStaleTable(t, &table)
	s.whileDraining(t, &table)
	s.withoutNumbers(t, &table)
	file := filepath.Join(lab.Root(), "integration", "testdata", "explained.md")
	if *update {
		os.MkdirAll(filepath.Dir(file), 0o755)
		if err := os.WriteFile(file, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Which gateway is asked first, and the order of what happens at once, differ
	// from run to run; what is asked, and for what, does not.
	if got, want := rows(table.String()), rows(string(readFile(t, file))); !slices.Equal(got, want) {
		t.Errorf("%s does not list the failures of this test: write it anew with -update", file)
	}
}

// rows are the failures and commands of a table.
func rows(table string) (all []string) {
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); len(cells) == 3 {
			all = append(all, cells[0]+cells[1])
		}
	}
	return all
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tells asks cutoverctl and notes the line that tells, without what is different
// every time.
func (s *stage) tells(t *testing.T, f failure, table *strings.Builder) {
	command := strings.Join(f.ask, " ")
	if s.said[command] == "" {
		out, err := s.e.Ask(f.ask...)
		if err != nil {
			t.Errorf("cutoverctl %s: %v\n%s", command, err, out)
		}
		s.said[command] = out
	}
	out := s.said[command]
	i := slices.IndexFunc(strings.Split(out, "\n"), func(line string) bool { return strings.Contains(line, f.line) && strings.Contains(line, f.number) })
	if i < 0 {
		t.Errorf("%s: cutoverctl %s: nothing tells %q of %s in\n%s", f.what, command, f.line, f.number, out)
		return
	}
	fmt.Fprintf(table, "| %s | `cutoverctl %s` | `%s` |\n", f.what, command, settled(strings.Split(out, "\n")[i]))
}

var unsettled = []struct {
	form *regexp.Regexp
	text string
}{
	{regexp.MustCompile(`\b[0-9a-f]{24}\b`), "CALL"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?Z?`), "TIME"},
	{regexp.MustCompile(`\b127\.0\.0\.1:\d+`), "127.0.0.1:PORT"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(ms|s)\b`), "T"},
	{regexp.MustCompile(` {2,}`), "  "},
}

func settled(line string) string {
	for _, u := range unsettled {
		line = u.form.ReplaceAllString(line, u.text)
	}
	return strings.ReplaceAll(strings.TrimSpace(line), "|", "/")
}

// withAStaleTable pauses Redis for longer than the table may be old.
func (s *stage) withAStaleTable(t *testing.T, table *strings.Builder) {
	s.l.Redis.Signal(syscall.SIGSTOP)
	defer s.l.Redis.Signal(syscall.SIGCONT)
	defer clear(s.said) // what comes is another time
	lab.Until(t, 20*time.Second, "the table to be stale", func() bool { return s.e.Metric("sipedge_table_age_seconds") > 9 })
	s.call("127.0.0.1", "+12025580003")
	s.tells(t, failure{what: "a number that is not in the table, and Redis is away for longer than numbers.max_staleness", ask: of("+12025580003"), line: "the table is too old to be sure"}, table)
	s.tells(t, failure{what: "the same, asked of the edge", ask: []string{"status"}, line: "Redis has not confirmed the table for"}, table)
	s.tells(t, failure{what: "the same, asked of the decision", ask: []string{"explain", "+12025580003"}, line: "because=table_stale"}, table)
}

// whileDraining stops the edge while a call rings: new ones are refused, and the
// desk still answers.
func (s *stage) whileDraining(t *testing.T, table *strings.Builder) {
	p := s.caller("127.0.0.1")
	p.Send(p.Request("INVITE", numberOf("rings"), lab.Serial(), ""))
	lab.Until(t, 5*time.Second, "the call to ring", func() bool { return len(p.Heard("SIP/2.0 180")) > 0 })
	s.e.Signal(syscall.SIGTERM)
	lab.Until(t, 5*time.Second, "the edge to drain", func() bool { code, _ := s.e.Get("/readyz"); return code == 503 })
	s.call("127.0.0.1", "+12025580001")
	s.tells(t, failure{what: "the edge is stopping", ask: []string{"calls", "--number", "+12025580001"}, line: "the edge is stopping"}, table)
	s.e.Kill()
}

// withoutNumbers starts an edge whose Redis is away and that has no snapshot.
func (s *stage) withoutNumbers(t *testing.T, table *strings.Builder) {
	s.l.Redis.Kill()
	s.e = s.l.Start("empty")
	lab.Until(t, 20*time.Second, "the edge to listen", func() bool { return s.caller("127.0.0.1").Ping() == 503 })
	s.call("127.0.0.1", "+12025580002")
	s.tells(t, failure{what: "Redis is away and nothing was on disk", ask: []string{"calls", "--number", "+12025580002"}, line: "the fleet does not count on this edge"}, table)
	s.tells(t, failure{what: "the same, asked of the edge", ask: []string{"status"}, line: "table_not_loaded"}, table)
}
