package testcall

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/speakops/sipedge/sipedge/media/sound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loop = netip.MustParseAddr("127.0.0.1")

// Two voices, one offering and one answering: what the edge would carry between
// them is what both have agreed on.
func TestOfferAndAnswerAgree(t *testing.T) {
	for _, c := range []struct {
		name       string
		ours, them Sound
		law        sound.Law
		fails      bool
	}{
		{"plain", Sound{}, Sound{}, sound.PCMU, false},
		{"they know one", Sound{}, Sound{Codec: "PCMA"}, sound.PCMA, false},
		{"sealed", Sound{SRTP: true}, Sound{SRTP: true}, sound.PCMU, false},
		{"sealed and not", Sound{SRTP: true}, Sound{}, 0, true},
		{"not, and sealed", Sound{}, Sound{SRTP: true}, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := open(t, c.ours), open(t, c.them)
			answer, err := b.answer(a.offer())
			if err == nil && !a.agree(answer) {
				err = errors.New(a.ear.problem)
			}
			if (err != nil) != c.fails {
				t.Fatalf("%v\n%s\n%s", err, a.offer(), answer)
			}
			if c.fails {
				return
			}
			if a.law != c.law || b.law != c.law || a.them.event != event || b.them.event != event {
				t.Errorf("%v and %v, events %d and %d", a.law, b.law, a.them.event, b.them.event)
			}
			if to, _ := a.target(); to != b.at {
				t.Errorf("sends to %s, not %s", to, b.at)
			}
		})
	}
}

func open(t *testing.T, s Sound) *voice {
	t.Helper()
	v, err := newVoice(s, loop)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.close)
	return v
}

func TestHoldIsAnswered(t *testing.T) {
	v := open(t, Sound{Silent: true})
	offer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4002 RTP/AVP 96\r\nm=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"
	answer, err := v.answer([]byte(offer))
	if err != nil || !strings.Contains(string(answer), "m=video 0 RTP/AVP 96\r\nm=audio ") || !strings.Contains(string(answer), " RTP/AVP 8 101\r\n") || !strings.Contains(string(answer), "a=recvonly\r\n") {
		t.Fatalf("%v\n%s", err, answer)
	}
	if to, rtcp := v.target(); to.IsValid() || !rtcp.IsValid() {
		t.Errorf("on hold it sends to %s, reports to %s", to, rtcp)
	}
	if _, err := v.answer([]byte("v=0\r\ns=-\r\nm=audio 4000 RTP/AVP 18\r\nc=IN IP4 127.0.0.1\r\n")); !errors.Is(err, errNoAudio) {
		t.Errorf("G.729 alone: %v", err)
	}
}

// An ear is fed what a mouth says, 150 ms later, with a loss and a pause.
func TestEarKnowsItsOwnVoice(t *testing.T) {
	v := open(t, Sound{})
	m := &v.mouth
	m.stream = sound.Streaming(1, 100, 5000, sound.Frame, 0)
	law := sound.PCMU
	for i := range 50 * 4 {
		var pcm [samples]int16
		m.Fill(pcm[:])
		at := m.stream.Due()
		p := m.stream.Next(uint8(law), law.Encode(nil, pcm[:]))
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if i%50 == 45 {
			continue // lost, outside of a mark
		}
		v.ear.hear(&p, raw, netip.AddrPortFrom(loop, 9), at+150*time.Millisecond, event)
	}
	e := v.ear.echo(m)
	if e == nil || e.Marks != 4 || e.Of != 4 || time.Duration(e.Delay) < 140*time.Millisecond || time.Duration(e.Delay) > 160*time.Millisecond {
		t.Fatalf("%+v", e)
	}
	if r := v.ear.meter.Report(); r.Lost != 4 || r.Packets != 196 {
		t.Errorf("%d lost of %d", r.Lost, r.Packets)
	}
	m.mark++
	if e := v.ear.echo(m); e != nil {
		t.Errorf("another's marks are taken for ours: %+v", e)
	}
}

func TestEarTellsTones(t *testing.T) {
	for _, hz := range []int{1004, 425, 1330} {
		var e ear
		s, tone := sound.Streaming(1, 1, 1, sound.Frame, 0), sound.Sounding(sound.Tone{Hertz: []float64{float64(hz)}, Level: -12})
		for range 100 {
			var pcm [samples]int16
			tone.Fill(pcm[:])
			at := s.Due()
			p := s.Next(8, sound.PCMA.Encode(nil, pcm[:]))
			raw, _ := p.Marshal()
			e.hear(&p, raw, netip.AddrPortFrom(loop, 9), at, 0)
		}
		if got := e.tone(); got == nil || got.Hertz != hz || got.Level < -13 || got.Level > -11 || got.Share < 0.9 {
			t.Errorf("%d Hz: %+v", hz, got)
		}
	}
	var e ear
	e.hear(&rtp.Packet{Payload: make([]byte, 5000)}, nil, netip.AddrPort{}, 0, 0)
	if got := e.tone(); got != nil {
		t.Errorf("noise is %+v", got)
	}
}

func TestVerdicts(t *testing.T) {
	good := func() *Report {
		return &Report{
			Code: 200, PostDialDelay: Milliseconds(time.Second), Decision: &Decision{RoutingAuthority: "speakops", Because: "cut", Gateway: "s1"},
			Media: &Media{
				sends: true, takes: true, Theirs: "192.0.2.1:4000", Heard: Heard{Packets: 200, MOS: 4.4}, Sent: Sent{Packets: 200, RTCP: true, Far: &FarReception{}},
				Echo: &Echo{Marks: 3, Of: 4}, DTMF: Digits{Pressed: "12", Told: "12"},
			},
		}
	}
	want := Want{Side: "speakops", Because: "cut", Gateway: "s1", Echo: true, Digits: true, MaxLoss: 0.01, MaxJitter: 30 * time.Millisecond, MinMOS: 4, MaxDelay: 2 * time.Second}
	if r := good(); len(r.Routing(want))+len(r.Listening(want)) != 0 {
		t.Fatalf("%v %v", r.Routing(want), r.Listening(want))
	}
	for says, spoil := range map[string]func(*Report){
		"not 2xx":              func(r *Report) { r.Code = 486 },
		"the side was legacy":  func(r *Report) { r.Decision.RoutingAuthority = "legacy" },
		"did not say what":     func(r *Report) { r.Decision = nil },
		"post-dial delay":      func(r *Report) { r.PostDialDelay = Milliseconds(3 * time.Second) },
		"nothing was heard":    func(r *Report) { r.Media.Heard = Heard{} },
		"do not hear us":       func(r *Report) { r.Media.Sent.Far = nil },
		"does not open":        func(r *Report) { r.Media.Heard.Sealed = 3 },
		"5.0 % of what was to": func(r *Report) { r.Media.Heard.Loss = 0.05 },
		"they miss":            func(r *Report) { r.Media.Sent.Far.Loss = 0.05 },
		"mean jitter":          func(r *Report) { r.Media.Heard.Jitter = Milliseconds(time.Second) },
		"MOS":                  func(r *Report) { r.Media.Heard.MOS = 2 },
		"did not come back":    func(r *Report) { r.Media.Echo = nil },
		"were pressed":         func(r *Report) { r.Media.DTMF.Told = "1" },
		"had no SDP":           func(r *Report) { r.Media = nil },
	} {
		r := good()
		spoil(r)
		if all := strings.Join(append(r.Routing(want), r.Listening(want)...), "\n"); !strings.Contains(all, says) {
			t.Errorf("%q is not said in %q", says, all)
		}
	}
	onHold := good()
	onHold.Media.sends, onHold.Media.Heard = false, Heard{}
	if wrong := onHold.Listening(Want{}); len(wrong) != 0 {
		t.Errorf("on hold: %v", wrong)
	}
}

func TestDecisionIsRead(t *testing.T) {
	for _, c := range []struct {
		said, reason string
		code         int
		want         *Decision
	}{
		{"speakops;because=cut;route=r;gateway=g;revision=7;call=ab", "", 200, &Decision{"speakops", "cut", "r", "g", "7", "ab", "response"}},
		{"", `Q.850;cause=1;text="number_unknown"`, 404, &Decision{RoutingAuthority: "none", Because: "number_unknown", Said: "response"}},
		{"", `Q.850;cause=1;text="unallocated number"`, 404, nil},
		{"", "", 200, nil},
	} {
		got := decided(c.said, &Report{Code: c.code, Reason: c.reason})
		if (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%q, %q: %+v", c.said, c.reason, got)
		}
	}
}

func TestMillisecondsComeBack(t *testing.T) {
	b, err := json.Marshal(Milliseconds(1234567 * time.Microsecond))
	var m Milliseconds
	if err != nil || string(b) != "1234.6" || m.UnmarshalJSON(b) != nil || m.String() != "1235 ms" {
		t.Errorf("%s %v %v", b, err, m)
	}
}

func TestHeadline(t *testing.T) {
	for message, want := range map[string]string{
		"INVITE sip:+12025550100@127.0.0.1:5060 SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n": "INVITE +12025550100",
		"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n":                            "180 Ringing",
		"SIP/2.0 200 OK\r\ncseq: 2 BYE\r\n\r\n":                                    "200 OK (BYE)",
		"BYE sip:x SIP/2.0\r\n\r\n":                                                "BYE",
		"\r\n\r\n":                                                                 "",
	} {
		if got := headline([]byte(message)); got != want {
			t.Errorf("%q is %q, want %q", message, got, want)
		}
	}
}

func TestRouteSet(t *testing.T) {
	recorded := []sip.Header{sip.NewHeader("Record-Route", "<sip:a;lr>, <sip:b,c;lr>"), sip.NewHeader("Record-Route", "<sip:d;lr>")}
	join := func(hs []sip.Header) (all string) {
		for _, h := range hs {
			all += h.Name() + ": " + h.Value() + "|"
		}
		return all
	}
	if got := join(Routes(recorded, false)); got != "Route: <sip:a;lr>|Route: <sip:b,c;lr>|Route: <sip:d;lr>|" {
		t.Error(got)
	}
	if got := join(Routes(recorded, true)); got != "Route: <sip:d;lr>|Route: <sip:b,c;lr>|Route: <sip:a;lr>|" {
		t.Error(got)
	}
}

// A socket that takes everything and says nothing, and one that is closed.
func TestSilenceIsTold(t *testing.T) {
	mute, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	for transport, edge := range map[Transport]string{UDP: mute.LocalAddr().String(), TCP: "127.0.0.1:1"} {
		r, err := Place(t.Context(), Call{Edge: edge, Transport: transport, To: "1", Ring: 50 * time.Millisecond})
		if !errors.Is(err, ErrUnreachable) || r == nil || r.Code != 0 {
			t.Errorf("%s: %+v, %v", transport, r, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Place(gone, Call{Edge: mute.LocalAddr().String(), To: "1"}); err == nil {
		t.Error("a call that was given up before it began has succeeded")
	}
}
