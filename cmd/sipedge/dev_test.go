package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/speakops/sipedge/cmd/sipedge/internal/demo"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/testcall"
)

// screen is a terminal for tests: written by many, read while it grows.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// shows waits until the screen shows what is asked for, and gives its groups.
func (s *screen) shows(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if m := re.FindStringSubmatch(s.String()); m != nil {
			return m
		}
	}
	t.Fatalf("never shown: %s\n%s", pattern, s)
	return nil
}

// noLeaks checks at the end that the test leaves no goroutine and no folder.
func noLeaks(t *testing.T) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		// A pool that found nobody tries to dial once a second, and notices a second
		// later that it was closed.
		goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
		if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "sipedge-dev-*")); left != nil {
			t.Errorf("left behind: %v", left)
		}
	})
}

// dev starts `sipedge dev` with one edge, and whatever args say; end is Ctrl-C, and
// gives the exit code.
func dev(t *testing.T, args ...string) (out *screen, edge netip.AddrPort, end func() int) {
	t.Helper()
	out = &screen{}
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--edges", "1", "--cutover", "0"}, args...), streams{out, out})
	}()
	end = sync.OnceValue(func() int {
		stop()
		select {
		case c := <-code:
			return c
		case <-time.After(15 * time.Second):
			t.Error("dev does not end")
			return -1
		}
	})
	t.Cleanup(func() { end() })
	edge = netip.MustParseAddrPort(out.shows(t, `edge +(127\.0\.0\.1:\d+), UDP and TCP`)[1])
	return out, edge, end
}

func number(t *testing.T, s string) e164.Number {
	t.Helper()
	n, err := e164.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func place(ctx context.Context, t *testing.T, edge netip.AddrPort, to, override string, saw func(testcall.Rung)) (demo.Result, error) {
	t.Helper()
	return demo.Place(ctx, demo.Call{From: number(t, "+12025550199"), To: number(t, to), Via: edge, Override: override, Talk: 300 * time.Millisecond, Saw: saw})
}

func TestDevCarriesEveryDemoCall(t *testing.T) {
	noLeaks(t)
	out, edge, end := dev(t)
	admin := out.shows(t, `http://(127\.0\.0\.1:\d+)/readyz`)[1]
	res, err := http.Get("http://" + admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("readyz: %d", res.StatusCode)
	}
	t.Run("calls", func(t *testing.T) {
		for _, c := range []struct {
			to, override string
			code         int
			gateway      string
			line         string // that is printed of the decision
		}{
			{"+12025550100", "", 200, "legacy-a", `legacy +via legacy-a, then legacy-b +port_pending: `},
			{"+12025550102", "", 200, "legacy-a", `legacy +via legacy-a, then legacy-b +port_pending: `},
			{"+12025550120", "", 200, "speakops-a", `speakops +via speakops-a +record: `},
			{"+12025550120", "legacy", 200, "legacy-a", `legacy +via legacy-a, then legacy-b +test_override: `},
			{"+12025550121", "", 200, "speakops-a", `speakops +via speakops-a +port_active: `},
			{"+18005550123", "", 200, "speakops-a", `speakops +via speakops-a +record: `},
			{"+12025550140", "", 486, "", `legacy +via .*\n(?s:.*)ended +busy, 486 to the caller \(legacy-a said 486\)`},
			{"+12025550142", "", 200, "legacy-b", `(?s:.*)ended +answered by legacy-b after `},
			{"+12025550150", "", 603, "", `refused +603 +override_block: `},
			{"+12025550151", "", 200, "speakops-a", `speakops +via speakops-a +override_force_speakops: `},
			{"+12025550130", "", 404, "", `refused +404 +port_cancelled: `},
			{"+12025559999", "", 404, "", `refused +404 +number_unknown: `},
		} {
			t.Run(c.to+c.override, func(t *testing.T) {
				t.Parallel()
				r, err := place(t.Context(), t, edge, c.to, c.override, nil)
				if err != nil || r.Code != c.code || r.Gateway != c.gateway || r.Answered() != (r.Heard > 0) {
					t.Errorf("%+v, %v; want %d by %q\n%s", r, err, c.code, c.gateway, out)
				}
				out.shows(t, `\+12025550199 +-> \`+c.to+` +`+c.line)
			})
		}
	})
	if code := end(); code != exitOK {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

func TestDevCancel(t *testing.T) {
	noLeaks(t)
	out, edge, _ := dev(t)
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	var mu sync.Mutex
	var seen []string
	r, err := place(ctx, t, edge, "+12025550141", "", func(r testcall.Rung) {
		mu.Lock()
		seen = append(seen, r.What)
		mu.Unlock()
		if r.What == "180 Ringing" {
			giveUp()
		}
	})
	if err != nil || r.Code != 487 {
		t.Fatalf("%+v, %v\n%s", r, err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	got := strings.Join(seen, ", ")
	for _, want := range []string{"INVITE +12025550141, 100 Trying, 180 Ringing, CANCEL, ", "200 OK (CANCEL)", "487 Request Terminated", "ACK"} {
		if !strings.Contains(got, want) {
			t.Errorf("the caller saw %s; want %s", got, want)
		}
	}
	out.shows(t, `ended +canceled, 487 to the caller`)
}

func TestDevHangsUpOnCtrlC(t *testing.T) {
	noLeaks(t)
	out, edge, end := dev(t)
	up, ended := make(chan struct{}), make(chan demo.Result, 1)
	var bye sync.Once
	hungUp := make(chan struct{})
	go func() {
		r, _ := demo.Place(t.Context(), demo.Call{From: number(t, "+12025550199"), To: number(t, "+12025550120"), Via: edge, Talk: time.Minute, Saw: func(r testcall.Rung) {
			switch r.What {
			case "ACK":
				close(up)
			case "BYE":
				if !r.Out {
					bye.Do(func() { close(hungUp) })
				}
			}
		}})
		ended <- r
	}()
	<-up
	began := time.Now()
	if code := end(); code != exitOK || time.Since(began) > 3*time.Second {
		t.Errorf("exit code %d after %s\n%s", code, time.Since(began), out)
	}
	<-hungUp
	if r := <-ended; r.Code != 200 {
		t.Errorf("%+v", r)
	}
	out.shows(t, `ended +answered by speakops-a .* hung up by the callee`)
}

// What a newcomer sees: two people arm an order of ten numbers, which three edges
// give to SpeakOps at one instant, under calls. What the edges have written proves
// it.
func TestDevShowsACutover(t *testing.T) {
	noLeaks(t)
	data := t.TempDir()
	out, _, end := dev(t, "--edges", "3", "--cutover", "6s", "--data", data)
	out.shows(t, `edge +127\.0\.0\.1:\d+, UDP and TCP +\(dev-3, admin API http://`)
	for _, step := range []string{"planned    ops-anna: order o-demo moves 10 numbers", "rehearsed  .*: 90 answers, all as planned", "approved   by ops-bo", "armed      each of 3 edges",
		`dev-\d  \+12025550198  -> \+12025550\d+ +legacy +via legacy-a, then legacy-b +before_cut: `, "now        10 numbers belong to speakops",
		`dev-\d  \+12025550198  -> \+12025550\d+ +speakops via speakops-a +cut: `, `flipped    last call on legacy \d+ ms before \(dev-\d\), first on speakops \d+ ms after \(dev-\d\)`} {
		out.shows(t, step)
	}
	of := out.shows(t, `of (\d+) calls (\d+) failed`)
	placed, _ := strconv.Atoi(of[1])
	failed, _ := strconv.Atoi(of[2])
	if placed < 10 || failed*10 > placed { // a machine that is busy may let one ring too long
		t.Errorf("of %d calls %d failed\n%s", placed, failed, out)
	}
	if code := end(); code != exitOK {
		t.Errorf("exit code %d\n%s", code, out)
	}
	code, says, errs := call(t, "audit", data)
	if code != exitOK || !strings.Contains(says, "1 flip;") || !strings.Contains(says, "history of 10 numbers is that of one register") || strings.Contains(says, "not proved") {
		t.Errorf("audit: %d\n%s%s", code, says, errs)
	}
}

func TestDevPlacesACall(t *testing.T) {
	noLeaks(t)
	for _, c := range []struct {
		args []string
		code int
		out  string
		err  string
	}{
		{[]string{"--call", "+12025550100", "--talk", "200ms"}, exitOK,
			`(?s)caller -> edge     INVITE \+12025550100\n.*legacy via legacy-a, then legacy-b \(port_pending: .*180 Ringing\n.*200 OK\n.*ACK\n.*BYE\n.*200 OK \(BYE\)\n.*answered by legacy-a; \d+ packets`, ""},
		{[]string{"--call", "+12025550100", "--talk", "0s", "--override", "speakops"}, exitOK, `(?s)speakops via speakops-a \(test_override: .*answered by speakops-a`, ""},
		{[]string{"--call", "+12025550140"}, exitFailed, `486 Busy Here`, "sipedge: +12025550140 was not answered: 486 Busy Here\n"},
		{[]string{"--call", "+12025559999", "--from", "+442079460100"}, exitFailed, `(?s)\+442079460100 calls .*does not know this number.*404 Not Found   Q\.850;cause=1;text="number_unknown"`,
			`404 Not Found; Reason: Q.850;cause=1;text="number_unknown"`},
	} {
		code, out, err := call(t, append([]string{"dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, c.args...)...)
		if code != c.code || !regexp.MustCompile(c.out).MatchString(out) || !strings.Contains(err, c.err) || (c.err == "") != (err == "") || strings.Contains(out, "\x1b") {
			t.Errorf("%v: code %d\n%s%s", c.args, code, out, err)
		}
	}
}

func TestDevCallsThroughAnother(t *testing.T) {
	noLeaks(t)
	_, edge, _ := dev(t)
	code, out, err := call(t, "dev", "--via", edge.String(), "--call", "+12025550120", "--talk", "0s")
	if code != exitOK || err != "" || !strings.Contains(out, "answered by speakops-a") {
		t.Errorf("code %d\n%s%s", code, out, err)
	}
}

func TestDevKeepsRecords(t *testing.T) {
	noLeaks(t)
	dir := filepath.Join(t.TempDir(), "it's here")
	code, out, errs := call(t, "dev", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data", dir, "--call", "+12025550150")
	if code != exitFailed {
		t.Fatalf("code %d\n%s%s", code, out, errs)
	}
	text, err := os.ReadFile(filepath.Join(dir, "records", "decisions.jsonl"))
	if err != nil || !bytes.Contains(text, []byte(`"override_block"`)) {
		t.Errorf("%s %v", text, err)
	}
}

func TestDevSaysWhatIsWrong(t *testing.T) {
	noLeaks(t)
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := taken.LocalAddr().String()
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	for _, c := range []struct {
		args []string
		code int
		err  string
	}{
		{[]string{"--listen", busy, "--admin", "127.0.0.1:0"}, exitFailed, busy + " (udp) is in use by another program; stop it, or listen elsewhere with --listen 127.0.0.1:"},
		{[]string{"--listen", busy, "--admin", "127.0.0.1:0", "--call", "+12025550100"}, exitFailed, busy + " (udp) is in use; if a sipedge dev runs there, call through it with --via " + busy},
		{[]string{"--listen", "127.0.0.1:0", "--admin", web.Addr().String()}, exitFailed, "--admin " + web.Addr().String() + " cannot be listened on"},
		{[]string{"--listen", "0.0.0.0:5060"}, exitUsage, "--listen: 0.0.0.0 is every address and none to answer to; name one, such as 127.0.0.1:5060"},
		{[]string{"--listen", "5060"}, exitUsage, "--listen"},
		{[]string{"--call", "0123"}, exitUsage, `--call: "0123" is no number in E.164; write a plus and the country code`},
		{[]string{"--call", "+12025550100", "--from", "me"}, exitUsage, `--from: "me" is no number in E.164`},
		{[]string{"--call", "+12025550100", "--override", "none"}, exitUsage, "--override"},
		{[]string{"--call", "+12025550100", "--talk=-1s"}, exitUsage, "--talk: -1s is no length for a call"},
		{[]string{"--override", "legacy"}, exitUsage, "--override is for a call; add --call NUMBER"},
		{[]string{"--edges", "9"}, exitUsage, "--edges: 9 is not between 1 and 5"},
		{[]string{"--cutover", "1s"}, exitUsage, "--cutover: 1s is too short or too long; write a time from 5s to 1h, or 0 for no cutover"},
		{[]string{"--via", "127.0.0.1:5060"}, exitUsage, "--via is for a call; add --call NUMBER"},
	} {
		code, out, errs := call(t, append([]string{"dev"}, c.args...)...)
		if code != c.code || out != "" || !strings.Contains(errs, c.err) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%v: code %d\n%s%s", c.args, code, out, errs)
		}
	}
}
