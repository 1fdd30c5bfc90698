package ladder

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/sipedge/gateway/locate"
)

// Actor is a caller or a gateway: a socket or a connection, and a test that
// speaks for it.
type Actor struct {
	Name string
	Addr netip.AddrPort
	Edge netip.AddrPort // where it sends
	Via  string         // transport as a Via writes it

	h     *H
	wire  wire
	inbox chan sip.Message
	calls int
}

// wire carries an actor's messages.
type wire interface {
	send(a *Actor, text string) error
	close()
}

// Who makes an actor at an address, over UDP.
func (h *H) Who(name, addr string) *Actor {
	h.T.Helper()
	a := h.actor(name, addr, "UDP")
	conn, err := h.Net.Host(a.Addr.Addr()).ListenPacket(context.Background(), "udp", a.Addr)
	if err != nil {
		h.T.Fatal(err)
	}
	a.wire = datagrams{conn}
	go a.read(conn)
	return a
}

func (h *H) actor(name, addr, via string) *Actor {
	at := netip.MustParseAddrPort(addr)
	a := &Actor{Name: name, Addr: at, Edge: netip.MustParseAddrPort(EdgeAddr), Via: via, h: h, inbox: make(chan sip.Message, 256)}
	h.actors[at] = a
	return a
}

// Caller is the trunk's side; S1, S2, L1, L2 are the gateways of the configuration.
func (h *H) Caller() *Actor { return h.Who("caller", "192.0.2.100:5060") }

// S1 is SpeakOps' first gateway.
func (h *H) S1() *Actor { return h.Who("s1", "203.0.113.1:5060") }

// S2 is SpeakOps' second gateway.
func (h *H) S2() *Actor { return h.Who("s2", "203.0.113.2:5060") }

// L1 is the legacy provider's first gateway.
func (h *H) L1() *Actor { return h.Who("l1", "198.51.100.1:5060") }

func (a *Actor) close() { a.wire.close() }

// datagrams is the wire of an actor over UDP.
type datagrams struct{ net.PacketConn }

func (d datagrams) close() { d.Close() }

func (d datagrams) send(a *Actor, text string) error {
	_, err := d.WriteTo([]byte(text), net.UDPAddrFromAddrPort(a.Edge))
	return err
}

func (a *Actor) read(conn net.PacketConn) {
	buf := make([]byte, 65535)
	for {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		a.got(buf[:n])
	}
}

// got reads one message as somebody else's parser does.
func (a *Actor) got(b []byte) {
	m, err := sip.ParseMessage(append([]byte(nil), b...))
	if err != nil {
		a.h.T.Errorf("%s cannot read what it got: %v\n%s", a.Name, err, b)
		return
	}
	a.inbox <- m
}

// Want waits for the next message, which must be this: a method, or a code with
// the method of its CSeq behind it ("200 BYE"; the method may be left out for INVITE).
func (a *Actor) Want(what string) sip.Message {
	a.h.T.Helper()
	m := a.Next()
	if m == nil {
		a.h.T.Fatalf("%s: no %s came within five minutes", a.Name, what)
	}
	got := summary([]byte(m.String()))
	if got != what && !strings.HasPrefix(got, what+" ") {
		a.h.T.Fatalf("%s: want %s, got %s\n%s", a.Name, what, got, m.String())
	}
	return m
}

// Next is the next message, nil when none comes for five minutes.
func (a *Actor) Next() sip.Message {
	select {
	case m := <-a.inbox:
		return m
	case <-time.After(5 * time.Minute):
		return nil
	}
}

// Silent checks that nothing has come that was not wanted.
func (a *Actor) Silent() {
	a.h.T.Helper()
	time.Sleep(time.Microsecond) // what is under way arrives
	synctest.Wait()
	select {
	case m := <-a.inbox:
		a.h.T.Errorf("%s: unexpected %s", a.Name, summary([]byte(m.String())))
	default:
	}
}

// Send sends raw bytes to the edge.
func (a *Actor) Send(m fmt.Stringer) {
	a.SendRaw(m.String())
	synctest.Wait()
}

// SendRaw sends a text to the edge.
func (a *Actor) SendRaw(text string) {
	a.h.T.Helper()
	if err := a.wire.send(a, text); err != nil {
		a.h.T.Fatal(err)
	}
}

// summary is a message in a few words, "" for what is no message.
func summary(b []byte) string {
	line, rest, _ := strings.Cut(string(b), "\r\n")
	if after, ok := strings.CutPrefix(line, "SIP/2.0 "); ok {
		code, _, _ := strings.Cut(after, " ")
		if method := cseqMethod(rest); method != "INVITE" {
			return code + " " + method
		}
		return code
	}
	method, uri, ok := strings.Cut(line, " ")
	if !ok || b[0]&0xc0 == 0x80 { // RTP is no message
		return ""
	}
	if method == "INVITE" {
		user, _, _ := strings.Cut(strings.TrimPrefix(uri, "sip:"), "@")
		if strings.HasPrefix(user, "v-") {
			user = "(sealed)" // a hidden Contact: what is in it is nobody's business
		}
		return method + " " + user
	}
	return method
}

func cseqMethod(head string) string {
	for line := range strings.SplitSeq(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(strings.TrimSpace(name), "CSeq") {
			_, method, _ := strings.Cut(strings.TrimSpace(value), " ")
			return method
		}
	}
	return ""
}

// nobody finds no names: ladders use literal addresses.
type nobody struct{}

// Refresh implements gateway.Locator.
func (nobody) Refresh(context.Context, locate.Query) (locate.Answer, error) {
	return locate.Answer{}, fmt.Errorf("no names on this network")
}
