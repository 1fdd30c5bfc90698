package testline

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	psdp "github.com/pion/sdp/v3"
	"pgregory.net/rapid"

	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

var here = Place{netip.MustParseAddr("192.0.2.1"), 30000}

func offerOf(lines ...string) []byte {
	return []byte(strings.Join(append([]string{"v=0", "o=- 1 1 IN IP4 203.0.113.9", "s=-", "c=IN IP4 203.0.113.9", "t=0 0"}, lines...), "\r\n") + "\r\n")
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		offer []string
		want  string // of the m-lines
		law   sound.Law
		frame time.Duration
	}{
		"both laws":     {[]string{"m=audio 4000 RTP/AVP 8 0"}, "m=audio 30000 RTP/AVP 8|a=rtpmap:8 PCMA/8000|a=ptime:20|a=sendrecv", sound.PCMA, 20 * time.Millisecond},
		"only G.729":    {[]string{"m=audio 4000 RTP/AVP 18"}, "", 0, 0},
		"opus too":      {[]string{"m=audio 4000 RTP/AVP 111 0 96", "a=rtpmap:111 opus/48000/2", "a=rtpmap:96 telephone-event/8000", "a=rtcp-mux", "a=ptime:30"}, "m=audio 30000 RTP/AVP 0 96|a=rtpmap:0 PCMU/8000|a=rtpmap:96 telephone-event/8000|a=fmtp:96 0-15|a=ptime:30|a=sendrecv|a=rtcp-mux", sound.PCMU, 30 * time.Millisecond},
		"video beside":  {[]string{"m=video 5000 RTP/AVP 96", "a=rtpmap:96 VP8/90000", "a=mid:v", "m=audio 4000 RTP/AVP 0", "a=mid:a", "a=sendonly"}, "m=video 0 RTP/AVP 96|a=mid:v|m=audio 30000 RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=ptime:20|a=recvonly|a=mid:a", sound.PCMU, 20 * time.Millisecond},
		"two audios":    {[]string{"m=audio 4000 RTP/AVP 0", "m=audio 4002 RTP/AVP 8"}, "m=audio 30000 RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=ptime:20|a=sendrecv|m=audio 0 RTP/AVP 8", sound.PCMU, 20 * time.Millisecond},
		"secure":        {[]string{"m=audio 4000 RTP/SAVP 0"}, "", 0, 0},
		"own number":    {[]string{"m=audio 4000 RTP/AVP 97", "a=rtpmap:97 PCMA/8000"}, "m=audio 30000 RTP/AVP 97|a=rtpmap:97 PCMA/8000|a=ptime:20|a=sendrecv", sound.PCMA, 20 * time.Millisecond},
		"odd ptime":     {[]string{"m=audio 4000 RTP/AVP 0", "a=ptime:7", "a=maxptime:10"}, "m=audio 30000 RTP/AVP 0|a=rtpmap:0 PCMU/8000|a=ptime:10|a=sendrecv", sound.PCMU, 10 * time.Millisecond},
		"wideband PCMU": {[]string{"m=audio 4000 RTP/AVP 98", "a=rtpmap:98 PCMU/16000"}, "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := session{place: here, id: 7}
			b, terms, err := s.answer(offerOf(c.offer...), &sdp.Policy{})
			if c.want == "" {
				if err == nil {
					t.Fatalf("answered with\n%s", b)
				}
				return
			}
			_, got, _ := strings.Cut(string(b), "t=0 0\r\n")
			if got = strings.ReplaceAll(strings.TrimSuffix(got, "\r\n"), "\r\n", "|"); err != nil || got != c.want {
				t.Errorf("%v\n got %s\nwant %s", err, got, c.want)
			}
			if terms.Law != c.law || terms.Frame != c.frame {
				t.Errorf("%v every %v", terms.Law, terms.Frame)
			}
		})
	}
}

// Whatever is offered, the answer has as many m-lines, in order, and at most one
// of them in use; its direction mirrors the offer's.
func TestAnswerFitsItsOffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines []string
		n := rapid.IntRange(1, 5).Draw(t, "lines")
		for range n {
			kind := rapid.SampledFrom([]string{"audio", "video", "image"}).Draw(t, "kind")
			proto := rapid.SampledFrom([]string{"RTP/AVP", "RTP/SAVP", "udptl", "TCP/BFCP", "UDP/TLS/RTP/SAVPF"}).Draw(t, "proto")
			port := rapid.SampledFrom([]int{0, 4000, 5000}).Draw(t, "port")
			lines = append(lines, fmt.Sprintf("m=%s %d %s %s", kind, port, proto, rapid.SampledFrom([]string{"0", "8 0", "18", "96 0"}).Draw(t, "formats")))
			if d := rapid.SampledFrom([]string{"", "sendrecv", "sendonly", "recvonly", "inactive"}).Draw(t, "direction"); d != "" {
				lines = append(lines, "a="+d)
			}
		}
		s := session{place: here, id: 7}
		offer := offerOf(lines...)
		b, terms, err := s.answer(offer, &sdp.Policy{})
		if err != nil {
			return
		}
		var offered, answered psdp.SessionDescription
		if offered.Unmarshal(offer) != nil || answered.Unmarshal(b) != nil {
			t.Fatalf("cannot be read:\n%s", b)
		}
		if len(answered.MediaDescriptions) != n {
			t.Fatalf("%d m-lines for %d", len(answered.MediaDescriptions), n)
		}
		used := 0
		for i, md := range answered.MediaDescriptions {
			was := offered.MediaDescriptions[i]
			if md.MediaName.Media != was.MediaName.Media || strings.Join(md.MediaName.Protos, "/") != strings.Join(was.MediaName.Protos, "/") {
				t.Fatalf("m-line %d is %s for %s", i, &md.MediaName, &was.MediaName)
			}
			if md.MediaName.Port.Value == 0 {
				continue
			}
			used++
			_, sendonly := was.Attribute("sendonly")
			_, recvonly := was.Attribute("recvonly")
			_, inactive := was.Attribute("inactive")
			if terms.Send != !(sendonly || inactive) || terms.Receive != !(recvonly || inactive) {
				t.Fatalf("terms %+v for\n%s", terms, offer)
			}
		}
		if used != 1 {
			t.Fatalf("%d m-lines in use:\n%s", used, b)
		}
	})
}

// The version grows when something has changed, and only then.
func TestVersionOfDescriptions(t *testing.T) {
	s := session{place: here, id: 7}
	say := func(lines ...string) string {
		b, _, err := s.answer(offerOf(lines...), &sdp.Policy{})
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(b), "o=- 7 ")
		version, _, _ := strings.Cut(rest, " ")
		return version
	}
	got := say("m=audio 4000 RTP/AVP 0") + say("m=audio 4000 RTP/AVP 0") + say("m=audio 4000 RTP/AVP 0", "a=sendonly") + say("m=audio 4000 RTP/AVP 0", "a=sendonly") + say("m=audio 4000 RTP/AVP 0")
	if got != "11223" {
		t.Errorf("versions %s", got)
	}
	if !strings.Contains(string(s.again()), "o=- 7 3 ") {
		t.Errorf("said again:\n%s", s.again())
	}
}
