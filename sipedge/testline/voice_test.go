package testline

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

var plain = Terms{RTP: netip.MustParseAddrPort("203.0.113.9:4000"), Law: sound.PCMA, Type: 8, Frame: 30 * time.Millisecond, Send: true, Receive: true}

// A voice keeps to its terms: payload type, frame and direction, also when they
// change in the middle; the stream stays one.
func TestVoiceKeepsToItsTerms(t *testing.T) {
	v := NewVoice(Line{}, Chance{1, 10, 100}, 0)
	v.Agree(plain, 0)
	var meter quality.Meter
	first := v.Speak(90*time.Millisecond, &meter, nil)
	if len(first) != 4 || first[0].PayloadType != 8 || len(first[0].Payload) != 240 || first[3].Timestamp != 100+3*240 {
		t.Fatalf("%d packets: %v", len(first), first)
	}
	held := plain
	held.Send = false
	v.Agree(held, 100*time.Millisecond)
	if n := len(v.Speak(500*time.Millisecond, &meter, nil)); n != 0 {
		t.Errorf("%d packets on hold", n)
	}
	shorter := plain
	shorter.Frame = 20 * time.Millisecond
	v.Agree(shorter, 510*time.Millisecond)
	again := v.Speak(510*time.Millisecond, &meter, nil)
	if len(again) != 1 || again[0].SequenceNumber != 14 || len(again[0].Payload) != 160 || !again[0].Marker || again[0].Timestamp < first[3].Timestamp+240 {
		t.Errorf("after hold: %v", again)
	}
}

// An echo is a stream of its own: whole where the caller's has gaps, and one
// although the caller begins anew.
func TestEchoIsOneStream(t *testing.T) {
	v := NewVoice(Line{Content: Echo}, Chance{1, 10, 100}, 0)
	v.Agree(plain, 0)
	var got []rtp.Packet
	for i, p := range []rtp.Header{
		{SSRC: 5, SequenceNumber: 1000, Timestamp: 9000, PayloadType: 8},
		{SSRC: 5, SequenceNumber: 1003, Timestamp: 9720, PayloadType: 8},
		{SSRC: 5, SequenceNumber: 1004, Timestamp: 9960, PayloadType: 18}, // was not agreed on
		{SSRC: 6, SequenceNumber: 7, Timestamp: 5, PayloadType: 8},
	} {
		got = v.Hear(&rtp.Packet{Header: p, Payload: []byte{byte(i)}}, 0, got)
	}
	if len(got) != 3 {
		t.Fatalf("%d packets came back", len(got))
	}
	for i, p := range got {
		if p.SSRC != 1 || p.SequenceNumber != uint16(10+i) {
			t.Errorf("packet %d is %v", i, p)
		}
	}
	if got[1].Timestamp-got[0].Timestamp != 720 || got[2].Timestamp-got[1].Timestamp != 160 {
		t.Errorf("timestamps %d, %d, %d", got[0].Timestamp, got[1].Timestamp, got[2].Timestamp)
	}
}

func TestHeard(t *testing.T) {
	r := quality.Report{Packets: 95, Expected: 100, Lost: 5, MeanJitter: 1500 * time.Microsecond, RoundTrip: 20 * time.Millisecond, DTMF: 2, MOS: 4.2}
	if got, want := Heard(&r), "packets=95;expected=100;lost=5;duplicates=0;reordered=0;jitter_ms=1.5;max_jitter_ms=0.0;round_trip_ms=20.0;dtmf=2;mos=4.20"; got != want {
		t.Errorf("got %s", got)
	}
	if got := PerMille(&r); got != "050" {
		t.Errorf("5 of 100 is read as %s", got)
	}
	if got := Heard(new(quality.Report)); got != "packets=0" {
		t.Errorf("nothing heard is %s", got)
	}
}
