package hep

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

const invite = "INVITE sip:+12025550143@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.100;branch=z9hG4bKx\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@y>\r\n" +
	"Call-ID: abc\r\nCSeq: 1 INVITE\r\nAuthorization: Digest username=\"topsecret\"\r\nContent-Length: 0\r\n\r\n"

var (
	at     = time.Date(2026, 3, 1, 10, 0, 0, 123456789, time.UTC)
	peer4  = netip.MustParseAddrPort("192.0.2.100:5060")
	local4 = netip.MustParseAddrPort("192.0.2.1:5080")
	peer6  = netip.MustParseAddrPort("[2001:db8::9]:5060")
	local6 = netip.MustParseAddrPort("[2001:db8::1]:5070")
)

// aTape is a tape with sockets of both families, and what takes from it.
func aTape(ringBytes int) (*ladder.Tape, *ladder.Tail) {
	s := ladder.New(ladder.Options{RingBytes: ringBytes, Epoch: at})
	s.SetListeners([]ladder.Listener{{Name: "four", Local: local4}, {Name: "six", Local: local6}})
	return s.Tape(0), s.Tail()
}

// heard is a message that came over UDP.
func heard(raw string) *ladder.Message { return &ladder.Message{Peer: peer4, Raw: []byte(raw)} }

// run lets a Sender work until the test is over.
func run(t *testing.T, o Options) *Sender {
	s := New(o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	return s
}

// What is sent is read by sngrep, a Homer agent that is not ours, which writes
// it down as a capture; what that says is asked of tshark.
func TestHEPIsReadBySngrep(t *testing.T) {
	for _, tool := range []string{"sngrep", "tshark"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is needed: apt-get install %s", tool, tool)
		}
	}
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "seen.pcap")
	homer := exec.Command("sngrep", "-F", "-N", "-q", "-L", fmt.Sprintf("udp:127.0.0.1:%d", port), "-O", file)
	var said strings.Builder
	homer.Stdout, homer.Stderr = &said, &said
	if err := homer.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- homer.Wait() }()
	defer func() { homer.Process.Kill(); <-ended }()

	tape, tail := aTape(1 << 20)
	run(t, Options{Address: fmt.Sprintf("127.0.0.1:%d", port), Agent: 2001, Node: "edge-1", Tail: tail})
	call := records.CallID{1, 2, 3}
	var out []byte
	// It tells nobody when it is ready: the two messages are sent until they are seen.
	for tries := 0; tries < 100 && (!strings.Contains(string(out), "|5070|5060|") || !strings.Contains(string(out), "192.0.2.100")); tries++ {
		tape.Message(call, heard(invite))
		tape.Message(call, &ladder.Message{Out: true, Proto: uint8(transport.TCP), Listener: 1, Peer: peer6, Raw: []byte(invite)})
		time.Sleep(100 * time.Millisecond)
		if tries%5 == 4 {
			out, _ = exec.Command("tshark", "-r", file, "-d", "udp.port==5080,sip", "-T", "fields", "-E", "separator=|", "-e", "ip.src", "-e", "ip.dst", "-e", "ipv6.src", "-e", "ipv6.dst",
				"-e", "udp.srcport", "-e", "udp.dstport", "-e", "tcp.srcport", "-e", "frame.time_epoch", "-e", "sip.Method", "-e", "sip.auth", "-e", "_ws.malformed").Output()
		}
	}
	t.Logf("%s%s", out, said.String())
	for _, want := range []string{
		"192.0.2.100|192.0.2.1|||5060|5080||1772359200.123456000|INVITE|", "|5070|5060||1772359200.123456000|INVITE|", // it shows no IPv6 addresses
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(string(out), "topsecret") || strings.Contains(string(out), "Malformed") {
		t.Error("a secret went to Homer, or what came is malformed")
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// What a Sender writes is what Append does: packets between addresses of one family
// or of both, over UDP and a stream, with any payload.
func TestFormsArePackets(t *testing.T) {
	call := records.CallID{1, 2, 3, 11: 255}
	for _, password := range []string{"", "secret"} {
		s := New(Options{Agent: 2001, Node: "edge-1", Password: password})
		for _, way := range [][2]netip.AddrPort{{peer4, local4}, {peer6, local6}, {peer4, local6}, {peer6, local4}, {peer4, {}}} {
			for i, payload := range []string{"", invite, strings.Repeat("x", MaxPayload+1)} {
				m := ladder.Taken{Call: call, Nanos: at.UnixNano(), Local: way[1], Message: ladder.Message{Out: i == 1, Proto: uint8(i % 2), Peer: way[0], Raw: []byte(payload)}}
				p := Packet{At: at, From: way[0], To: way[1], TCP: transport.Proto(m.Proto) != transport.UDP, Agent: 2001, Node: "edge-1", Password: password,
					Call: hex.AppendEncode(nil, call[:]), Payload: m.Raw}
				if m.Out {
					p.From, p.To = p.To, p.From
				}
				s.batch = s.batch[:0]
				if s.add(&m); !bytes.Equal(s.batch, Append(nil, &p)) {
					t.Errorf("%v, %d bytes:\n%.200q\n%.200q", way, len(payload), s.batch, Append(nil, &p))
				}
			}
		}
	}
}

// The chunks of IPv6, which sngrep does not show.
func TestIPv6Chunks(t *testing.T) {
	p := Packet{At: at, From: peer6, To: local6, TCP: true, Payload: []byte("x")}
	got := fmt.Sprintf("%x", Append(nil, &p))
	for _, chunk := range []string{"0000000100070a", "00000002000706", "00000005001620010db8000000000000000000000009", "00000006001620010db8000000000000000000000001", "000000070008" + "13c4", "0000000f000778"} {
		if !strings.Contains(got, chunk) {
			t.Errorf("no chunk %s in %s", chunk, got)
		}
	}
	if want := fmt.Sprintf("48455033%04x", len(got)/2); !strings.HasPrefix(got, want) {
		t.Errorf("begins with %s, want %s", got[:12], want)
	}
}

// Nobody is there, or the name does not resolve: nothing waits, and what is lost
// is counted.
func TestWithoutHomerMessagesAreCounted(t *testing.T) {
	tape, tail := aTape(1 << 20)
	s := run(t, Options{Address: "nowhere:1", Tail: tail, Dial: func(context.Context, string) (net.Conn, error) { return nil, fmt.Errorf("no such host") }})
	for range 100 {
		tape.Message(records.CallID{1}, heard(invite))
	}
	for s.Stats().Lost < 100 {
		time.Sleep(time.Millisecond)
	}
	if st := s.Stats(); st.Sent != 0 || st.Lost != 100 || st.Error != "no such host" || len(s.batch) != 0 {
		t.Errorf("%+v", st)
	}
}

// Messages that wait leave together, whole and in order, over either family.
func TestManyLeaveTogether(t *testing.T) {
	for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
		homer, err := net.ListenPacket("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer homer.Close()
		tape, tail := aTape(1 << 20)
		const n = 150
		for i := range n {
			tape.Message(records.CallID{1}, heard(fmt.Sprintf("MESSAGE %d", i)))
		}
		s := run(t, Options{Address: homer.LocalAddr().String(), Tail: tail})
		homer.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 1<<16)
		for i := range n {
			size, _, err := homer.ReadFrom(b)
			if err != nil || !strings.HasSuffix(string(b[:size]), fmt.Sprintf("MESSAGE %d", i)) {
				t.Fatalf("packet %d over %s: %v, ends with %q", i, at, err, b[max(0, size-12):size])
			}
		}
		for s.Stats().Sent < n {
			time.Sleep(time.Millisecond)
		}
		if st := s.Stats(); st.Sent != n || st.Lost != 0 || st.Error != "" {
			t.Errorf("%+v", st)
		}
	}
}

// Messages wait for others to leave with, unless there are so many that the ring
// would come round before they left.
func TestAFullRingDoesNotWait(t *testing.T) {
	for n, want := range map[int]time.Duration{1: patient, 1500: 0} {
		synctest.Test(t, func(t *testing.T) {
			homer, us := net.Pipe()
			tape, tail := aTape(1 << 20)
			s := New(Options{Tail: tail, Dial: func(context.Context, string) (net.Conn, error) { return us, nil }})
			for range n {
				tape.Message(records.CallID{1}, heard(invite))
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			begun := time.Now()
			go func() { s.Run(ctx); close(done) }()
			b := make([]byte, 4)
			if _, err := io.ReadFull(homer, b); err != nil || string(b) != "HEP3" || time.Since(begun) != want {
				t.Errorf("%d messages: %q after %v, %v", n, b, time.Since(begun), err)
			}
			stop()
			homer.Close()
			<-done
		})
	}
}

// What waits when the edge ends still leaves.
func TestTheLastMessagesLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		homer, us := net.Pipe()
		defer homer.Close()
		tape, tail := aTape(1 << 20)
		s := New(Options{Tail: tail, Dial: func(context.Context, string) (net.Conn, error) { return us, nil }})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go s.Run(ctx)
		b := make([]byte, 1<<16)
		for _, word := range []string{"the first", "the last"} {
			tape.Message(records.CallID{1}, heard(word))
			if word == "the last" {
				stop()
			}
			if n, err := homer.Read(b); err != nil || !strings.HasSuffix(string(b[:n]), word) {
				t.Errorf("%v: %q", err, b[:n])
			}
			synctest.Wait()
		}
		if _, err := homer.Read(b); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Over a stream packets follow each other; a Homer that breaks off loses what was
// on its way, which is counted, and calls go on.
func TestStream(t *testing.T) {
	homer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer homer.Close()
	tape, tail := aTape(1 << 20)
	s := run(t, Options{Address: "tcp://" + homer.Addr().String(), Tail: tail})
	const n = 150
	for i := range n {
		tape.Message(records.CallID{1}, heard(fmt.Sprintf("MESSAGE %d", i)))
	}
	c, err := homer.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for i := range n {
		head := make([]byte, 6)
		if _, err := io.ReadFull(c, head); err != nil || string(head[:4]) != "HEP3" {
			t.Fatalf("packet %d: %q %v", i, head, err)
		}
		rest := make([]byte, int(be.Uint16(head[4:]))-len(head))
		if _, err := io.ReadFull(c, rest); err != nil || !strings.HasSuffix(string(rest), fmt.Sprintf("MESSAGE %d", i)) {
			t.Fatalf("packet %d: %v, ends with %q", i, err, rest[max(0, len(rest)-12):])
		}
	}
	c.(*net.TCPConn).SetLinger(0) // a reset, so that the next write fails
	c.Close()
	for end := time.Now().Add(20 * time.Second); s.Stats().Lost == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", s.Stats())
		}
		tape.Message(records.CallID{1}, heard(invite))
	}
	if st := s.Stats(); st.Sent < n || st.Error == "" {
		t.Errorf("%+v", st)
	}
}

func BenchmarkTake(b *testing.B) {
	tape, tail := aTape(1 << 20)
	s := New(Options{Tail: tail})
	for b.Loop() {
		for range 20 {
			tape.Message(records.CallID{1}, heard(invite))
		}
		s.take(0)
		s.batch = s.batch[:0]
	}
}
