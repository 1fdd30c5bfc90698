package token

import "crypto/cipher"

const blockSize = 16

type block = [blockSize]byte

// mac is AES-CMAC (RFC 4493) under one key. It holds no state of a message, so
// it is safe for concurrent use.
type mac struct {
	aes    cipher.Block
	k1, k2 block // subkeys for a whole and for a padded last block
}

func newMAC(aes cipher.Block) mac {
	m := mac{aes: aes}
	aes.Encrypt(m.k1[:], m.k1[:])
	double(&m.k1)
	m.k2 = m.k1
	double(&m.k2)
	return m
}

// double multiplies by x in GF(2^128) (RFC 5297 2.3; the subkey step of RFC 4493 2.3),
// without a branch on the secret bit.
func double(b *block) {
	carry := b[0] >> 7
	for i := range blockSize - 1 {
		b[i] = b[i]<<1 | b[i+1]>>7
	}
	b[blockSize-1] = b[blockSize-1]<<1 ^ carry*0x87
}

func xor(dst *block, src []byte) {
	for i, c := range src {
		dst[i] ^= c
	}
}

// sum leaves the CMAC of msg in out. Out must live on the heap already, or it
// moves there.
func (m *mac) sum(out *block, msg []byte) {
	*out = block{}
	for len(msg) > blockSize {
		xor(out, msg[:blockSize])
		m.aes.Encrypt(out[:], out[:])
		msg = msg[blockSize:]
	}
	xor(out, msg)
	if len(msg) == blockSize {
		xor(out, m.k1[:])
	} else {
		out[len(msg)] ^= 0x80
		xor(out, m.k2[:])
	}
	m.aes.Encrypt(out[:], out[:])
}
