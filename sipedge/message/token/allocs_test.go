//go:build !race

package token

import "testing"

// The race detector lets pools forget on purpose, so this is built without it.
func TestNothingIsAllocated(t *testing.T) {
	r := ring(t, 1, 2)
	s := sample()
	text := r.Seal(nil, &s, callID, tag)
	dst := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(200, func() {
		dst = r.Seal(dst[:0], &s, callID, tag)
		if _, err := r.Open(text, callID, tag); err != nil {
			t.Fatal(err)
		}
		r.Sum(callID, tag, text)
	}); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}
