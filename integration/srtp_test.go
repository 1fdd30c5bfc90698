package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

// Two softphones that are no work of ours agree on keys through the edge, in SDP or
// by DTLS beside the media, and hear each other: not a letter of what they say about
// keys has changed, and all else that they are told is the edge's.
func TestSoftphonesKeepTheirSecrets(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t, anchorEdits...)
	for _, c := range []struct {
		name, encryption, number, gateway string
		keys                              *regexp.Regexp // of an offer and of an answer
		profile, sealed                   string
	}{
		{"SDES", "srtp-mand", legacyNumber, "legacy-a", regexp.MustCompile(`^a=crypto:\d+ AES_\S+ inline:\S{40}`), "RTP/SAVP", "SRTP is Enabled"},
		{"DTLS", "dtls_srtp", speakopsNumber, "speakops-a", regexp.MustCompile(`^a=(fingerprint:SHA-256 [0-9A-F:]{95}|setup:\w+)$`), "UDP/TLS/RTP/SAVPF", "DTLS-SRTP complete (audio/RTP)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := l.For(t)
			callee := l.SoftphoneAt(l.GatewayPort(c.gateway), c.number, c.encryption, 700, "")
			caller := l.SoftphoneAt(lab.FreePort(t), "+14155550123", c.encryption, 1004, fmt.Sprintf("sip:%s@127.0.0.1:%d", c.number, l.Port("5060")))
			for _, p := range []*lab.Softphone{caller, callee} {
				p.Has(c.sealed)
				p.Has("terminated (duration")
			}
			for _, m := range []struct {
				name          string
				said, arrived []string
			}{
				{"offer", caller.SDP("INVITE sip:"), callee.SDP("INVITE sip:")},
				{"answer", callee.SDP("SIP/2.0 200 "), caller.SDP("SIP/2.0 200 ")},
			} {
				keys, got := matching(m.said, c.keys), matching(m.arrived, c.keys)
				if len(keys) == 0 || !slices.Equal(keys, got) {
					t.Errorf("the %s had %q, and %q has arrived", m.name, keys, got)
				}
				said, at := mediaLine(t, m.said)
				told, moved := mediaLine(t, m.arrived)
				if at == moved || moved < 31000 || moved > 32699 || said != told || !strings.HasPrefix(told, c.profile+" ") {
					t.Errorf("the %s asked for %q at port %d; what arrived, for %q at %d", m.name, said, at, told, moved)
				}
			}
			for _, ear := range []struct {
				*lab.Softphone
				mine, theirs float64
			}{{caller, 1004, 700}, {callee, 700, 1004}} {
				pcm := ear.Heard()
				if len(pcm) < sound.Rate {
					t.Fatalf("%s has heard %d samples", ear.Name, len(pcm))
				}
				pcm = pcm[len(pcm)/4 : len(pcm)*3/4] // the handshake and the end are silent
				if p := sound.Purity(pcm, ear.theirs); p < 20 {
					t.Errorf("%s: the tone of %.0f Hz stands %.1f dB above the rest", ear.Name, ear.theirs, p)
				}
				t.Logf("%s: %d samples, %.0f Hz at %.1f dBm0, %.0f Hz at %.1f", ear.Name, len(pcm), ear.theirs, sound.Heard(pcm, ear.theirs), ear.mine, sound.Heard(pcm, ear.mine))
			}
		})
	}
	lab.Until(t, 10*time.Second, "both calls to let go", func() bool { return edge.Metric("sipedge_media_calls") == 0 })
	for _, one := range mediaCDRs(t, l, 2) { // sealed packets are measured by their headers
		for _, s := range []stream{one.Media[0].FromCaller, one.Media[0].FromCallee} {
			if s.Packets < 50 || s.Lost != 0 || s.MOS < 4 || !slices.Equal(s.Types, []int{0}) {
				t.Errorf("%+v", s)
			}
		}
	}
}

func matching(lines []string, like *regexp.Regexp) (found []string) {
	for _, line := range lines {
		if like.MatchString(line) {
			found = append(found, line)
		}
	}
	return found
}

// mediaLine is the only m-line of a description: its port, and what stands behind it.
func mediaLine(t *testing.T, lines []string) (rest string, port int) {
	t.Helper()
	for _, line := range lines {
		var err error
		if text, found := strings.CutPrefix(line, "m=audio "); found {
			text, rest, _ = strings.Cut(text, " ")
			if port, err = strconv.Atoi(text); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			return rest, port
		}
	}
	t.Fatalf("no audio in %q", lines)
	return "", 0
}
