// Package gate answers: are these bytes worth parsing?
//
// It reads the head of a message once, counts, and compares a few bytes; it
// keeps nothing and allocates nothing. What it lets through has one readable
// start line, whole header lines without control characters, each decisive
// header once, and a body whose end is known. Whether the values make sense is
// the parser's question.
package gate

import "bytes"

// Bounds of a head. Beyond them a message is refused, whoever sent it.
const (
	MaxHeaders   = 128  // header fields
	MaxParams    = 64   // parameters (semicolons) of one value
	MaxLine      = 8192 // bytes of one header field, folded lines included
	MaxStartLine = 2048 // bytes of a start line; a longer one is 414
	MaxMethod    = 64   // bytes of a method; a longer one is not SIP
)

// Action is what becomes of a message.
type Action uint8

const (
	Pass   Action = iota // parse it
	Drop                 // say nothing
	Refuse               // answer with Reason.Code, statelessly
)

// Verdict is what the gate found.
type Verdict struct {
	Action Action
	Reason Reason // None on Pass
	Broken bool   // the end of this message is a guess: on a stream nothing after it can be trusted
	Start  int    // first byte of the start line, behind leading CRLFs
	Body   int    // first byte of the body; 0 while the head is not whole
	End    int    // one past the last byte that belongs to the message
}

// Code is the response a refused message deserves, 0 unless Action is Refuse.
func (v Verdict) Code() int {
	if v.Action != Refuse {
		return 0
	}
	return v.Reason.Code()
}

// Datagram judges one whole datagram. Content-Length may be absent (then the
// body is the rest, RFC 3261 18.3), may be smaller than what came (the rest is
// cut off), but not larger.
func Datagram(b []byte) Verdict {
	return check(b, false)
}

// Head judges the head of a message on a stream; b begins with it and may end
// anywhere behind it. Content-Length is mandatory (RFC 3261 20.14), and End may
// lie beyond b: so many bytes are to be waited for.
func Head(b []byte) Verdict {
	return check(b, true)
}

func check(b []byte, stream bool) Verdict {
	start := blank(b)
	if start == len(b) {
		return Verdict{Action: Drop, Reason: KeepAlive, Start: start, End: len(b)}
	}
	s := scan{b: b, start: start, stream: stream, length: -1}
	at, ok := s.startLine()
	if !ok {
		return s.verdict(0)
	}
	for !s.broken {
		if at+1 < len(b) && b[at] == '\r' && b[at+1] == '\n' {
			return s.finish(at + 2)
		}
		end := s.lineEnd(at)
		if end < 0 {
			s.broke(NoEnd)
			break
		}
		s.header(at, end)
		at = end + 2
	}
	return s.verdict(0)
}

// scan is one walk over one head.
type scan struct {
	b       []byte
	start   int
	method  []byte // nil for a response
	fault   Reason // the first one found
	silent  bool   // a response or an ACK: nobody is to be answered
	mute    bool   // what is wrong would come back in our answer
	broken  bool
	stream  bool
	control bool // the header under way has a stray control character
	seen    uint32
	headers int
	length  int // Content-Length, -1 when none was seen
}

// note keeps the first fault and goes on: the end of the message is still worth
// finding, because on a stream the next one begins there.
func (s *scan) note(r Reason) {
	if s.fault == None {
		s.fault = r
	}
}

// broke notes a fault behind which the walk makes no sense.
func (s *scan) broke(r Reason) {
	s.note(r)
	s.broken = true
}

// finish judges a whole head: what must be there, and where the body ends.
func (s *scan) finish(body int) Verdict {
	if missing := mandatory &^ s.seen; missing != 0 {
		s.note(Missing)
		// Without a Via there is no way back (RFC 3261 8.2.6.2 copies it).
		s.mute = s.mute || missing&(1<<via) != 0
	}
	switch {
	case s.length < 0 && s.stream:
		// RFC 3261 18.3: without it the next message cannot be found.
		s.broke(NoLength)
	case s.length > len(s.b)-body && !s.stream:
		s.note(ShortBody)
	}
	return s.verdict(body)
}

func (s *scan) verdict(body int) Verdict {
	v := Verdict{Reason: s.fault, Broken: s.broken, Start: s.start, Body: body, End: len(s.b)}
	if body > 0 && s.length >= 0 && !s.broken && (s.stream || s.length <= len(s.b)-body) {
		v.End = body + s.length
	}
	switch {
	case s.fault == None:
		v.Action = Pass
	case s.silent || s.mute || s.fault.Code() == 0:
		v.Action = Drop
	default:
		v.Action = Refuse
	}
	return v
}

// blank counts the bytes of leading line ends, which RFC 3261 7.5 ignores.
func blank(b []byte) int {
	i := 0
	for i < len(b) && (b[i] == '\r' || b[i] == '\n') {
		i++
	}
	return i
}

// lineEnd finds the CR that ends the header field beginning at at; folded lines
// belong to it (RFC 3261 7.3.1). It returns -1 when the bytes run out.
func (s *scan) lineEnd(at int) int {
	b := s.b
	s.control = false
	// Nearly every line is plain text up to its CR LF, and the next begins with
	// a name.
	if j := at + bytes.IndexByte(b[at:], '\r'); j >= at && j+2 < len(b) && b[j+1] == '\n' &&
		b[j+2] != ' ' && b[j+2] != '\t' && plain(b[at:j]) {
		return j
	}
	for j := control(b, at); j < len(b); j = control(b, j+1) {
		switch c := b[j]; {
		case c == '\t':
		case c == '\r' && j+1 < len(b) && b[j+1] == '\n':
			if j+2 < len(b) && (b[j+2] == ' ' || b[j+2] == '\t') {
				j++
				continue
			}
			return j
		case c == '\r' && j+1 == len(b):
			return -1
		case c == '\r' || c == '\n':
			// A peer that takes one of them for a line end would read other
			// headers than we do.
			s.broke(BareNewline)
			return j
		case !escaped(b[at:j]):
			s.control = true
		}
	}
	return -1
}

// escaped says whether the byte behind a is the second of a quoted-pair inside
// a quoted string, where RFC 3261 25.1 allows even NUL.
func escaped(a []byte) bool {
	quoted := false
	for i := 0; i < len(a); i++ {
		switch {
		case a[i] == '"':
			quoted = !quoted
		case a[i] == '\\' && quoted:
			if i++; i == len(a) {
				return true
			}
		}
	}
	return false
}

// crowded says whether one value of a header has more parameters than MaxParams.
// Lists of many values (Via, Route) are counted value by value.
func crowded(line []byte) bool {
	if len(line) <= MaxParams || bytes.Count(line, semicolon) <= MaxParams {
		return false
	}
	n, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			n = 0
		case c == ';':
			if n++; n > MaxParams {
				return true
			}
		}
	}
	return false
}

var semicolon = []byte{';'}
