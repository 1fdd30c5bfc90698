package quality

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"pgregory.net/rapid"
)

const ms = time.Millisecond

// packet is a packet of G.711 as pion writes it.
func packet(t testing.TB, pt uint8, seq uint16, stamp, ssrc uint32, payload int) []byte {
	t.Helper()
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: pt, SequenceNumber: seq, Timestamp: stamp, SSRC: ssrc}, Payload: make([]byte, payload)}
	b, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// speech feeds packets 20 ms apart from an instant on, and tells the next one.
func speech(t testing.TB, m *Meter, from time.Duration, seq uint16, n int) (time.Duration, uint16) {
	t.Helper()
	for range n {
		m.RTP(packet(t, 0, seq, uint32(seq)*160, 7, 160), from)
		seq, from = seq+1, from+20*ms
	}
	return from, seq
}

func TestAPerfectStream(t *testing.T) {
	var m Meter
	speech(t, &m, 5*time.Second, 65500, 500) // it wraps
	r := m.Report()
	if r.Packets != 500 || r.Expected != 500 || r.Lost+r.Duplicates+r.Reordered != 0 || r.Jitter != 0 || r.MaxJitter != 0 {
		t.Errorf("%+v", r)
	}
	if r.First != 5*time.Second || r.Last != 5*time.Second+499*20*ms || r.SSRC != 7 || !slices.Equal(r.PayloadTypes, []uint8{0}) {
		t.Errorf("%+v", r)
	}
	if r.MOS < 4.39 || r.MOS > 4.41 { // R 92.72: toll quality by G.107
		t.Errorf("MOS %.3f", r.MOS)
	}
}

func TestSequences(t *testing.T) {
	for _, c := range []struct {
		name                           string
		seqs                           []uint16
		expected, lost, dup, reordered uint64
	}{
		{"a gap", []uint16{1, 2, 5, 6}, 6, 2, 0, 0},
		{"a gap over the wrap", []uint16{65534, 65535, 2, 3}, 6, 2, 0, 0},
		{"a duplicate", []uint16{1, 2, 2, 3}, 3, 0, 1, 0},
		{"a late duplicate", []uint16{1, 2, 3, 4, 2}, 4, 0, 1, 0},
		{"reordered", []uint16{1, 3, 2, 4}, 4, 0, 0, 1},
		{"reordered over the wrap", []uint16{65535, 1, 0, 2}, 4, 0, 0, 1},
		{"earlier than the first", []uint16{10, 9, 11}, 3, 0, 0, 1},
		{"one stray number is not believed", []uint16{1, 2, 40000, 3, 4}, 4, 0, 0, 0},
		{"a source that begins anew", []uint16{1, 2, 40000, 40001, 40003}, 6, 1, 0, 0},
		{"a burst longer than the window", []uint16{1, 100, 101}, 101, 98, 0, 0},
		{"later than the window is no duplicate", []uint16{1, 100, 20}, 100, 97, 0, 1},
	} {
		var m Meter
		for i, n := range c.seqs {
			m.RTP(packet(t, 0, n, uint32(n)*160, 7, 160), time.Duration(i)*20*ms)
		}
		r := m.Report()
		if r.Expected != c.expected || r.Lost != c.lost || r.Duplicates != c.dup || r.Reordered != c.reordered {
			t.Errorf("%s: expected %d, lost %d, duplicates %d, reordered %d; want %d, %d, %d, %d", c.name,
				r.Expected, r.Lost, r.Duplicates, r.Reordered, c.expected, c.lost, c.dup, c.reordered)
		}
	}
}

// Whatever the network drops, repeats and exchanges, a book with one line per
// packet comes to the same figures.
func TestAnyNetwork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Meter
		first := rapid.Uint16().Draw(t, "first")
		var sent []uint16
		for i := range uint16(rapid.IntRange(2, 300).Draw(t, "packets")) {
			switch rapid.IntRange(0, 9).Draw(t, "fate") {
			case 0: // lost
			case 1:
				sent = append(sent, first+i, first+i)
			default:
				sent = append(sent, first+i)
			}
		}
		for range rapid.IntRange(0, 20).Draw(t, "swaps") {
			if len(sent) < 2 {
				break
			}
			i := rapid.IntRange(0, len(sent)-2).Draw(t, "swap")
			sent[i], sent[i+1] = sent[i+1], sent[i]
		}
		if len(sent) == 0 {
			return
		}
		seen := map[uint16]bool{}
		low, high, dups := math.MaxInt, 0, uint64(0)
		for i, n := range sent {
			m.Packet(&rtp.Header{}, rawPacket(n), time.Duration(i)*20*ms)
			if seen[n] {
				dups++
			}
			seen[n] = true
			low, high = min(low, int(n-first)), max(high, int(n-first))
		}
		r := m.Report()
		if r.Duplicates != dups || r.Packets != uint64(len(sent)) {
			t.Fatalf("%d duplicates of %d packets, want %d of %d", r.Duplicates, r.Packets, dups, len(sent))
		}
		// Packets from before the first that arrived are no part of the expected ones.
		before := uint64(int(sent[0]-first) - low)
		if whole := uint64(high - low + 1); r.Expected > whole || r.Expected+before < whole {
			t.Fatalf("expected %d of %d, %d of them before the first", r.Expected, whole, before)
		}
		if before == 0 && r.Lost != uint64(high-low+1-len(seen)) {
			t.Fatalf("lost %d, want %d", r.Lost, high-low+1-len(seen))
		}
	})
}

func rawPacket(seq uint16) []byte {
	b := make([]byte, 172)
	b[0], b[2], b[3], b[11] = 0x80, byte(seq>>8), byte(seq), 7
	return b
}

// The reference is the C of RFC 3550 appendix A.8 in integers, with the scaled estimate.
func TestJitterIsThatOfTheStandard(t *testing.T) {
	var m Meter
	var scaled, transit int
	delays := []time.Duration{0, 3, 9, 1, 0, 14, 2, 2, 2, 30, 0, 0, 5, 1, 8, 8, 0, 19, 4, 0}
	for i := range 400 {
		at := time.Duration(i)*20*ms + delays[i%len(delays)]*ms
		m.RTP(packet(t, 8, uint16(i), uint32(i)*160, 7, 160), at)
		arrival := int(at * 8000 / time.Second)
		now := arrival - i*160
		if i > 0 {
			d := now - transit
			if d < 0 {
				d = -d
			}
			scaled += d - (scaled+8)>>4
		}
		transit = now
	}
	want := time.Duration(scaled>>4) * time.Second / 8000
	got := m.Report().Jitter
	if d := got - want; d < -250*time.Microsecond || d > 250*time.Microsecond { // two ticks of 125 us
		t.Errorf("jitter %s, the standard's code says %s", got, want)
	}
	if got < 2*ms {
		t.Errorf("jitter %s of a network that is worse", got)
	}
}

func TestClockRatesComeFromSDP(t *testing.T) {
	run := func(formats []Format) time.Duration {
		var m Meter
		m.Describe(formats)
		for i := range 100 {
			m.RTP(packet(t, 111, uint16(i), uint32(i)*960, 7, 80), time.Duration(i)*20*ms)
		}
		return m.Report().Jitter
	}
	if j := run([]Format{{111, "opus", 48000}}); j != 0 {
		t.Errorf("jitter %s at 48 kHz", j)
	}
	if j := run(nil); j < 10*ms {
		t.Errorf("jitter %s: the clock of the default cannot fit", j)
	}
}

func TestTelephoneEventsCountOnceAndJitterNothing(t *testing.T) {
	var m Meter
	m.Describe([]Format{{101, "Telephone-Event", 8000}})
	at, seq := speech(t, &m, 0, 1, 60)
	for digit := range uint32(3) {
		stamp := uint32(seq) * 160
		for range 8 {
			m.RTP(packet(t, 101, seq, stamp, 7, 4), at)
			seq, at = seq+1, at+20*ms
		}
		at, seq = speech(t, &m, at, seq, int(10+digit))
	}
	r := m.Report()
	if r.DTMF != 3 || r.MaxJitter != 0 || r.Lost != 0 || !slices.Equal(r.PayloadTypes, []uint8{0, 101}) {
		t.Errorf("%+v", r)
	}
}

func TestANewSourceIsCountedAndNotTakenForLoss(t *testing.T) {
	var m Meter
	speech(t, &m, 0, 1, 100)
	for i := range uint16(100) {
		m.RTP(packet(t, 0, 30000+i, 77+uint32(i)*160, 9, 160), 2*time.Second+time.Duration(i)*20*ms)
	}
	r := m.Report()
	if r.SSRCChanges != 1 || r.SSRC != 9 || r.Expected != 200 || r.Lost != 0 || r.MaxJitter != 0 {
		t.Errorf("%+v", r)
	}
}

func TestMalformedPacketsAreCountedAndNothingElse(t *testing.T) {
	var m Meter
	for _, b := range [][]byte{
		{}, {0x80}, {0x80, 0, 0, 1}, make([]byte, 12), // version 0
		{0x8f, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7},                         // 15 CSRCs that are not there
		{0x90, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0xff, 0xff}, // an extension of 256 kB
		{0x80, 200, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7},                       // a sender report
	} {
		m.RTP(b, 0)
	}
	if r := m.Report(); r.Malformed != 7 || r.Packets != 0 || r.Expected != 0 {
		t.Errorf("%+v", r)
	}
}

func TestRoundTrip(t *testing.T) {
	var m Meter
	sr, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 1, NTPTime: 0x11223344_55667788}})
	if err != nil {
		t.Fatal(err)
	}
	m.SentRTCP(sr, 10*time.Second)
	rr, err := rtcp.Marshal([]rtcp.Packet{&rtcp.ReceiverReport{SSRC: 2, Reports: []rtcp.ReceptionReport{
		{SSRC: 1, FractionLost: 64, Jitter: 80, LastSenderReport: 0x33445566, Delay: 65536}, // it lay there a second
	}}})
	if err != nil {
		t.Fatal(err)
	}
	m.RTCP(rr, 11*time.Second+84*ms)
	r := m.Report()
	if d := r.RoundTrip - 84*ms; d < -ms || d > ms {
		t.Errorf("round trip %s", r.RoundTrip)
	}
	if r.FarReports != 1 || r.FarLost != 0.25 || r.FarJitter != 10*ms {
		t.Errorf("%+v", r)
	}
	m.RTCP(rr, 9*time.Second) // before it was asked
	m.RTCP([]byte{0x80, 201, 0, 1, 0, 0, 0, 1, 0xff}, 12*time.Second)
	if again := m.Report(); again.RoundTrip != r.RoundTrip {
		t.Errorf("round trip %s", again.RoundTrip)
	}
}

// The scores were worked out by hand from the formula in the comment of MOS.
func TestMOS(t *testing.T) {
	for _, c := range []struct {
		loss         float64
		jitter, trip time.Duration
		g729         bool
		want         float64
	}{
		{0, 0, 0, false, 4.40},
		{0.01, 0, 0, false, 4.32},
		{0.05, 0, 0, false, 3.90},
		{0.20, 0, 0, false, 2.61},
		{0, 0, 600 * ms, false, 3.59},
		{0, 0, 0, true, 4.09},
		{1, 0, 0, false, 1.17},
	} {
		if got := MOS(c.loss, c.jitter, c.trip, c.g729); math.Abs(got-c.want) > 0.02 {
			t.Errorf("%.0f %% lost, jitter %s, round trip %s, G.729 %v: %.2f, want %.2f", 100*c.loss, c.jitter, c.trip, c.g729, got, c.want)
		}
	}
	last := 5.0
	for loss := 0.0; loss <= 1; loss += 0.01 {
		now := MOS(loss, 0, 0, false)
		if now > last || now < 1 {
			t.Errorf("%.0f %% lost: %.3f after %.3f", 100*loss, now, last)
		}
		last = now
	}
}

func TestAPacketCostsNoMemory(t *testing.T) {
	var m Meter
	var h rtp.Header
	b := packet(t, 0, 1, 160, 7, 160)
	n := uint16(0)
	if got := testing.AllocsPerRun(1000, func() {
		n++
		b[2], b[3] = byte(n>>8), byte(n)
		m.Packet(&h, b, time.Duration(n)*20*ms)
	}); got != 0 {
		t.Errorf("%.1f allocations per packet", got)
	}
}

func BenchmarkPacket(b *testing.B) {
	var m Meter
	var h rtp.Header
	p := packet(b, 0, 1, 160, 7, 160)
	for i := range b.N {
		p[2], p[3] = byte(i>>8), byte(i)
		m.Packet(&h, p, time.Duration(i)*20*ms)
	}
}

func FuzzMeter(f *testing.F) {
	f.Add(rawPacket(1), rawPacket(2))
	f.Add([]byte{0xb0, 13, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x10, 0xff, 0, 0, 9}, []byte{0x81, 201, 0, 7})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var m Meter
		for i, p := range [][]byte{a, b, a, b} {
			m.RTP(p, time.Duration(i)*20*ms)
			m.RTCP(p, time.Duration(i)*20*ms)
			m.SentRTCP(p, time.Duration(i)*20*ms)
		}
		r := m.Report()
		if r.Packets+r.Malformed != 4 || r.Lost > r.Expected || r.Jitter < 0 {
			t.Errorf("%+v", r)
		}
	})
}
