package token

import (
	"crypto/cipher"
	"encoding/binary"
)

// tagSize is the length of the synthetic IV. RFC 5297 uses 16 bytes; 12 keep a
// Record-Route short, and a forger gets one guess in 2^96 per message.
const tagSize = 12

// siv is SIV mode (RFC 5297) with AES-128: the tag authenticates, and is the
// nonce of the encryption, so no random source and no counter is needed and the
// same input seals to the same text on every edge.
type siv struct {
	mac mac
	ctr cipher.Block
}

// work is the memory of one operation. A cipher's arguments escape, so it is
// pooled instead of living on the stack.
type work struct {
	d, x  block
	plain []byte
	buf   []byte // decoded or to be encoded
	saved []byte // buf as it came, for the next key
}

// start is the first part of S2V (RFC 5297 2.4): over what never changes, so
// that it is done once per key.
func (s *siv) start(data ...[]byte) block {
	w := new(work)
	s.mac.sum(&w.d, w.x[:])
	s.absorb(w, data)
	return w.d
}

func (s *siv) absorb(w *work, data [][]byte) {
	for _, ad := range data {
		double(&w.d)
		s.mac.sum(&w.x, ad)
		xor(&w.d, w.x[:])
	}
}

// tag leaves in w.d the synthetic IV of the plaintext under the associated data
// that went into start and the rest of it (RFC 5297 2.4).
func (s *siv) tag(w *work, start *block, plain []byte, rest ...[]byte) {
	w.d = *start
	s.absorb(w, rest)
	w.plain = append(w.plain[:0], plain...)
	if n := len(plain); n >= blockSize {
		for i, c := range w.d {
			w.plain[n-blockSize+i] ^= c
		}
	} else {
		double(&w.d)
		w.plain = append(w.plain, 0x80)
		for len(w.plain) < blockSize {
			w.plain = append(w.plain, 0)
		}
		for i, c := range w.d {
			w.plain[i] ^= c
		}
	}
	s.mac.sum(&w.d, w.plain)
}

// crypt encrypts or decrypts b in place with the tag as nonce: AES-CTR with the
// last four bytes counting from zero.
func (s *siv) crypt(w *work, tag, b []byte) {
	for n := uint32(0); len(b) > 0; n++ {
		copy(w.x[:], tag[:tagSize])
		binary.BigEndian.PutUint32(w.x[tagSize:], n)
		s.ctr.Encrypt(w.x[:], w.x[:])
		k := min(len(b), blockSize)
		for i := range k {
			b[i] ^= w.x[i]
		}
		b = b[k:]
	}
}
