package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
)

// Token is one person's or machine's key. Only its hash is kept: the SHA-256 of
// the token in hex, with or without "sha256:" before it.
//
// A plain hash is enough, and a slow one would be worse. Tokens are made by
// NewToken out of 256 random bits, which no one can search, however fast the
// hash; argon2 or bcrypt defend what people choose themselves, and here would
// only let a stranger buy 100 ms of our processor with every wrong guess. So that
// nobody chooses one himself, what is shorter than MinToken is never accepted.
type Token struct {
	Name string
	Role Role
	Hash string
}

// MinToken is the least length of a token that is accepted, in bytes.
const MinToken = 32

// NewToken makes a token nobody can guess: 260 random bits behind a word that
// secret scanners and people recognise.
func NewToken() string { return "sipedge_" + rand.Text() + rand.Text() }

// Hash is the stored form of a token.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// keyring is every token in force. It is replaced whole.
type keyring struct {
	keys    []key
	retired chan struct{} // closed when the next one takes its place
}

type key struct {
	name string
	role Role
	hash [sha256.Size]byte
}

// SetTokens puts other tokens into force, for requests that come from now on;
// event streams end and must ask again. On an error the old ones stay.
func (s *Server) SetTokens(tokens []Token) error {
	ring := &keyring{retired: make(chan struct{})}
	for _, t := range tokens {
		sum, err := hex.DecodeString(strings.TrimPrefix(t.Hash, "sha256:"))
		if err != nil || len(sum) != sha256.Size {
			return fmt.Errorf("admin: token %q: hash is not the SHA-256 of a token in hex; `sipedge token` prints token and hash", t.Name)
		}
		if t.Role < Viewer || t.Role > Approver {
			return fmt.Errorf("admin: token %q: no role; use viewer, operator or approver", t.Name)
		}
		ring.keys = append(ring.keys, key{t.Name, t.Role, [sha256.Size]byte(sum)})
	}
	if old := s.keys.Swap(ring); old != nil {
		close(old.retired)
	}
	return nil
}

// find compares with every key, also after a match, and whatever came: the time
// taken says nothing about how near a guess was, or whether there was a token.
func (r *keyring) find(token string) (found *key) {
	sum := sha256.Sum256([]byte(token))
	for i := range r.keys {
		if subtle.ConstantTimeCompare(sum[:], r.keys[i].hash[:]) == 1 && len(token) >= MinToken {
			found = &r.keys[i]
		}
	}
	return found
}
