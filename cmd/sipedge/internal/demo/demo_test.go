package demo

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
	"github.com/speakops/sipedge/sipedge/testcall"
)

func TestEveryReasonHasWords(t *testing.T) {
	for _, because := range routing.Reasons() {
		if why[because] == "" {
			t.Errorf("%s: no words for it", because)
		}
	}
	if len(why) != len(routing.Reasons()) {
		t.Errorf("%d words for %d reasons", len(why), len(routing.Reasons()))
	}
}

func TestNumbersAreRowsOfAnImport(t *testing.T) {
	rows, err := feed.ReadRows(bytes.NewReader(table(Numbers(), time.Now())), "demo")
	if err != nil || len(rows) != len(Numbers()) {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
}

func TestAnswerTakesAudioAndRefusesTheRest(t *testing.T) {
	offer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.9\r\nt=0 0\r\n" +
		"m=video 4000 RTP/AVP 96\r\na=sendonly\r\nm=audio 4002 RTP/AVP 8 0 101\r\nc=IN IP4 127.0.0.2\r\na=sendrecv\r\nm=audio 4004 RTP/AVP 0\r\na=inactive\r\n"
	m, err := readSDP([]byte(offer))
	if err != nil || m.to != netip.MustParseAddrPort("127.0.0.2:4002") || m.audio != 1 || m.way != "sendrecv" {
		t.Fatalf("%+v %v", m, err)
	}
	answer := string(writeSDP(netip.MustParseAddrPort("127.0.0.1:9000"), 3, &m))
	want := "v=0\r\no=demo 9000 3 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n" +
		"m=video 0 RTP/AVP 96\r\nm=audio 9000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\nm=audio 0 RTP/AVP 0\r\n"
	if answer != want {
		t.Errorf("got\n%s\nwant\n%s", answer, want)
	}
}

func TestOnHoldNothingIsPlayed(t *testing.T) {
	for offer, answer := range map[string]string{"sendonly": "recvonly", "inactive": "inactive"} {
		m, err := readSDP([]byte("c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\na=" + offer + "\r\n"))
		if err != nil || m.to.IsValid() {
			t.Errorf("%s: plays to %v (%v)", offer, m.to, err)
		}
		if got := string(writeSDP(netip.MustParseAddrPort("[::1]:9000"), 1, &m)); !strings.HasSuffix(got, "a="+answer+"\r\n") || !strings.Contains(got, "c=IN IP6 ::1\r\n") {
			t.Errorf("%s is answered\n%s", offer, got)
		}
	}
	m, err := readSDP([]byte("c=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\n"))
	if err != nil || m.to.IsValid() {
		t.Errorf("the old way of holding: plays to %v (%v)", m.to, err)
	}
	for _, bad := range []string{"", "m=audio 4000 RTP/AVP 8\r\n", "m=audio 0 RTP/AVP 0\r\n", "m=audio x RTP/AVP 0\r\n", "m=audio 4000 RTP/AVP 0\r\n", "m=\r\nc=\r\n"} {
		if _, err := readSDP([]byte(bad)); err == nil {
			t.Errorf("%q is an offer", bad)
		}
	}
}

func TestTunesAreFrames(t *testing.T) {
	if frames := compose([]note{{440, 60 * time.Millisecond}, {0, 20 * time.Millisecond}}); len(frames) != 4 || !bytes.Equal(frames[3], bytes.Repeat([]byte{0xff}, frameSize)) {
		t.Errorf("%d frames", len(frames))
	}
}

// slow is a terminal that was stopped.
type slow struct{ go_ chan struct{} }

func (s slow) Write(p []byte) (int, error) { <-s.go_; return len(p), nil }

func TestASlowTerminalHoldsNobodyUp(t *testing.T) {
	out := slow{make(chan struct{})}
	b := NewBoard(out)
	b.Climb()
	for range 2 * boardLines {
		b.Saw(testcall.Rung{At: time.Now(), What: "100 Trying"})
	}
	if lost := b.lost.Load(); lost < boardLines-2 {
		t.Errorf("%d lost", lost)
	}
	close(out.go_)
	b.Close()
}

// An edge listens beside its media ports, wherever somebody wants it.
func TestListenerBesideMedia(t *testing.T) {
	for _, port := range []uint16{5060, 25999, 26000, 26341, 26399, 26400, 26799} {
		s := Site{ID: "dev", TokenKey: Key(), DataDir: t.TempDir(), Redis: "127.0.0.1:6379",
			Listen: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port), Admin: netip.MustParseAddrPort("127.0.0.1:8080")}
		for i, name := range []string{LegacyA, SpeakOpsA} {
			s.Gateways = append(s.Gateways, &Gateway{name: name, addr: netip.AddrPortFrom(s.Listen.Addr(), uint16(5070+i))})
		}
		if _, err := s.Config(); err != nil {
			t.Errorf("port %d: %v", port, err)
		}
	}
}
