package token

import (
	"crypto/aes"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/dchest/siphash"
)

// ErrForged is every way a token can be wrong: not ours, changed, cut, moved to
// another dialog, or sealed under a key that is gone. Which one is nobody's business.
var ErrForged = errors.New("token: not sealed by this site for this dialog")

// Ring holds the keys of a site: the first seals, all open. It is immutable and
// safe for concurrent use.
type Ring struct {
	keys []key
	pool sync.Pool // of *work
}

// key is one site key, taken apart so that no two uses share one.
type key struct {
	id     byte // stands in clear in front of a token, so that the right key is tried
	siv    siv
	token  block // S2V begun for each kind of what is sealed
	text   block
	k0, k1 uint64 // SipHash
}

// NewRing makes a ring of one or more 32-byte keys. A key may stand in it once;
// all zero is no key.
func NewRing(keys ...[32]byte) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("token: a ring needs at least one key")
	}
	r := &Ring{keys: make([]key, len(keys))}
	r.pool.New = func() any {
		return &work{plain: make([]byte, 0, 128), buf: make([]byte, 0, 256)}
	}
	for i, k := range keys {
		if k == ([32]byte{}) {
			return nil, fmt.Errorf("token: key %d is all zero", i+1)
		}
		for j := range i {
			if keys[j] == k {
				return nil, fmt.Errorf("token: key %d is key %d again", i+1, j+1)
			}
		}
		if err := r.keys[i].derive(k); err != nil {
			return nil, fmt.Errorf("token: key %d: %w", i+1, err)
		}
	}
	return r, nil
}

// derive makes the subkeys (RFC 5869; the key is uniform, so it is only expanded).
func (k *key) derive(site [32]byte) error {
	b, err := hkdf.Expand(sha256.New, site[:], "sipedge route token", 49)
	if err != nil {
		return err
	}
	authenticate, err := aes.NewCipher(b[:16])
	if err != nil {
		return err
	}
	encrypt, err := aes.NewCipher(b[16:32])
	if err != nil {
		return err
	}
	k.siv = siv{mac: newMAC(authenticate), ctr: encrypt}
	k.k0, k.k1 = binary.LittleEndian.Uint64(b[32:]), binary.LittleEndian.Uint64(b[40:])
	k.id = b[48]
	// The kind is the first associated data: a text never opens as a token.
	k.token = k.siv.start([]byte("token"), b[48:])
	k.text = k.siv.start([]byte("text"), b[48:])
	return nil
}

// kind chooses what is sealed.
type kind bool

const (
	aToken kind = true
	aText  kind = false
)

func (k *key) begun(what kind) *block {
	if what == aToken {
		return &k.token
	}
	return &k.text
}

// Seal appends the sealed token as base64url text of MaxLen characters. callID
// and callerTag are bound as associated data: a token replayed in another
// dialog does not open.
func (r *Ring) Seal(dst []byte, t *Token, callID, callerTag []byte) []byte {
	var b [packedSize]byte
	t.pack(&b)
	return r.seal(dst, aToken, b[:], callID, callerTag)
}

// Open reads a sealed token; ErrForged covers every way it can be wrong. Expires
// is not compared: this package knows no clock.
func (r *Ring) Open(text []byte, callID, callerTag []byte) (t Token, err error) {
	if len(text) != MaxLen {
		return Token{}, ErrForged
	}
	w := r.pool.Get().(*work)
	defer r.pool.Put(w)
	plain, ok := r.open(w, aToken, text, callID, callerTag)
	if !ok || len(plain) != packedSize || !t.unpack(plain) {
		return Token{}, ErrForged
	}
	return t, nil
}

// SealText appends arbitrary bytes sealed as base64url text (hidden Contacts and
// route sets): 18 characters and a third longer than plain.
func (r *Ring) SealText(dst, plain, callID []byte) []byte {
	return r.seal(dst, aText, plain, callID, nil)
}

// OpenText reverses SealText, appending the plaintext to dst. On ErrForged dst
// comes back as it was.
func (r *Ring) OpenText(dst, text, callID []byte) ([]byte, error) {
	w := r.pool.Get().(*work)
	defer r.pool.Put(w)
	plain, ok := r.open(w, aText, text, callID, nil)
	if !ok {
		return dst, ErrForged
	}
	return append(dst, plain...), nil
}

func (r *Ring) seal(dst []byte, what kind, plain, callID, callerTag []byte) []byte {
	w := r.pool.Get().(*work)
	defer r.pool.Put(w)
	k := &r.keys[0]
	w.buf = append(w.buf[:0], k.id)
	w.buf = append(w.buf, make([]byte, tagSize)...)
	w.buf = append(w.buf, plain...)
	tag, body := w.buf[1:1+tagSize], w.buf[1+tagSize:]
	k.siv.tag(w, k.begun(what), body, callID, callerTag)
	copy(tag, w.d[:])
	k.siv.crypt(w, tag, body)
	return Text.AppendEncode(dst, w.buf)
}

// open returns the plaintext in w's memory.
func (r *Ring) open(w *work, what kind, text, callID, callerTag []byte) ([]byte, bool) {
	// The decoder steps over line breaks, which would be a second spelling.
	size := Text.DecodedLen(len(text))
	if size < 1+tagSize {
		return nil, false
	}
	w.buf = append(w.buf[:0], make([]byte, size)...)
	n, err := Text.Decode(w.buf, text)
	if err != nil || n != size {
		return nil, false
	}
	w.saved = append(w.saved[:0], w.buf...)
	for i := range r.keys {
		k := &r.keys[i]
		if k.id != w.saved[0] {
			continue
		}
		copy(w.buf, w.saved)
		tag, body := w.buf[1:1+tagSize], w.buf[1+tagSize:]
		k.siv.crypt(w, tag, body)
		k.siv.tag(w, k.begun(what), body, callID, callerTag)
		if subtle.ConstantTimeCompare(w.d[:tagSize], tag) == 1 {
			return body, true
		}
	}
	return nil, false
}

// Sum is a keyed 128-bit hash of the parts (each framed by its length), stable
// across restarts while the first key stays: it makes branches and tags that
// nobody else can make (SipHash-2-4).
func (r *Ring) Sum(parts ...[]byte) (out [16]byte) { return r.sum(&r.keys[0], parts) }

// Made says whether sum (1 to 16 bytes) begins what Sum makes of the parts under
// any key of the ring: what was on its way when a new key was put first is still ours.
func (r *Ring) Made(sum []byte, parts ...[]byte) bool {
	for i := range r.keys {
		made := r.sum(&r.keys[i], parts)
		if n := len(sum); n > 0 && n <= len(made) && subtle.ConstantTimeCompare(sum, made[:n]) == 1 {
			return true
		}
	}
	return false
}

func (r *Ring) sum(k *key, parts [][]byte) (out [16]byte) {
	w := r.pool.Get().(*work)
	defer r.pool.Put(w)
	w.buf = w.buf[:0]
	for _, p := range parts {
		w.buf = binary.LittleEndian.AppendUint32(w.buf, uint32(len(p)))
		w.buf = append(w.buf, p...)
	}
	lo, hi := siphash.Hash128(k.k0, k.k1, w.buf)
	binary.LittleEndian.PutUint64(out[:], lo)
	binary.LittleEndian.PutUint64(out[8:], hi)
	return out
}
