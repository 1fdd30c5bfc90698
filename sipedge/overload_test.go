package sipedge

import (
	"bytes"
	"hash/maphash"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/sipedge/message"
)

// crowd is an edge whose queue has stood for two seconds.
func crowd() *Edge {
	now := time.Now().Add(-10 * time.Second)
	e := &Edge{overload: ratelimit.NewOverload(20*time.Millisecond, now)}
	for range 2000 {
		now = now.Add(time.Millisecond)
		e.overload.Began()
		e.overload.Waited(100*time.Millisecond, now)
	}
	e.world.Store(&world{trunks: make([]*trunk, 2)})
	return e
}

func TestFeedback(t *testing.T) {
	e := crowd()
	s := newShard(e, maphash.MakeSeed())
	part := regexp.MustCompile(`^;oc=98;oc-algo="loss";oc-validity=500;oc-seq=\d+\.\d{3}$`)
	rate := regexp.MustCompile(`^;oc=\d+;oc-algo="rate";oc-validity=500;oc-seq=\d+\.\d{3}$`)
	for _, c := range []struct {
		via, kept string
		told      *regexp.Regexp
	}{
		{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", "", nil},
		{"Via: SIP/2.0/UDP 192.0.2.1;oc;branch=z9hG4bKa;oc-algo=\"loss\"", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa", part},
		{"v:SIP/2.0/UDP h;branch=z9hG4bKa;oc;oc-algo=\"loss,rate\";x=\"a,;oc\", SIP/2.0/UDP b;oc;branch=z9hG4bKb", "v:SIP/2.0/UDP h;branch=z9hG4bKa;x=\"a,;oc\"", rate},
		{"Via: SIP/2.0/UDP h;branch=z9hG4bKa;oc=30;oc-validity=9;oc-seq=1.1;oc-algo=loss", "Via: SIP/2.0/UDP h;branch=z9hG4bKa", part},
		{"Via: SIP/2.0/UDP h;branch=z9hG4bKa;ocean=1", "", nil},
		{"Via: SIP/2.0/UDP h;branch=z9hG4bKa;x=\";oc\"", "", nil},
	} {
		b := []byte("SIP/2.0 100 Trying\r\nTo: <sip:x@h>\r\n" + c.via + "\r\nVia: SIP/2.0/UDP below;branch=z9hG4bKc;oc\r\nContent-Length: 0\r\n\r\n")
		got := string(s.feedback(b))
		if c.told == nil {
			if got != string(b) {
				t.Errorf("%s: nothing was asked, and it became\n%s", c.via, got)
			}
			continue
		}
		line := strings.Split(got, "\r\n")[2]
		told, found := strings.CutPrefix(line, c.kept)
		told, _, _ = strings.Cut(told, ", ")
		if !found || !c.told.MatchString(told) {
			t.Errorf("%s became %s", c.via, line)
		}
		if !strings.Contains(got, "below;branch=z9hG4bKc;oc\r\n") {
			t.Errorf("a Via below was touched:\n%s", got)
		}
		var m message.Message
		if err := m.Parse([]byte(strings.Replace(got, "To:", "From: <sip:y@h>;tag=1\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nTo:", 1))); err != nil {
			t.Errorf("it cannot be read any more: %v\n%s", err, got)
		}
	}
}

// Whatever stands in a Via, feedback leaves what it does not know, and does not panic.
func FuzzFeedback(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;oc;oc-algo=\"loss\"\r\n\r\n"))
	f.Add([]byte("v;oc\n:;oc\"\\"))
	s := newShard(crowd(), maphash.MakeSeed())
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		out := s.feedback(b)
		if !bytes.Equal(in, b) {
			t.Fatal("its argument was changed")
		}
		if bytes.Count(out, []byte{'\n'}) != bytes.Count(in, []byte{'\n'}) {
			t.Fatal("a line came or went")
		}
	})
}

func TestRetryAfterIsSpread(t *testing.T) {
	most := func(n int64) int64 { return n - 1 }
	least := func(int64) int64 { return 0 }
	if a, b := retryAfterSpread(5*time.Second, least), retryAfterSpread(5*time.Second, most); a != 5*time.Second || b != 10*time.Second {
		t.Errorf("%v to %v, want 5 to 10 s", a, b)
	}
	if retryAfterSpread(0, most) != 0 {
		t.Error("a Retry-After where there is none")
	}
}
