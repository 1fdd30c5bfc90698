package token

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func macOf(t *testing.T, key string) mac {
	t.Helper()
	c, err := aes.NewCipher(unhex(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return newMAC(c)
}

func TestCMACVectorsOfRFC4493(t *testing.T) {
	m := macOf(t, "2b7e1516 28aed2a6 abf71588 09cf4f3c")
	if !bytes.Equal(m.k1[:], unhex(t, "fbeed618 35713366 7c85e08f 7236a8de")) || !bytes.Equal(m.k2[:], unhex(t, "f7ddac30 6ae266cc f90bc11e e46d513b")) {
		t.Errorf("subkeys %x %x", m.k1, m.k2)
	}
	msg := unhex(t, "6bc1bee2 2e409f96 e93d7e11 7393172a ae2d8a57 1e03ac9c 9eb76fac 45af8e51 30c81c46 a35ce411 e5fbc119 1a0a52ef f69f2445 df4f9b17 ad2b417b e66c3710")
	for n, want := range map[int]string{
		0:  "bb1d6929 e9593728 7fa37d12 9b756746",
		16: "070a16b4 6b4d4144 f79bdd9d d04a287c",
		40: "dfa66747 de9ae630 30ca3261 1497c827",
		64: "51f0bebf 7e3b9d92 fc497417 79363cfe",
	} {
		var out block
		m.sum(&out, msg[:n])
		if !bytes.Equal(out[:], unhex(t, want)) {
			t.Errorf("%d bytes: %x, want %s", n, out, want)
		}
	}
}

func TestS2VVectorsOfRFC5297(t *testing.T) {
	for _, c := range []struct {
		key, plain, want string
		data             []string
	}{
		{ // A.1
			key: "fffefdfc fbfaf9f8 f7f6f5f4 f3f2f1f0", plain: "11223344 55667788 99aabbcc ddee",
			want: "85632d07 c6e8f37f 950acd32 0a2ecc93",
			data: []string{"10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627"},
		},
		{ // A.2
			key:   "7f7e7d7c 7b7a7978 77767574 73727170",
			plain: "74686973 20697320 736f6d65 20706c61 696e7465 78742074 6f20656e 63727970 74207573 696e6720 5349562d 414553",
			want:  "7bdb6e3b 432667eb 06f4d14b ff2fbd0f",
			data: []string{
				"00112233 44556677 8899aabb ccddeeff deaddada deaddada ffeeddcc bbaa9988 77665544 33221100",
				"10203040 50607080 90a0", "09f91102 9d74e35b d84156c5 635688c0",
			},
		},
	} {
		s := siv{mac: macOf(t, c.key)}
		var data [][]byte
		for _, d := range c.data {
			data = append(data, unhex(t, d))
		}
		for split := range len(data) + 1 { // what is done before makes no difference
			w := new(work)
			start := s.start(data[:split]...)
			s.tag(w, &start, unhex(t, c.plain), data[split:]...)
			if !bytes.Equal(w.d[:], unhex(t, c.want)) {
				t.Errorf("split at %d: %x, want %s", split, w.d, c.want)
			}
		}
	}
}
