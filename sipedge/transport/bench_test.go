package transport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
)

// echo sends every message back, as a proxy that does nothing would.
type echo struct{ l *Layer }

func (e *echo) Receive(f Flow, m *message.Message, _ time.Time) { e.l.Send(f, m.Raw) }
func (e *echo) Refuse(Flow, *message.Message, *message.Fault)   { panic("refused") }
func (e *echo) Standing(Flow, []string) Standing                { return Trunk }
func (e *echo) Lost(Flow, error)                                {}
func invite() []byte {
	body := "v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 54609 RTP/AVP 0 8 101\r\n" +
		"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n"
	return []byte(strings.Replace(string(request("INVITE", 0)), "Content-Length: 0\r\n\r\n",
		"Contact: <sip:+14155550100@172.18.22.33:5060;transport=udp>\r\nUser-Agent: Example Gateway\r\n"+
			"Allow: INVITE,ACK,CANCEL,BYE,REFER,NOTIFY,OPTIONS\r\nX-Call-Sid: CA0123456789abcdef0123456789abcdef\r\n"+
			"Record-Route: <sip:54.172.60.1;r2=on;lr;ftag=9f1a2b3c>\r\nContent-Type: application/sdp\r\n\r\n", 1) + body)
}

// serverMode is set in the processes BenchmarkServerCPU starts.
const serverMode = "TRANSPORT_BENCH_SERVER"

// BenchmarkServerCPU measures the CPU time of a process that echoes INVITEs on
// loopback at 18,000 a second (3,000 calls), per datagram in and out: a bare
// loop of package net, the same with the parser, the layer over package net's
// sockets, and the layer as it is. Each turn visits them all, so that their
// ratio means something on a busy machine.
func BenchmarkServerCPU(b *testing.B) {
	const rate, turn = 18000, 250 * time.Millisecond
	var all []*server
	for _, mode := range []string{"bare", "parse", "poller", "layer"} {
		all = append(all, startServer(b, mode))
	}
	b.ResetTimer()
	for b.Loop() {
		for _, s := range all {
			s.load(b, rate, turn)
		}
	}
	for _, s := range all {
		b.ReportMetric(s.perDatagram(), s.mode+"-us/datagram")
	}
	b.ReportMetric(all[3].perDatagram()/all[0].perDatagram(), "layer/bare")
	b.ReportMetric(0, "ns/op")
}

// server is one such process.
type server struct {
	mode string
	in   io.WriteCloser
	out  *bufio.Reader
	conn *net.UDPConn
	cpu  time.Duration
	sent int
}

func startServer(b *testing.B, mode string) *server {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverMode+"="+mode)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	s := &server{mode: mode, in: in, out: bufio.NewReader(out)}
	at, err := netip.ParseAddrPort(s.line(b))
	if err != nil {
		b.Fatal(err)
	}
	if s.conn, err = net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(at)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.conn.Close() })
	return s
}

func (s *server) line(b *testing.B) string {
	l, err := s.out.ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(l)
}

// used asks the process for its CPU time.
func (s *server) used(b *testing.B) time.Duration {
	io.WriteString(s.in, "cpu\n")
	d, err := time.ParseDuration(s.line(b))
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func (s *server) load(b *testing.B, rate int, turn time.Duration) {
	msg, buf := invite(), make([]byte, 2000)
	before := s.used(b)
	done := make(chan int)
	go func() {
		n := 0
		s.conn.SetReadDeadline(time.Now().Add(turn + 100*time.Millisecond))
		for {
			if _, err := s.conn.Read(buf); err != nil {
				done <- n
				return
			}
			n++
		}
	}()
	sent := 0
	for start := time.Now(); time.Since(start) < turn; time.Sleep(20 * time.Microsecond) {
		for due := int(time.Since(start).Seconds() * float64(rate)); sent < due; sent++ {
			s.conn.Write(msg)
		}
	}
	if n := <-done; n < sent*9/10 {
		b.Fatalf("%s echoed %d of %d", s.mode, n, sent)
	}
	s.cpu += s.used(b) - before
	s.sent += sent
}

func (s *server) perDatagram() float64 { return float64(s.cpu.Nanoseconds()) / float64(s.sent) / 1000 }

// hidden is a kernel socket the layer does not recognise as one.
type hidden struct{ kernel }

func (h hidden) ListenPacket(ctx context.Context, network string, at netip.AddrPort) (net.PacketConn, error) {
	c, err := h.kernel.ListenPacket(ctx, network, at)
	return hiddenConn{c.(*net.UDPConn)}, err
}

type hiddenConn struct{ *net.UDPConn }

// benchServer is the whole life of such a process.
func benchServer(mode string) {
	fmt.Println(serve(mode))
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var r syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &r)
		fmt.Println(time.Duration(r.Utime.Nano() + r.Stime.Nano()))
	}
}

func serve(mode string) netip.AddrPort {
	if mode == "bare" || mode == "parse" {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			panic(err)
		}
		go bareEcho(c, mode == "parse")
		return c.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	o := Options{Listeners: listeners("udp 127.0.0.1:0")}
	if mode == "poller" {
		o.Net = hidden{}
	}
	e := &echo{}
	l, err := Open(context.Background(), o, e)
	if err != nil {
		panic(err)
	}
	e.l = l
	go l.Serve(context.Background())
	return l.Addr(0)
}

func bareEcho(c *net.UDPConn, parse bool) {
	buf := make([]byte, maxUDP)
	var m message.Message
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if parse && m.Parse(buf[:n]) != nil {
			panic("the benchmark's message does not parse")
		}
		c.WriteToUDPAddrPort(buf[:n], from)
	}
}
