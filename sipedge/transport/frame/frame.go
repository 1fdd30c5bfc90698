// Package frame answers: where does one message on a stream end and the next
// begin?
//
// A Buffer is fed by whoever reads the connection, in pieces of any size, and
// yields whole messages by Content-Length (RFC 3261 18.3), keep-alive pings
// (RFC 5626 3.5.1) and, when the stream can no longer be followed, its end.
package frame

import (
	"bytes"

	"github.com/speakops/sipedge/sipedge/transport/gate"
)

// Kind is what was found next on the stream.
type Kind uint8

const (
	More    Kind = iota // nothing whole yet: read on
	Ping                // a double CRLF between messages, to be answered by one CRLF (RFC 5626 4.4.1)
	Message             // one message; its Verdict says what becomes of it
	Fatal               // where the next message begins is unknown: answer by the Verdict, then close
)

// Item is one find. Bytes point into the Buffer and are good until the next
// call of Space.
type Item struct {
	Kind    Kind
	Verdict gate.Verdict
	Bytes   []byte
}

const (
	small  = 4 << 10  // bytes a quiet connection holds
	retain = 16 << 10 // a buffer grown beyond this is given back when it runs empty
)

// Buffer holds what came and was not yet taken. Max bounds one message in bytes,
// head and body; nothing is allocated by a length that a peer only declares.
type Buffer struct {
	Max int

	buf      []byte
	r, w     int  // unread bytes are buf[r:w]
	searched int  // bytes of the head under way in which its end is not
	need     int  // bytes of the message whose head is known, 0 without one
	crlfs    int  // line ends since the last message or ping
	dead     bool // Fatal was said
	verdict  gate.Verdict
}

// Space returns room for the next read, at least one byte while the stream is
// followed. What Next returned before is no longer good afterwards.
func (f *Buffer) Space() []byte {
	switch {
	case f.buf == nil:
		f.buf = make([]byte, small)
	case f.r == f.w:
		f.r, f.w = 0, 0
		if len(f.buf) > retain {
			f.buf = make([]byte, small)
		}
	case f.r > 0 && f.w == len(f.buf):
		f.w = copy(f.buf, f.buf[f.r:f.w])
		f.r = 0
	case f.w == len(f.buf):
		f.grow()
	}
	return f.buf[f.w:]
}

// grow doubles, which a sender pays for with bytes, up to one message and the
// start of the next.
func (f *Buffer) grow() {
	n := min(2*len(f.buf), f.Max+small)
	if n <= len(f.buf) {
		n = len(f.buf) + small // unreachable while Next says Fatal at Max
	}
	b := make([]byte, n)
	copy(b, f.buf[:f.w])
	f.buf = b
}

// Wrote says that n bytes were read into Space.
func (f *Buffer) Wrote(n int) { f.w += n }

// Partial says whether a message has begun and not ended: a peer that lingers
// there is on the clock.
func (f *Buffer) Partial() bool { return f.r < f.w && !f.dead }

// Next returns what comes next, More when that takes more bytes. After Fatal it
// returns More for ever.
func (f *Buffer) Next() Item {
	if f.dead {
		return Item{}
	}
	if f.need == 0 {
		if f.blanks() {
			return Item{Kind: Ping}
		}
		if it, ok := f.head(); !ok {
			return it
		}
	}
	if f.w-f.r < f.need {
		return Item{}
	}
	it := Item{Kind: Message, Verdict: f.verdict, Bytes: f.buf[f.r : f.r+f.need : f.r+f.need]}
	f.r += f.need
	f.need, f.searched, f.crlfs = 0, 0, 0
	return it
}

// blanks takes line ends before a message and says whether they make a ping.
func (f *Buffer) blanks() bool {
	for f.w-f.r >= 2 && f.buf[f.r] == '\r' && f.buf[f.r+1] == '\n' {
		f.r += 2
		if f.crlfs++; f.crlfs == 2 {
			f.crlfs = 0
			return true
		}
	}
	return false
}

// head finds the blank line and has the gate judge what lies before it; false
// with More or Fatal when there is no message to wait for.
func (f *Buffer) head() (Item, bool) {
	b := f.buf[f.r:f.w]
	if len(b) == 0 || len(b) == 1 && b[0] == '\r' {
		return Item{}, false
	}
	if b[0] <= ' ' || b[0] >= 0x7f {
		// TLS, STUN and the like: there is no use waiting for a blank line.
		return f.fatal(gate.Verdict{Action: gate.Drop, Reason: gate.NotSIP, Broken: true, End: len(b)}), false
	}
	from := max(0, f.searched-3)
	i := bytes.Index(b[from:], blankLine)
	if f.searched = len(b); i < 0 {
		if len(b) >= f.Max {
			return f.fatal(gate.Verdict{Action: gate.Drop, Reason: gate.NoEnd, Broken: true, End: len(b)}), false
		}
		return Item{}, false
	}
	v := gate.Head(b[:from+i+4])
	switch {
	case v.Broken || v.Body == 0:
		return f.fatal(v), false
	case v.End > f.Max:
		if v.Reason = gate.TooLarge; v.Action == gate.Pass {
			v.Action = gate.Refuse
		}
		v.Broken = true
		return f.fatal(v), false
	}
	f.need, f.verdict = v.End, v
	return Item{}, true
}

func (f *Buffer) fatal(v gate.Verdict) Item {
	f.dead = true
	v.End = min(v.End, f.w-f.r)
	return Item{Kind: Fatal, Verdict: v, Bytes: f.buf[f.r:f.w:f.w]}
}

var blankLine = []byte("\r\n\r\n")
