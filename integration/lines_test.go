package integration

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

// linesEdits give the bench's edge test lines, whose ports lie beside those of
// anchored calls.
var linesEdits = []lab.Edit{
	{Old: "defaults: {", New: "  - { id: lines, authority: speakops, builtin: testline }\ndefaults: {"},
	{Old: "admin:\n", New: "media: { address: \"127.0.0.1\", ports: 30000-30998 }\n\nadmin:\n"},
}

// SIPp sends its own RTP to lines and takes theirs: nothing is lost, the line and
// the record agree about it, and every port comes back.
func TestLinesTalkToSipp(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t, linesEdits...)
	if err := os.WriteFile(filepath.Join(l.Dir, "tone.raw"), bytes.Repeat([]byte{0xff, 0x80}, 4000), 0o644); err != nil {
		t.Fatal(err)
	}
	echo := l.CallAt("127.0.0.1", "uac_line", "-s", "echo", "-d", "2500", "-m", "3")
	meter := l.CallAt("127.0.0.1", "uac_line", "-s", "meter.answer-after-1", "-d", "2500", "-m", "2")
	echo.Passed()
	meter.Passed()
	fromCaller, fromCallee := mediaOf(t, l)
	for name, s := range map[string]stream{"caller": fromCaller, "callee": fromCallee} {
		if s.Packets < 100 || s.Lost != 0 || s.MOS < 4 {
			t.Errorf("from %s: %+v", name, s)
		}
	}
	lab.Until(t, 10*time.Second, "the ports' return", func() bool {
		_, body := edge.Get("/metrics")
		return strings.Contains(body, "sipedge_media_ports{state=\"used\"} 0\n")
	})
}

// What a line says, as tshark sees it and Goertzel hears it: the codec that was
// offered, evenly and whole, 1004 Hz at 0 dBm0.
func TestLinesSoundRight(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t, linesEdits...)
	for _, law := range []sound.Law{sound.PCMU, sound.PCMA} {
		t.Run(law.String(), func(t *testing.T) {
			h := newHandset(t)
			caller := l.CallAt("127.0.0.1", "uac_line_media", "-s", "milliwatt", "-d", "3000", "-m", "1", "-key", "rtp_port", strconv.Itoa(h.port()), "-key", "law", strconv.Itoa(int(law)))
			caller.Passed()
			packets := h.heard()
			var pcm []int16
			for _, p := range packets {
				var one rtp.Packet
				if err := one.Unmarshal(p.data); err != nil {
					t.Fatal(err)
				}
				if one.PayloadType != uint8(law) {
					t.Fatalf("payload type %d", one.PayloadType)
				}
				pcm = law.Decode(pcm, one.Payload)
			}
			seen := tshark(t, packets)
			if seen.Packets != len(packets) || seen.Packets < 100 || seen.Lost != 0 {
				t.Errorf("tshark sees %+v of %d packets", seen, len(packets))
			}
			if level := sound.Heard(pcm, 1004); math.Abs(level) > 0.2 {
				t.Errorf("1004 Hz has %.2f dBm0", level)
			}
			if p := sound.Purity(pcm, 1004); p < 30 {
				t.Errorf("the tone stands %.1f dB above the rest", p)
			}
		})
	}
}
