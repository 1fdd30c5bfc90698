package integration

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/media/quality"
)

// anchorEdits make the bench's trunk anchor.
var anchorEdits = anchoring("")

// anchoring is that with more to say about media. The ports lie above those that
// the bench hands out, and below the kernel's outgoing ones.
func anchoring(more string) []lab.Edit {
	return []lab.Edit{
		{Old: "    session_timer: transparent\n", New: "    session_timer: transparent\n    media: anchor\n    limits: { concurrent: 400 }\n"},
		{Old: "admin:\n", New: "media: { address: \"127.0.0.1\", ports: 31000-32699" + more + " }\n\nadmin:\n"},
	}
}

// heard is one packet as a phone took it.
type heard struct {
	at   time.Time
	data []byte
}

// handset is a phone whose signalling is SIPp's.
type handset struct {
	t    testing.TB
	conn *net.UDPConn
	to   netip.AddrPort
	seq  uint16

	mu  sync.Mutex
	got []heard
}

func newHandset(t testing.TB) *handset {
	t.Helper()
	port := lab.FreePort(t)
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	h := &handset{t: t, conn: c}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 2000)
		for {
			n, _, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			h.mu.Lock()
			h.got = append(h.got, heard{time.Now(), bytes.Clone(b[:n])})
			h.mu.Unlock()
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	return h
}

func (h *handset) port() int { return h.conn.LocalAddr().(*net.UDPAddr).Port }

func (h *handset) heard() []heard {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]heard(nil), h.got...)
}

// packet is the next packet of its stream.
func (h *handset) packet() []byte {
	h.seq++
	p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: h.seq, Timestamp: uint32(h.seq) * 160, SSRC: uint32(h.port())}, Payload: make([]byte, 160)}
	b, err := p.Marshal()
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (h *handset) sends(b []byte) { _, _ = h.conn.WriteToUDPAddrPort(b, h.to) }

// place is where the SDP of the last message that SIPp got says to send to.
var place = regexp.MustCompile(`(?s)message received.*?\nc=IN IP4 127\.0\.0\.1\r?\n.*?\nm=audio (\d+) `)

func (h *handset) told(s *lab.Sipp) {
	h.t.Helper()
	all := place.FindAllStringSubmatch(s.Messages(), -1)
	if len(all) == 0 {
		h.t.Fatalf("no SDP came to %s:\n%s", s.Name, s.Messages())
	}
	n, _ := strconv.Atoi(all[len(all)-1][1])
	if n < 31000 || n > 32699 {
		h.t.Fatalf("%s was told port %d, which is none of the edge's", s.Name, n)
	}
	h.to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(n))
}

// call sets a call up between two handsets, for at most so many milliseconds.
func call(l *lab.Lab, a, b *handset, hold int) (caller, gateway *lab.Sipp) {
	l.T.Helper()
	gateway = l.Gateway("legacy-a", "uas_media", 1, "-key", "rtp_port", strconv.Itoa(b.port()))
	caller = l.Call("uac_media", legacyNumber, "legacy-a", "-d", strconv.Itoa(hold), "-key", "rtp_port", strconv.Itoa(a.port()))
	gateway.Has("\nACK sip:")
	a.told(caller)
	b.told(gateway)
	return caller, gateway
}

// stream is one direction in a CDR, as far as tests ask.
type stream struct {
	Packets  int     `json:"packets"`
	Expected int     `json:"expected"`
	Lost     int     `json:"lost"`
	Jitter   float64 `json:"jitter_ms"`
	Max      float64 `json:"max_jitter_ms"`
	MOS      float64 `json:"mos"`
	Digits   int     `json:"dtmf"`
	Types    []int   `json:"payload_types"`
}

type mediaCDR struct {
	Kind  string `json:"kind"`
	Media []struct {
		FromCaller stream `json:"from_caller"`
		FromCallee stream `json:"from_callee"`
	} `json:"media"`
}

// mediaOf is the media of the only CDR.
func mediaOf(t testing.TB, l *lab.Lab) (fromCaller, fromCallee stream) {
	t.Helper()
	one := mediaCDRs(t, l, 1)[0]
	return one.Media[0].FromCaller, one.Media[0].FromCallee
}

// mediaCDRs waits for at least so many CDRs with media.
func mediaCDRs(t testing.TB, l *lab.Lab, n int) (found []mediaCDR) {
	t.Helper()
	lab.Until(t, 10*time.Second, fmt.Sprintf("%d CDRs with media", n), func() bool {
		found = nil
		_ = filepath.WalkDir(filepath.Join(l.Dir, "edge.data"), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil
			}
			b, _ := os.ReadFile(path)
			for line := range bytes.Lines(b) {
				var c mediaCDR
				if json.Unmarshal(line, &c) == nil && c.Kind == "cdr" && len(c.Media) > 0 {
					found = append(found, c)
				}
			}
			return nil
		})
		return len(found) >= n
	})
	return found
}

// A network that loses, repeats, exchanges and delays: what the CDR says of the
// stream is what tshark says of the packets that came out of the relay. Somebody
// sprays the ports meanwhile, and gets nothing.
func TestMediaThroughTheProgram(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t, anchorEdits...)
	a, b := newHandset(t), newHandset(t)
	caller, gateway := call(l, a, b, 6500)
	stopSpraying := spray(t, a.to, b.to)
	dice := rand.New(rand.NewPCG(6, 2))
	var talking sync.WaitGroup
	talking.Go(func() { // evenly, and whole
		for range 250 {
			b.sends(b.packet())
			time.Sleep(20 * time.Millisecond)
		}
	})
	var kept []byte
	for i := range 250 {
		p := a.packet()
		switch lost := dice.Float64(); {
		case i == 0 || i == 249:
			a.sends(p)
		case lost < 0.04:
		case lost < 0.06 && kept == nil:
			kept = p
		default:
			a.sends(p)
			if kept != nil { // behind its successor
				a.sends(kept)
				kept = nil
			}
		}
		time.Sleep(time.Duration(12+dice.IntN(17)) * time.Millisecond)
	}
	talking.Wait()
	if got := stopSpraying(); got != 0 {
		t.Errorf("the sprayer was sent %d packets", got)
	}
	caller.Passed()
	gateway.Passed()
	fromCaller, fromCallee := mediaOf(t, l)
	for _, c := range []struct {
		name string
		is   stream
		at   *handset
	}{{"caller", fromCaller, b}, {"callee", fromCallee, a}} {
		want := tshark(t, c.at.heard())
		t.Logf("from %s: CDR %+v, tshark %+v", c.name, c.is, want)
		if c.is.Packets != want.Packets || c.is.Lost != want.Lost {
			t.Errorf("from %s: the CDR says %+v, tshark %+v", c.name, c.is, want)
		}
		// Both measure at their own end of the relay, on a machine with other work.
		if math.Abs(c.is.Jitter-want.Jitter) > 1.5+0.1*want.Jitter {
			t.Errorf("from %s: mean jitter %.2f ms in the CDR, %.2f ms by tshark", c.name, c.is.Jitter, want.Jitter)
		}
	}
	if fromCaller.Lost == 0 || fromCaller.MOS == 0 || fromCaller.MOS >= fromCallee.MOS {
		t.Errorf("loss is heard: %+v beside %+v", fromCaller, fromCallee)
	}
	if n := edge.Metric("sipedge_media_ports"); n != 850 {
		t.Errorf("%v pairs of ports", n)
	}
}

// spray sends RTP to ports of the relay from an address of its own until it is
// stopped, and counts what comes back.
func spray(t *testing.T, targets ...netip.AddrPort) (stop func() int) {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 66)})
	if err != nil {
		t.Fatal(err)
	}
	ended, got := make(chan struct{}), make(chan int, 1)
	go func() {
		b := []byte{0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 66, 1, 2, 3, 4}
		home := netip.MustParseAddr("127.0.0.1")
		for {
			for _, to := range targets {
				_, _ = c.WriteToUDPAddrPort(b, to)
			}
			for port := 31000; port < 32700; port += 17 {
				_, _ = c.WriteToUDPAddrPort(b, netip.AddrPortFrom(home, uint16(port)))
			}
			select {
			case <-ended:
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}()
	go func() {
		n, b := 0, make([]byte, 2000)
		for {
			_, _, err := c.ReadFromUDPAddrPort(b)
			switch {
			case err == nil:
				n++
			case strings.Contains(err.Error(), "use of closed"):
				got <- n
				return
			} // else what a closed port answers
		}
	}()
	return func() int { close(ended); time.Sleep(20 * time.Millisecond); c.Close(); return <-got }
}

// tshark analyses packets as they came, the first source it finds in them.
func tshark(t testing.TB, packets []heard) (s stream) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "heard.pcap")
	if err := os.WriteFile(file, pcap(packets), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("tshark", "-n", "-r", file, "-o", "rtp.heuristic_rtp:TRUE", "-d", "udp.port==40000,rtp", "-q", "-z", "rtp,streams").CombinedOutput()
	if err != nil {
		t.Fatalf("tshark: %v; ./integration/test installs it\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		// Start End Src Port Dst Port SSRC Payload Pkts Lost (x%) ... Mean/Max jitter
		f := strings.Fields(line)
		for i, w := range f {
			if !strings.HasPrefix(w, "0x") || i+4 >= len(f) {
				continue
			}
			s.Packets, _ = strconv.Atoi(f[i+2])
			s.Lost, _ = strconv.Atoi(f[i+3])
			// Min, mean and max delta, then min, mean and max jitter.
			var numbers []float64
			for _, x := range f[i+5:] {
				if v, err := strconv.ParseFloat(x, 64); err == nil {
					numbers = append(numbers, v)
				}
			}
			if len(numbers) < 6 {
				t.Fatalf("cannot read tshark's line %q", line)
			}
			s.Jitter, s.Max = numbers[4], numbers[5]
			return s
		}
	}
	t.Fatalf("tshark found no stream:\n%s", out)
	return s
}

// pcap writes packets as a capture file of raw IPv4.
func pcap(packets []heard) []byte {
	le, be := binary.LittleEndian, binary.BigEndian
	b := le.AppendUint32(nil, 0xa1b23c4d) // with nanoseconds
	b = le.AppendUint16(le.AppendUint16(b, 2), 4)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(le.AppendUint32(b, 0), 0), 65535), 101)
	for _, p := range packets {
		n := len(p.data) + 28
		b = le.AppendUint32(b, uint32(p.at.Unix()))
		b = le.AppendUint32(b, uint32(p.at.Nanosecond()))
		b = le.AppendUint32(le.AppendUint32(b, uint32(n)), uint32(n))
		ip := make([]byte, 28)
		ip[0], ip[8], ip[9] = 0x45, 64, 17
		be.PutUint16(ip[2:], uint16(n))
		copy(ip[12:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
		be.PutUint16(ip[20:], 40002)
		be.PutUint16(ip[22:], 40000)
		be.PutUint16(ip[24:], uint16(len(p.data)+8))
		b = append(append(b, ip...), p.data...)
	}
	return b
}

// The meter and tshark see the same packets at the same instants, and come to
// the same figures.
func TestMeterAgreesWithTshark(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(7, 11))
	var m quality.Meter
	var all []heard
	began := time.Unix(1_700_000_000, 0)
	at := time.Duration(0)
	for i := range uint16(3000) {
		if dice.Float64() < 0.03 && i > 0 && i < 2999 {
			continue
		}
		p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: 64000 + i, Timestamp: uint32(i) * 160, SSRC: 99}, Payload: make([]byte, 160)}
		b, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		at = max(at+time.Microsecond, time.Duration(i)*20*time.Millisecond+time.Duration(dice.ExpFloat64()*float64(6*time.Millisecond)))
		m.RTP(b, at)
		all = append(all, heard{began.Add(at), b})
	}
	r, want := m.Report(), tshark(t, all)
	mean, most := float64(r.MeanJitter)/1e6, float64(r.MaxJitter)/1e6
	t.Logf("meter: %d packets, %d lost, jitter %.3f, max %.3f; tshark %+v", r.Packets, r.Lost, mean, most, want)
	if int(r.Packets) != want.Packets || int(r.Lost) != want.Lost || r.Lost == 0 {
		t.Errorf("meter: %d packets, %d lost; tshark: %d, %d", r.Packets, r.Lost, want.Packets, want.Lost)
	}
	if math.Abs(mean-want.Jitter) > 0.02*want.Jitter || math.Abs(most-want.Max) > 0.02*want.Max {
		t.Errorf("jitter %.3f, max %.3f ms; tshark %.3f, %.3f", mean, most, want.Jitter, want.Max)
	}
}

// SIPp sends and takes the media itself.
func TestSippTalksThroughTheRelay(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t, anchorEdits...)
	if err := os.WriteFile(filepath.Join(l.Dir, "tone.raw"), bytes.Repeat([]byte{0xff, 0x80}, 4000), 0o644); err != nil {
		t.Fatal(err)
	}
	gateway := l.Gateway("legacy-a", "uas_rtp", 3)
	caller := l.Call("uac_rtp", legacyNumber, "legacy-a", "-d", "2500", "-m", "3")
	caller.Passed()
	gateway.Passed()
	fromCaller, fromCallee := mediaOf(t, l)
	for name, s := range map[string]stream{"caller": fromCaller, "callee": fromCallee} {
		if s.Packets < 100 || s.Lost != 0 || s.MOS < 4 {
			t.Errorf("from %s: %+v", name, s)
		}
	}
	if n := edge.Metric("sipedge_media_calls"); n != 0 {
		t.Errorf("%v calls are anchored still", n)
	}
}

// SIPp plays captures that Debian's package brings: a digit, and a voice. Every packet
// comes back through the relay, and the edge has seen the digit both ways.
func TestSippPlaysCaptures(t *testing.T) {
	t.Parallel()
	l, _ := lab.Open(t, anchorEdits...)
	gateway := l.Gateway("legacy-a", "uas_echo", 1, "-rtp_echo")
	caller := l.Call("uac_pcap", legacyNumber, "legacy-a", "-d", "1500")
	caller.Passed()
	gateway.Passed()
	fromCaller, fromCallee := mediaOf(t, l)
	for name, s := range map[string]stream{"caller": fromCaller, "callee": fromCallee} {
		if s.Packets < 50 || s.Lost != 0 || s.Digits != 1 || !slices.Equal(s.Types, []int{8, 101}) {
			t.Errorf("from %s: %+v", name, s)
		}
	}
}
