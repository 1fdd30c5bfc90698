package demo

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"time"
)

// Rung is one message of a ladder, as the caller saw it.
type Rung struct {
	At   time.Time
	Out  bool   // from the caller
	What string // INVITE +12025550100, 180 Ringing, ...
	Note string // what its Reason says, "" for most
}

// wire is a socket that tells of every message on it. sipgo hands messages up
// out of order; the ladder shall show what was on the wire.
type wire struct {
	net.PacketConn
	saw   func(Rung)
	read  chan struct{} // closed when somebody reads
	first sync.Once
}

// ReadFrom implements net.PacketConn.
func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	w.first.Do(func() { close(w.read) })
	n, from, err := w.PacketConn.ReadFrom(b)
	if err == nil {
		w.tell(false, b[:n])
	}
	return n, from, err
}

// WriteTo implements net.PacketConn.
func (w *wire) WriteTo(b []byte, to net.Addr) (int, error) {
	w.tell(true, b)
	return w.PacketConn.WriteTo(b, to)
}

func (w *wire) tell(out bool, b []byte) {
	if what := headline(b); what != "" {
		w.saw(Rung{At: time.Now(), Out: out, What: what, Note: header(b, "Reason")})
	}
}

// headline is a message in a few words, "" for what is none (keep-alives).
func headline(b []byte) string {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	first, rest, ok := strings.Cut(string(line), " ")
	if !ok {
		return ""
	}
	if first == "SIP/2.0" {
		if _, method, _ := strings.Cut(header(b, "CSeq"), " "); method != "INVITE" {
			rest += " (" + method + ")"
		}
		return rest
	}
	if first != "INVITE" {
		return first
	}
	_, user, _ := strings.Cut(rest, ":")
	user, _, _ = strings.Cut(user, "@")
	return first + " " + user
}

// header is the value of the first header of a name, "" without one.
func header(b []byte, name string) string {
	head, _, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	for line := range strings.Lines(string(head)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
