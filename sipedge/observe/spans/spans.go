// Package spans answers: what does a trace show of a call, and how does it get
// there without the call waiting?
//
// Nothing of OpenTelemetry is touched while a call is set up. When its final
// response is out, what became of it is copied into a queue of fixed size; one
// goroutine makes spans of it, with the times of then, and exports them. A
// backend that is slow or away fills the queue, and what finds no room is counted.
//
// A call is one span, from its INVITE to its final response, and every gateway
// tried is a child. The names of both follow from the CallID, so that a log line,
// a ladder and a traceparent agree without anybody having to remember them.
package spans

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"time"

	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/records"
)

// Context is what a traceparent says (W3C Trace Context, level 2).
type Context struct {
	Trace   [16]byte
	Span    [8]byte
	Sampled bool
}

// Valid says whether there is one.
func (c *Context) Valid() bool { return c.Trace != [16]byte{} && c.Span != [8]byte{} }

// ParseParent reads a traceparent. One of a later version is read as far as this
// one goes; anything else is the zero Context.
func ParseParent(b []byte) (c Context) {
	if len(b) < 55 || b[2] != '-' || b[35] != '-' || b[52] != '-' || b[0] == 'f' && b[1] == 'f' || len(b) > 55 && (b[55] != '-' || b[0] == '0' && b[1] == '0') {
		return c
	}
	var flags, version [1]byte
	for _, part := range []struct{ into, from []byte }{{version[:], b[:2]}, {c.Trace[:], b[3:35]}, {c.Span[:], b[36:52]}, {flags[:], b[53:55]}} {
		if n, err := hex.Decode(part.into, part.from); err != nil || n != len(part.into) || !lower(part.from) {
			return Context{}
		}
	}
	if !c.Valid() {
		return Context{}
	}
	c.Sampled = flags[0]&1 == 1
	return c
}

func lower(b []byte) bool {
	for _, c := range b {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	return true
}

// AppendParent appends a traceparent.
func AppendParent(dst []byte, c *Context) []byte {
	dst = hex.AppendEncode(append(dst, "00-"...), c.Trace[:])
	dst = hex.AppendEncode(append(dst, '-'), c.Span[:])
	if c.Sampled {
		return append(dst, "-01"...)
	}
	return append(dst, "-00"...)
}

// Root is the context of a call without a parent: the trace begins with the
// second the call began in, then comes the edge, then what is random in the id.
func Root(call records.CallID, edge uint32, sample float64) (c Context) {
	copy(c.Trace[:4], call[:4])
	binary.BigEndian.PutUint32(c.Trace[4:], edge)
	copy(c.Trace[8:], call[4:])
	c.Span = SpanOf(call)
	c.Sampled = sampled(c.Trace, sample)
	return c
}

// Under is the context of a call that goes on a trace of its caller, whose
// decision to record it holds here too.
func Under(parent Context, call records.CallID) Context {
	return Context{Trace: parent.Trace, Span: SpanOf(call), Sampled: parent.Sampled}
}

// SpanOf is the name of a call's span.
func SpanOf(call records.CallID) (s [8]byte) {
	copy(s[:], call[4:])
	s[0] |= 1 // zero is no name
	return s
}

// AttemptOf is the name of the span of the i-th attempt of a call.
func AttemptOf(call records.CallID, i int) (s [8]byte) {
	v := binary.BigEndian.Uint64(call[4:]) + uint64(i+1)*0x9e3779b97f4a7c15
	binary.BigEndian.PutUint64(s[:], v|1<<63)
	return s
}

// sampled takes a share of all traces by their random part, as every sampler of
// OpenTelemetry that goes by the trace id does.
func sampled(trace [16]byte, share float64) bool {
	switch {
	case share >= 1:
		return true
	case share <= 0:
		return false
	}
	return binary.BigEndian.Uint64(trace[8:])>>1 < uint64(share*math.MaxInt64)
}

// Call is a call whose final response is out.
type Call struct {
	Context
	Parent [8]byte // of the caller, zero for none
	Call   records.CallID

	SIPCallID                                string
	Trunk, Decision, Authority, PortingState string
	Because, Route, Gateway, Outcome         string
	PublicNumber, Caller                     e164.Number
	Revision                                 uint64
	Code                                     int
	Begun, Rang, Ended                       time.Time
	Held                                     time.Duration
	Failed                                   bool // refused, or ended without an answer other than the callee's own

	N        int
	Attempts [16]Attempt
}

// Attempt is one gateway tried.
type Attempt struct {
	Gateway, Address, Result string
	Begun                    time.Time
	Took                     time.Duration
	Code                     int
	Index                    int
}
