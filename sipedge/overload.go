package sipedge

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/sipedge/message"
)

// waited is told how long each message of a known source has lain in the
// kernel's queue, the one queue there is before a call.
func (e *Edge) waited(d time.Duration, at time.Time) {
	e.overload.Waited(d, at)
	e.metrics.QueueDelay.Observe(d)
}

// shed says whether a new call is one too many for this edge as a whole. Nothing
// inside a dialog is ever asked. A peer that keeps away by itself when it is told
// to (RFC 7339) is left alone for as long as that helps.
func (e *Edge) shed(w *world, m *message.Message) bool {
	part := ratelimit.Crowded(e.metrics.InFlight.Value(), int64(w.maxInflight))
	if queue := e.overload.Part(); queue > part && (!listens(m.Via.Value) || e.overload.Standing(3)) {
		part = queue
	}
	return part > 0 && (part >= 1 || rand.Float64() < part)
}

// The edge as a server of RFC 7339 and RFC 7415: whoever writes oc into its Via is
// told, in every response, how much less it should send.

// ocFor is for how long a word of ours about load counts, in milliseconds. Every
// response renews it.
const ocFor = "500"

var ocMark = []byte(";oc")

// listens says whether a Via offers overload control.
func listens(via []byte) bool {
	from, _, _ := ocParams(via)
	return from >= 0
}

// feedback writes the state of this edge's load into the topmost Via of a response
// whose peer has offered to heed it (RFC 7339 section 5.5); b itself otherwise.
func (s *shard) feedback(b []byte) []byte {
	if !bytes.Contains(b[:min(len(b), 1024)], ocMark) {
		return b
	}
	from, to := topVia(b)
	if from < 0 {
		return b
	}
	value := b[from:to]
	at, rate, params := ocParams(value)
	if at < 0 {
		return b
	}
	out := append(s.patched[:0], b[:from]...)
	last := 0
	for _, p := range params {
		out = append(out, value[last:p[0]]...)
		last = p[1]
	}
	out = append(out, value[last:]...)
	out = s.edge.appendLoad(out, rate)
	out = append(out, b[to:]...)
	s.patched = out
	return out
}

// appendLoad appends the four parameters: for the loss algorithm the percentage
// not to send, for the rate algorithm (RFC 7415) the requests per second this
// peer may send. A validity of 0 ends all control (section 5.6).
func (e *Edge) appendLoad(b []byte, rate bool) []byte {
	value, algo, valid := int(e.overload.Part()*100+0.5), "loss", ocFor
	if rate {
		algo = "rate"
		value = int(e.overload.Rate() / float64(max(1, len(e.world.Load().trunks))))
		if e.overload.Rate() > 0 {
			value = max(value, 1)
		}
	}
	if value == 0 {
		valid = "0"
	}
	now := time.Now()
	b = strconv.AppendInt(append(b, ";oc="...), int64(value), 10)
	b = append(append(append(b, `;oc-algo="`...), algo...), `";oc-validity=`...)
	b = append(append(b, valid...), ";oc-seq="...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, '.')
	return append(b, strconv.Itoa(1000 + now.Nanosecond()/1e6)[1:]...)
}

// topVia is where the first value of the first Via of a response stands.
func topVia(b []byte) (from, to int) {
	for at := 0; at < len(b); {
		n := bytes.IndexByte(b[at:], '\n')
		if n <= 1 {
			return -1, -1
		}
		line := b[at : at+n+1]
		if name, _, ok := bytes.Cut(line[:min(len(line), 8)], []byte(":")); ok && (bytes.EqualFold(bytes.TrimSpace(name), []byte("via")) || bytes.EqualFold(bytes.TrimSpace(name), []byte("v"))) {
			start := at + len(name) + 1
			return start, start + valueLen(b[start:at+n])
		}
		at += n + 1
	}
	return -1, -1
}

// valueLen is the length of the first value of a list, without white space behind it.
func valueLen(b []byte) int {
	quoted := false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\' && quoted:
			i++
		case b[i] == '"':
			quoted = !quoted
		case b[i] == ',' && !quoted:
			return len(bytes.TrimRight(b[:i], " \t\r"))
		}
	}
	return len(bytes.TrimRight(b, " \t\r"))
}

// ocParams finds the parameters of overload control in a Via value: where oc
// stands (-1 for none), whether the rate algorithm is among the offered ones, and
// where each of them begins and ends.
func ocParams(via []byte) (at int, rate bool, params [][2]int) {
	at = -1
	if !bytes.Contains(via, ocMark) {
		return at, false, nil
	}
	quoted, begin := false, -1
	end := func(i int) {
		if begin < 0 {
			return
		}
		name, value, _ := bytes.Cut(via[begin+1:i], []byte("="))
		switch name = bytes.TrimSpace(name); {
		case bytes.EqualFold(name, []byte("oc")):
			at = begin
		case bytes.EqualFold(name, []byte("oc-algo")):
			for a := range bytes.SplitSeq(bytes.Trim(value, "\" \t"), []byte(",")) {
				rate = rate || bytes.EqualFold(bytes.TrimSpace(a), []byte("rate"))
			}
		case bytes.EqualFold(name, []byte("oc-validity")), bytes.EqualFold(name, []byte("oc-seq")):
		default:
			return
		}
		params = append(params, [2]int{begin, i})
	}
	for i := 0; i < len(via); i++ {
		switch c := via[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			end(i)
			begin = i
		}
	}
	end(len(via))
	return at, rate, params
}
