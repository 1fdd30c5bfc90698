package testcall

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/transport/frame"
)

// Rung is one message of a ladder, as the caller saw it.
type Rung struct {
	At   time.Time `json:"at"`
	Out  bool      `json:"out,omitempty"` // from the caller
	What string    `json:"what"`          // INVITE +12025550100, 180 Ringing, ...
	Note string    `json:"note,omitempty"`
}

// maxRungs bounds what a report keeps; a call has about ten.
const maxRungs = 100

// tap looks at messages as they cross the wire. sipgo hands them up from a
// goroutine each, out of order, and some not at all.
type tap struct {
	saw func(Rung)

	mu      sync.Mutex
	rungs   []Rung
	invited time.Time // when the first INVITE left
	rang    time.Time // when the first 18x came
	decided string    // what the edge says of its decision
}

// saw notes one message.
func (t *tap) tell(out bool, b []byte) {
	what := headline(b)
	if what == "" {
		return // a keep-alive
	}
	r := Rung{At: time.Now(), Out: out, What: what, Note: header(b, "Reason")}
	t.mu.Lock()
	if len(t.rungs) < maxRungs {
		t.rungs = append(t.rungs, r)
	}
	switch {
	case out && t.invited.IsZero() && strings.HasPrefix(what, "INVITE "):
		t.invited = r.At
	case !out && t.rang.IsZero() && strings.HasPrefix(what, "18"):
		t.rang = r.At
	}
	if said := header(b, decisionHeader); said != "" && !out {
		t.decided = said
	}
	t.mu.Unlock()
	if t.saw != nil {
		t.saw(r)
	}
}

// datagrams is a UDP socket under a tap.
type datagrams struct {
	net.PacketConn
	tap   *tap
	read  chan struct{} // closed when somebody reads
	first sync.Once
}

// ReadFrom implements net.PacketConn.
func (w *datagrams) ReadFrom(b []byte) (int, net.Addr, error) {
	w.first.Do(func() { close(w.read) })
	n, from, err := w.PacketConn.ReadFrom(b)
	if err == nil {
		w.tap.tell(false, b[:n])
	}
	return n, from, err
}

// WriteTo implements net.PacketConn.
func (w *datagrams) WriteTo(b []byte, to net.Addr) (int, error) {
	w.tap.tell(true, b)
	return w.PacketConn.WriteTo(b, to)
}

// stream is a connection under a tap.
type stream struct {
	net.Conn
	tap    *tap
	framed frame.Buffer
	gone   chan struct{} // closed when the other side has closed it
	once   sync.Once
}

// maxMessage bounds a message that the tap understands.
const maxMessage = 64 << 10

func newStream(c net.Conn, t *tap) *stream {
	return &stream{Conn: c, tap: t, framed: frame.Buffer{Max: maxMessage}, gone: make(chan struct{})}
}

// Read implements net.Conn.
func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if err != nil {
		s.once.Do(func() { close(s.gone) })
	}
	for fed := b[:n]; len(fed) > 0; {
		took := copy(s.framed.Space(), fed)
		s.framed.Wrote(took)
		fed = fed[took:]
		for it := s.framed.Next(); it.Kind != frame.More; it = s.framed.Next() {
			if it.Kind == frame.Message {
				s.tap.tell(false, it.Bytes)
			}
		}
		if took == 0 {
			break // it can no longer be followed
		}
	}
	return n, err
}

// Write implements net.Conn; sipgo writes a message at once.
func (s *stream) Write(b []byte) (int, error) {
	s.tap.tell(true, b)
	return s.Conn.Write(b)
}

// once is a listener that accepts one connection, which was made by ourselves:
// so sipgo uses it, and this package decides how it is made and sees what
// crosses it.
type once struct {
	conn  net.Conn
	taken chan struct{} // closed when sipgo knows the connection
	end   chan struct{}
	mu    sync.Mutex
	given bool
	ended sync.Once
}

func newOnce(c net.Conn) *once {
	return &once{conn: c, taken: make(chan struct{}), end: make(chan struct{})}
}

// Accept implements net.Listener.
func (o *once) Accept() (net.Conn, error) {
	o.mu.Lock()
	first := !o.given
	o.given = true
	o.mu.Unlock()
	if first {
		return o.conn, nil
	}
	close(o.taken) // whoever asks again has dealt with the first
	<-o.end
	return nil, net.ErrClosed
}

// Close implements net.Listener.
func (o *once) Close() error { o.ended.Do(func() { close(o.end) }); return nil }

// Addr implements net.Listener.
func (o *once) Addr() net.Addr { return o.conn.LocalAddr() }

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
