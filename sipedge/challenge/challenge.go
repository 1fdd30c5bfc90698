// Package challenge answers: does the sender of this request know the password of
// its trunk?
//
// Digest authentication as a proxy asks for it (RFC 3261 section 22.3, RFC 7616,
// RFC 8760): a stateless 407 with SHA-256 and MD5, a nonce that is bound to the
// source and expires, a nonce count that no request may use twice, and a growing
// pause after failures for each user and address. Users that do not exist get the
// same answers after the same work. The package is quiet: instants and chance are
// arguments; what it remembers has a fixed size.
package challenge

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/icholy/digest"
)

// User is one trunk's name and password. The password itself is not kept.
type User struct {
	Name     string
	md5, sha string // H(A1), RFC 7616 section 3.4.2
	name     []byte
}

// NewUser makes a user of a realm.
func NewUser(realm, name, password string) *User {
	a1 := []byte(name + ":" + realm + ":" + password)
	m, s := md5.Sum(a1), sha256.Sum256(a1)
	return &User{Name: name, md5: hex.EncodeToString(m[:]), sha: hex.EncodeToString(s[:]), name: []byte(name)}
}

// Request is what is judged.
type Request struct {
	Method, URI string
	Credentials []string // values of Proxy-Authorization
	Source      netip.Addr
}

// Verdict is what to do with a request.
type Verdict uint8

const (
	Passed Verdict = iota
	Ask            // challenge it: no credentials, or wrong ones
	Stale          // challenge it: right ones, with a nonce that counts no more
)

// Life of a nonce, and the pauses after failures.
const (
	NonceLife  = 5 * time.Minute
	freeTries  = 5
	firstPause = time.Second
	mostPause  = 5 * time.Minute
	tableSize  = 4096
)

// Guard knows what nonces it has given and who fails. It is not safe for
// concurrent use without the lock of its owner.
type Guard struct {
	key    [32]byte
	nonces table[nonceID, uses]
	fails  table[culprit, failures]
	floor  int64 // nonces of that second or older count no more: one of them was forgotten
	nobody *User
}

type nonceID [8]byte

// uses is what was seen of one nonce: the highest count, and of the 64 below it which.
type uses struct {
	issued int64
	most   uint64
	seen   uint64
}

type culprit struct {
	user [8]byte // hashed, so that a long name costs no more
	addr netip.Addr
}

type failures struct {
	n     int
	until time.Time
}

// New makes a guard; key is a secret of this process, drawn at its start.
func New(key [32]byte) *Guard {
	g := &Guard{key: key, nobody: NewUser("", "", hex.EncodeToString(key[:]))}
	g.nonces.init(tableSize)
	g.fails.init(tableSize)
	return g
}

// nonceSize is seconds, chance and a MAC, before base64.
const nonceSize = 4 + 8 + 12

func (g *Guard) nonce(at int64, chance nonceID, realm string, source netip.Addr) string {
	var raw [nonceSize]byte
	binary.BigEndian.PutUint32(raw[:], uint32(at))
	copy(raw[4:], chance[:])
	m := hmac.New(sha256.New, g.key[:])
	m.Write(raw[:12])
	ip := source.As16()
	m.Write(ip[:])
	m.Write([]byte(realm))
	copy(raw[12:], m.Sum(nil))
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// read opens a nonce; ok says that this guard has given it to that source.
func (g *Guard) read(text, realm string, source netip.Addr) (at int64, id nonceID, ok bool) {
	var raw [nonceSize]byte
	if len(text) != base64.RawURLEncoding.EncodedLen(nonceSize) {
		return 0, id, false
	}
	if _, err := base64.RawURLEncoding.Decode(raw[:], []byte(text)); err != nil {
		return 0, id, false
	}
	at = int64(binary.BigEndian.Uint32(raw[:]))
	copy(id[:], raw[4:])
	return at, id, subtle.ConstantTimeCompare([]byte(text), []byte(g.nonce(at, id, realm, source))) == 1
}

// AppendChallenge appends the header lines of a 407. chance is drawn anew for
// each.
func (g *Guard) AppendChallenge(dst []byte, realm string, source netip.Addr, v Verdict, chance uint64, now time.Time) []byte {
	var id nonceID
	binary.BigEndian.PutUint64(id[:], chance)
	nonce := g.nonce(now.Unix(), id, realm, source)
	for _, algorithm := range [...]string{"SHA-256", "MD5"} { // RFC 8760 section 2.3: the best first
		dst = append(dst, `Proxy-Authenticate: Digest realm="`...)
		dst = append(append(dst, realm...), `", nonce="`...)
		dst = append(append(dst, nonce...), `", algorithm=`...)
		dst = append(append(dst, algorithm...), `, qop="auth"`...)
		if v == Stale {
			dst = append(dst, ", stale=true"...)
		}
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// Judge says whether the request proves to come from one of the users, and from
// which.
func (g *Guard) Judge(realm string, users []*User, r Request, now time.Time) (*User, Verdict) {
	c := pick(realm, r.Credentials)
	if c == nil || c.URI != r.URI || c.QOP != "auth" || c.Nc < 1 || c.Cnonce == "" || len(c.Username) > 255 {
		// Without qop there would be no count to tell a replay by.
		return nil, Ask
	}
	user := g.find(users, c.Username)
	at, id, ours := g.read(c.Nonce, realm, r.Source)
	who := g.culprit(c.Username, r.Source)
	if ours && g.pausing(who, now) {
		return nil, Ask
	}
	right := g.right(user, c, r.Method)
	switch {
	case !right && ours:
		// Only a wrong answer to a question that was heard counts: who forges his
		// source hears none, and so cannot keep the true one out.
		g.failed(who, now)
		return nil, Ask
	case !right || user == g.nobody:
		return nil, Ask
	case !ours || now.Unix()-at > int64(NonceLife/time.Second) || at > now.Unix()+1 || at <= g.floor:
		return nil, Stale
	case !g.fresh(id, at, uint64(c.Nc)):
		return nil, Stale
	}
	g.fails.forget(who)
	return user, Passed
}

// pick is the credentials for our realm.
func pick(realm string, values []string) *digest.Credentials {
	for _, v := range values {
		if c, err := digest.ParseCredentials(v); err == nil && c.Realm == realm {
			return c
		}
	}
	return nil
}

// find is the user of a name; all are compared, and nobody is like anybody else.
func (g *Guard) find(users []*User, name string) *User {
	found := g.nobody
	for _, u := range users {
		if subtle.ConstantTimeCompare(u.name, []byte(name)) == 1 {
			found = u
		}
	}
	return found
}

// right recomputes the response.
func (g *Guard) right(u *User, c *digest.Credentials, method string) bool {
	a1 := u.md5
	switch strings.ToUpper(c.Algorithm) {
	case "", "MD5":
	case "SHA-256":
		a1 = u.sha
	default:
		return false
	}
	want, err := digest.Digest(
		&digest.Challenge{Realm: c.Realm, Nonce: c.Nonce, Algorithm: c.Algorithm, QOP: []string{"auth"}},
		digest.Options{Method: method, URI: c.URI, Count: c.Nc, Username: c.Username, A1: a1, Cnonce: c.Cnonce})
	return err == nil && subtle.ConstantTimeCompare([]byte(want.Response), bytes.ToLower([]byte(c.Response))) == 1
}

// fresh says whether a count of a nonce is used for the first time, and marks it.
// Counts may overtake each other on the wire by up to 64.
func (g *Guard) fresh(id nonceID, at int64, count uint64) bool {
	u := g.nonces.get(id)
	if u == nil {
		gone, full := g.nonces.put(id, uses{issued: at, most: count, seen: 1})
		if full {
			g.floor = max(g.floor, gone.issued)
		}
		return at > g.floor
	}
	switch {
	case count > u.most:
		u.seen = u.seen<<min(count-u.most, 64) | 1
		u.most = count
		return true
	case u.most-count >= 64 || u.seen>>(u.most-count)&1 == 1:
		return false
	}
	u.seen |= 1 << (u.most - count)
	return true
}

func (g *Guard) culprit(user string, addr netip.Addr) culprit {
	sum := sha256.Sum256(append(slices.Clone(g.key[:8]), user...))
	return culprit{user: [8]byte(sum[:8]), addr: addr}
}

func (g *Guard) pausing(who culprit, now time.Time) bool {
	f := g.fails.get(who)
	return f != nil && now.Before(f.until)
}

func (g *Guard) failed(who culprit, now time.Time) {
	f := g.fails.get(who)
	if f == nil {
		g.fails.put(who, failures{n: 1})
		return
	}
	if f.n++; f.n >= freeTries {
		f.until = now.Add(min(firstPause<<min(f.n-freeTries, 16), mostPause))
	}
}

// table remembers so many things, and forgets the oldest for a new one.
type table[K comparable, V any] struct {
	at    map[K]int
	slots []entry[K, V]
	next  int
}

type entry[K comparable, V any] struct {
	key  K
	used bool
	v    V
}

func (t *table[K, V]) init(size int) {
	t.at, t.slots = make(map[K]int, size), make([]entry[K, V], size)
}

func (t *table[K, V]) get(k K) *V {
	if i, ok := t.at[k]; ok {
		return &t.slots[i].v
	}
	return nil
}

// put adds what is not there yet; gone is what had to be forgotten for it.
func (t *table[K, V]) put(k K, v V) (gone V, full bool) {
	e := &t.slots[t.next]
	if e.used {
		gone, full = e.v, true
		delete(t.at, e.key)
	}
	*e = entry[K, V]{k, true, v}
	t.at[k] = t.next
	t.next = (t.next + 1) % len(t.slots)
	return gone, full
}

func (t *table[K, V]) forget(k K) {
	if i, ok := t.at[k]; ok {
		delete(t.at, k)
		t.slots[i] = entry[K, V]{}
	}
}
