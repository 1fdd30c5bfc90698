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

// Actor is a caller or a gateway: one socket, and a test that speaks for it.
type Actor struct {
	Name string
	Addr netip.AddrPort

	h     *H
	conn  net.PacketConn
	inbox chan sip.Message
	calls int
}

// Who makes an actor at an address, over UDP.
func (h *H) Who(name, addr string) *Actor {
	h.T.Helper()
	at := netip.MustParseAddrPort(addr)
	conn, err := h.Net.Host(at.Addr()).ListenPacket(context.Background(), "udp", at)
	if err != nil {
		h.T.Fatal(err)
	}
	a := &Actor{Name: name, Addr: at, h: h, conn: conn, inbox: make(chan sip.Message, 256)}
	h.actors[at] = a
	go a.read()
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

func (a *Actor) close() { a.conn.Close() }

func (a *Actor) read() {
	buf := make([]byte, 65535)
	for {
		n, _, err := a.conn.ReadFrom(buf)
		if err != nil {
			close(a.inbox)
			return
		}
		m, err := sip.ParseMessage(append([]byte(nil), buf[:n]...))
		if err != nil {
			a.h.T.Errorf("%s cannot read what it got: %v\n%s", a.Name, err, buf[:n])
			continue
		}
		a.inbox <- m
	}
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
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(EdgeAddr))
	if _, err := a.conn.WriteTo([]byte(text), to); err != nil {
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
	if !ok {
		return ""
	}
	if method == "INVITE" {
		uri, _, _ = strings.Cut(strings.TrimPrefix(uri, "sip:"), "@")
		return method + " " + uri
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
