package ladder

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/pion/rtp"
)

// Phone is where an actor's media is: a socket that sends and hears RTP.
type Phone struct {
	h    *H
	At   netip.AddrPort
	To   netip.AddrPort // where it was told to send
	conn net.PacketConn
	in   chan heard
	seq  uint16
}

type heard struct {
	payload string
	from    netip.AddrPort
	packet  rtp.Packet
}

// Phone makes a phone at an address; it is closed with the evening.
func (h *H) Phone(at string) *Phone {
	h.T.Helper()
	p := &Phone{h: h, At: netip.MustParseAddrPort(at), in: make(chan heard, 4096)}
	var err error
	if p.conn, err = h.Net.Host(p.At.Addr()).ListenPacket(context.Background(), "udp", p.At); err != nil {
		h.T.Fatal(err)
	}
	h.phones = append(h.phones, p)
	go p.listen()
	return p
}

func (p *Phone) listen() {
	b := make([]byte, 2000)
	for {
		n, from, err := p.conn.ReadFrom(b)
		if err != nil {
			return
		}
		var r rtp.Packet
		if err := r.Unmarshal(b[:n]); err != nil {
			p.h.T.Errorf("phone %s heard what is no RTP: %v", p.At, err)
			continue
		}
		r.Payload = bytes.Clone(r.Payload)
		p.in <- heard{strings.TrimRight(string(r.Payload), "."), from.(*net.UDPAddr).AddrPort(), r}
	}
}

// SDP is what the phone offers or answers; lines are put at its end.
func (p *Phone) SDP(lines ...string) string {
	text := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP 0\r\n", p.At.Addr(), p.At.Port())
	for _, l := range lines {
		text += l + "\r\n"
	}
	return text
}

// Told reads in a message's SDP where the phone is to send to.
func (p *Phone) Told(m sip.Message) {
	p.h.T.Helper()
	addr, port := sdpLine(m, "c=IN IP4 "), strings.Fields(sdpLine(m, "m=audio "))
	n := 0
	if len(port) > 0 {
		n, _ = strconv.Atoi(port[0])
	}
	if _, err := netip.ParseAddr(addr); err != nil || n == 0 {
		p.h.T.Fatalf("no place to send media to:\n%s", m.String())
	}
	p.To = netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(n))
}

// sdpLine is the rest of the first line of a message's body that begins so.
func sdpLine(m sip.Message, begin string) string {
	for l := range strings.SplitSeq(string(m.Body()), "\r\n") {
		if rest, ok := strings.CutPrefix(l, begin); ok {
			return rest
		}
	}
	return ""
}

// Says sends one packet.
func (p *Phone) Says(text string) {
	p.h.T.Helper()
	p.seq++
	r := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: uint32(p.seq) * 160, SSRC: uint32(p.At.Port())}, Payload: []byte(text + strings.Repeat(".", 160-len(text)))}
	b, err := r.Marshal()
	if err != nil {
		p.h.T.Fatal(err)
	}
	if _, err := p.conn.WriteTo(b, net.UDPAddrFromAddrPort(p.To)); err != nil {
		p.h.T.Fatal(err)
	}
	time.Sleep(time.Microsecond) // there and back
	synctest.Wait()
}

// Hears checks what the phone has heard last, and that it came from where it
// sends to.
func (p *Phone) Hears(text string) {
	p.h.T.Helper()
	select {
	case got := <-p.in:
		if got.payload != text || got.from != p.To {
			p.h.T.Errorf("phone %s heard %q from %s, want %q from %s", p.At, got.payload, got.from, text, p.To)
		}
	default:
		p.h.T.Errorf("phone %s heard nothing, want %q", p.At, text)
	}
}

// Drain is every packet that the phone has heard and nobody has asked for yet.
func (p *Phone) Drain() (all []rtp.Packet) {
	synctest.Wait()
	for {
		select {
		case got := <-p.in:
			all = append(all, got.packet)
		default:
			return all
		}
	}
}

// Plays sends a packet of another's making.
func (p *Phone) Plays(r rtp.Packet) {
	p.h.T.Helper()
	b, err := r.Marshal()
	if err != nil {
		p.h.T.Fatal(err)
	}
	if _, err := p.conn.WriteTo(b, net.UDPAddrFromAddrPort(p.To)); err != nil {
		p.h.T.Fatal(err)
	}
}

// Deaf checks that the phone has heard nothing more.
func (p *Phone) Deaf() {
	p.h.T.Helper()
	select {
	case got := <-p.in:
		p.h.T.Errorf("phone %s heard %q", p.At, got.payload)
	default:
	}
}

// TalkTo lets both phones talk for a while, 20 ms a packet, and empties their ears.
func (p *Phone) TalkTo(o *Phone, d time.Duration) {
	p.h.T.Helper()
	for range d / (20 * time.Millisecond) {
		if p.h.T.Failed() {
			return // said once
		}
		p.Says("a")
		o.Says("b")
		p.Hears("b")
		o.Hears("a")
		time.Sleep(20*time.Millisecond - 2*time.Microsecond)
	}
}

// Speaks lets one phone talk for a while.
func (p *Phone) Speaks(d time.Duration) {
	for range d / (20 * time.Millisecond) {
		p.Says("a")
		time.Sleep(20*time.Millisecond - time.Microsecond)
	}
}

// WithBody is a message with this SDP in place of its body.
func WithBody(text, sdp string) string {
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	var b strings.Builder
	for l := range strings.SplitSeq(head, "\r\n") {
		if !strings.HasPrefix(l, "Content-") {
			b.WriteString(l + "\r\n")
		}
	}
	if sdp != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(sdp), sdp)
	return b.String()
}

// InviteWith is Invite with this SDP.
func (a *Actor) InviteWith(number, sdp string, lines ...string) *Call {
	c := a.call(number, lines...)
	c.Invite = WithBody(c.Invite, sdp)
	a.SendRaw(c.Invite)
	wait()
	return c
}

// ReplyWith is Reply with this SDP.
func (a *Actor) ReplyWith(m sip.Message, code int, sdp string, lines ...string) {
	a.SendRaw(WithBody(a.ReplyText(m, code, a.Name, lines...), sdp))
	wait()
}

// AckWith acknowledges a 2xx with this SDP.
func (c *Call) AckWith(m sip.Message, sdp string) {
	if c.dialog == nil {
		c.dialog = m
	}
	c.A.SendRaw(WithBody(c.inside("ACK", nil), sdp))
	wait()
}

// InsideWith is Inside with this SDP.
func (c *Call) InsideWith(method, sdp string, lines ...string) {
	c.A.SendRaw(WithBody(c.InsideText(method, lines...), sdp))
	wait()
}

// CalleeWith is Callee with this SDP.
func (a *Actor) CalleeWith(invite sip.Message, method string, cseq int, sdp string) {
	a.SendRaw(WithBody(a.CalleeText(invite, method, cseq), sdp))
	wait()
}
