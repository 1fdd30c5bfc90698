package transport

import (
	"context"
	"net"
	"net/netip"
	"strings"
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

// BenchmarkUDPEcho compares the whole layer (standing, gate, parser, sink) with
// a bare loop of package net, on loopback, with so many datagrams under way.
func BenchmarkUDPEcho(b *testing.B) {
	for _, c := range []struct {
		name   string
		window int
		serve  func(b *testing.B) netip.AddrPort
	}{
		{"bare/1", 1, bareEcho}, {"layer/1", 1, layerEcho}, {"bare/32", 32, bareEcho}, {"layer/32", 32, layerEcho},
	} {
		b.Run(c.name, func(b *testing.B) {
			conn, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(c.serve(b)))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			msg, buf := invite(), make([]byte, 2000)
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			b.ReportAllocs()
			b.ResetTimer()
			for sent, got := 0, 0; got < b.N; got++ {
				for ; sent < b.N && sent-got < c.window; sent++ {
					conn.Write(msg)
				}
				if _, err := conn.Read(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func bareEcho(b *testing.B) netip.AddrPort {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, maxUDP)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			c.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func layerEcho(b *testing.B) netip.AddrPort {
	e := &echo{}
	l, err := Open(context.Background(), Options{Listeners: listeners("udp 127.0.0.1:0")}, e)
	if err != nil {
		b.Fatal(err)
	}
	e.l = l
	done := make(chan struct{})
	go func() { l.Serve(context.Background()); close(done) }()
	b.Cleanup(func() { l.Close(); <-done })
	return l.Addr(0)
}
