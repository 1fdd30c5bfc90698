package records

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/speakops/sipedge/routing/e164"
)

// maxText is how many bytes of one text from outside go into a record. Real
// Call-IDs and branches are far shorter; a longer one is cut and ends in "...".
const maxText = 256

// Encoder writes records as JSON Lines, without reflection and without
// allocating once dst has room. It is immutable and safe for concurrent use.
type Encoder struct {
	Edge string // id of this edge, in every line

	// Mask appends a shortened form of a number; nil writes numbers whole.
	Mask func(dst []byte, n e164.Number) []byte
}

// object is one JSON object being appended. Fields with nothing to say are left
// out by the methods that take text, so that a line holds only what is known.
type object struct {
	b    []byte
	more bool // a field was written, a comma comes first
}

func (o *object) open(kind string) {
	o.b = append(o.b, '{')
	o.more = false
	o.uint("schema", Schema)
	o.text("kind", kind)
}

func (o *object) close() []byte { return append(o.b, '}', '\n') }

// key writes a name of ours: plain ASCII, nothing to escape.
func (o *object) key(name string) {
	if o.more {
		o.b = append(o.b, ',')
	}
	o.more = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) uint(name string, v uint64) {
	o.key(name)
	o.b = strconv.AppendUint(o.b, v, 10)
}

func (o *object) int(name string, v int64) {
	o.key(name)
	o.b = strconv.AppendInt(o.b, v, 10)
}

// count leaves zero out.
func (o *object) count(name string, v int) {
	if v != 0 {
		o.int(name, int64(v))
	}
}

// flag leaves false out.
func (o *object) flag(name string, v bool) {
	if v {
		o.key(name)
		o.b = append(o.b, "true"...)
	}
}

func (o *object) call(name string, id CallID) {
	if id == (CallID{}) {
		return
	}
	o.key(name)
	o.b = append(o.b, '"')
	o.b = hex.AppendEncode(o.b, id[:])
	o.b = append(o.b, '"')
}

func (o *object) text(name, s string) {
	if s != "" {
		o.key(name)
		o.b = appendText(o.b, s)
	}
}

func (o *object) wire(name string, s []byte) {
	if len(s) > 0 {
		o.key(name)
		o.b = appendText(o.b, s)
	}
}

func (o *object) addr(name string, a netip.AddrPort) {
	if a.IsValid() {
		o.key(name)
		// A zone is the one part of an address that is free text.
		if a.Addr().Zone() != "" {
			o.b = appendText(o.b, a.String())
			return
		}
		o.b = append(o.b, '"')
		o.b = a.AppendTo(o.b)
		o.b = append(o.b, '"')
	}
}

// time writes microseconds; instants of the store have no more.
func (o *object) time(name string, at time.Time) { o.instant(name, at, 1000, 6) }

// exact writes nanoseconds: the ends of a clock interval decide, and rounding
// one inward would let a replay of the decision come out otherwise.
func (o *object) exact(name string, at time.Time) { o.instant(name, at, 1, 9) }

func (o *object) instant(name string, at time.Time, unit, digits int) {
	if at.IsZero() {
		return
	}
	o.key(name)
	o.b = append(o.b, '"')
	o.b = at.UTC().AppendFormat(o.b, time.RFC3339)
	o.b[len(o.b)-1] = '.' // over the Z
	from := len(o.b)
	o.b = append(o.b, "000000000Z\""[9-digits:]...)
	for v, i := at.Nanosecond()/unit, from+digits-1; v > 0; v, i = v/10, i-1 {
		o.b[i] += byte(v % 10)
	}
}

// millis writes a duration in milliseconds, rounded down.
func (o *object) millis(name string, d time.Duration) { o.int(name, d.Milliseconds()) }

func (o *object) number(name string, n e164.Number, e *Encoder) {
	if n == 0 {
		return
	}
	o.key(name)
	o.b = append(o.b, '"')
	if e.Mask != nil {
		o.b = e.Mask(o.b, n)
	} else {
		o.b = n.Append(o.b)
	}
	o.b = append(o.b, '"')
}

const hexDigits = "0123456789abcdef"

// appendText quotes a text of at most maxText bytes. Everything but printable
// ASCII becomes an escape: control bytes for the sake of terminals and line
// readers, the rest of Unicode because its direction marks can make a line show
// something else than it says. Bytes that are no UTF-8 become U+FFFD.
func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		if i >= maxText {
			dst = append(dst, "..."...)
			break
		}
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
			i++
		case c >= ' ' && c < 0x7f:
			dst = append(dst, c)
			i++
		case c < utf8.RuneSelf:
			dst = appendUnit(dst, rune(c))
			i++
		default:
			var window [utf8.UTFMax]byte
			r, n := utf8.DecodeRune(window[:copy(window[:], s[i:])])
			if r > 0xffff {
				r -= 0x10000
				dst = appendUnit(dst, 0xd800+r>>10)
				r = 0xdc00 + r&0x3ff
			}
			dst = appendUnit(dst, r)
			i += n
		}
	}
	return append(dst, '"')
}

func appendUnit(dst []byte, u rune) []byte {
	return append(dst, '\\', 'u', hexDigits[u>>12&15], hexDigits[u>>8&15], hexDigits[u>>4&15], hexDigits[u&15])
}
