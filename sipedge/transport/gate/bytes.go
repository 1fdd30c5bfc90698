package gate

import "encoding/binary"

// token marks the bytes of a method or header name (RFC 3261 25.1).
var token = func() (t [256]bool) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = true
	}
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-0x20] = true, true
	}
	for _, c := range []byte("-.!%*_+`'~") {
		t[c] = true
	}
	return t
}()

func tokens(b []byte) bool {
	for _, c := range b {
		if !token[c] {
			return false
		}
	}
	return len(b) > 0
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// odd has the high bit of each byte set that is below blank or DEL. Adding and
// subtracting can also mark the neighbour above a marked byte or above 0xff, so
// a mark means: look closely.
func odd(x uint64) uint64 { return ((x - 0x20*ones) | (x + ones)) &^ x }

// plain says that b holds no byte below blank and no DEL. Eight bytes are looked
// at in one step: a head is mostly text. It may say false of text with 0xff in it.
func plain(b []byte) bool {
	if len(b) < 8 {
		return control(b, 0) == len(b)
	}
	last := odd(binary.LittleEndian.Uint64(b[len(b)-8:]))
	for len(b) >= 32 {
		last |= odd(binary.LittleEndian.Uint64(b)) | odd(binary.LittleEndian.Uint64(b[8:])) |
			odd(binary.LittleEndian.Uint64(b[16:])) | odd(binary.LittleEndian.Uint64(b[24:]))
		b = b[32:]
	}
	for len(b) >= 8 {
		last |= odd(binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	return last&highs == 0
}

// control finds the next byte from i on that is below blank or DEL, len(b) when
// there is none.
func control(b []byte, i int) int {
	for ; i < len(b); i++ {
		if b[i] < 0x20 || b[i] == 0x7f {
			return i
		}
	}
	return len(b)
}
