package message

import "iter"

// Values yields every value of a kind in order, comma lists split outside quotes
// and angle brackets. Empty values are left out. A header that is no list gives
// its value whole.
func (m *Message) Values(k Kind) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { m.eachValue(k, yield) }
}

func (m *Message) eachValue(k Kind, yield func([]byte) bool) {
	if !m.Has(k) {
		return
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.Kind != k {
			continue
		}
		if !listed[k] {
			if !yield(h.Value) {
				return
			}
			continue
		}
		v, rest, ok := cutValue(h.Value)
		for ; ok; v, rest, ok = cutValue(rest) {
			if !yield(v) {
				return
			}
		}
	}
}

// Count is the number of values of a kind.
func (m *Message) Count(k Kind) int {
	n := 0
	for range m.Values(k) {
		n++
	}
	return n
}

// ViaBelow reads the second Via value: in a response, where it came from before
// it came to us. false when there is none or it cannot be read.
func (m *Message) ViaBelow() (Via, bool) {
	skip := true
	for b := range m.Values(KVia) {
		if skip {
			skip = false
			continue
		}
		v, err := ParseVia(b)
		return v, err == nil
	}
	return Via{}, false
}
