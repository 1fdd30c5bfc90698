package challenge

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/icholy/digest"
)

const (
	realm = "sipedge"
	uri   = "sip:+12025550143@203.0.113.10"
)

var (
	start = time.Unix(1_800_000_000, 0)
	here  = netip.MustParseAddr("192.0.2.7")
	there = netip.MustParseAddr("192.0.2.8")
)

// client answers challenges as a user agent does, with the library's own client side.
type client struct {
	t              *testing.T
	g              *Guard
	users          []*User
	name, password string
	from           netip.Addr
	now            time.Time
	chance         uint64
	chal           *digest.Challenge
	count          int
}

func newClient(t *testing.T) *client {
	return &client{t: t, g: New([32]byte{1}), users: []*User{NewUser(realm, "acme", "secret"), NewUser(realm, "other", "word")},
		name: "acme", password: "secret", from: here, now: start}
}

// ask gets a new challenge with an algorithm.
func (c *client) ask(algorithm string) string {
	c.t.Helper()
	c.chance++
	c.count = 0
	lines := string(c.g.AppendChallenge(nil, realm, c.from, Ask, c.chance, c.now))
	for line := range strings.SplitSeq(lines, "\r\n") {
		value, _ := strings.CutPrefix(line, "Proxy-Authenticate: ")
		chal, err := digest.ParseChallenge(value)
		if err == nil && chal.Algorithm == algorithm {
			c.chal = chal
		}
	}
	return lines
}

// credentials are those of the next request.
func (c *client) credentials() string {
	c.t.Helper()
	c.count++
	cred, err := digest.Digest(c.chal, digest.Options{Method: "INVITE", URI: uri, Username: c.name, Password: c.password, Count: c.count, Cnonce: "abc"})
	if err != nil {
		c.t.Fatal(err)
	}
	return cred.String()
}

func (c *client) try(text string) Verdict {
	_, v := c.g.Judge(realm, c.users, Request{"INVITE", uri, []string{text}, c.from}, c.now)
	return v
}

func (c *client) want(v Verdict, text, what string) {
	c.t.Helper()
	if got := c.try(text); got != v {
		c.t.Errorf("%s: verdict %d, want %d", what, got, v)
	}
}

func TestRightPasswordPasses(t *testing.T) {
	for _, algorithm := range []string{"SHA-256", "MD5"} {
		c := newClient(t)
		c.ask(algorithm)
		user, v := c.g.Judge(realm, c.users, Request{"INVITE", uri, []string{`Digest username="x", realm="elsewhere"`, c.credentials()}, here}, c.now)
		if v != Passed || user.Name != "acme" {
			t.Errorf("%s: %v, %v", algorithm, user, v)
		}
		c.want(Passed, c.credentials(), "the next request with the same nonce")
		c.name, c.password = "other", "word"
		c.want(Passed, c.credentials(), "another user")
		c.password = "secret"
		c.want(Ask, c.credentials(), "another's password")
	}
}

func TestWhatDoesNotPass(t *testing.T) {
	for name, change := range map[string]func(c *client) string{
		"no credentials":       func(c *client) string { return "" },
		"another scheme":       func(c *client) string { return "Basic YWNtZTpzZWNyZXQ=" },
		"wrong password":       func(c *client) string { c.password = "guess"; return c.credentials() },
		"unknown user":         func(c *client) string { c.name = "nobody"; return c.credentials() },
		"empty user":           func(c *client) string { c.name, c.password = "", ""; return c.credentials() },
		"another realm":        func(c *client) string { return strings.Replace(c.credentials(), `realm="sipedge"`, `realm="else"`, 1) },
		"another number":       func(c *client) string { return strings.Replace(c.credentials(), "0143", "0199", 1) },
		"without qop":          func(c *client) string { c.chal.QOP = nil; return c.credentials() },
		"an unknown algorithm": func(c *client) string { c.chal.Algorithm = "SHA-512"; return c.credentials() },
	} {
		c := newClient(t)
		c.ask("SHA-256")
		c.want(Ask, change(c), name)
	}
	c := newClient(t)
	c.ask("MD5")
	text := c.credentials()
	if _, v := c.g.Judge(realm, c.users, Request{"BYE", uri, []string{text}, here}, c.now); v != Ask {
		t.Error("credentials of an INVITE pass for another method")
	}
	if _, v := c.g.Judge(realm, c.users, Request{"INVITE", "sip:+19005550199@203.0.113.10", []string{text}, here}, c.now); v != Ask {
		t.Error("credentials of one call pass for another number")
	}
}

// A nonce belongs to one source, one edge and a while; each count of it to one request.
func TestNoncesAreBoundAndCounted(t *testing.T) {
	c := newClient(t)
	c.ask("SHA-256")
	first := c.credentials()
	c.want(Passed, first, "the first")
	c.want(Stale, first, "a replay")
	second, third := c.credentials(), c.credentials()
	c.want(Passed, third, "one that overtook another")
	c.want(Passed, second, "the one overtaken")
	c.want(Stale, second, "and its replay")
	c.count += 1000
	c.want(Passed, c.credentials(), "a leap")
	c.count -= 501
	c.want(Stale, c.credentials(), "a count from long ago")
	c.ask("SHA-256")
	c.from = there
	c.want(Stale, c.credentials(), "from another source")
	c.from = here
	c.want(Passed, c.credentials(), "from its own")
	c.now = c.now.Add(NonceLife + 2*time.Second)
	c.want(Stale, c.credentials(), "an old nonce")
	c.ask("SHA-256")
	c.g = New([32]byte{2})
	c.want(Stale, c.credentials(), "another edge's nonce")
	if lines := string(c.g.AppendChallenge(nil, realm, here, Stale, 9, c.now)); strings.Count(lines, "stale=true") != 2 {
		t.Errorf("a stale challenge does not say so:\n%s", lines)
	}
}

// After five wrong answers a user at an address waits, longer each time, whether
// there is such a user or not; right ones wait too, elsewhere nobody does.
func TestBackOff(t *testing.T) {
	for _, name := range []string{"acme", "nobody"} {
		c := newClient(t)
		c.name = name
		wrong := func() {
			c.password = "guess"
			c.ask("MD5")
			c.want(Ask, c.credentials(), "a guess")
		}
		for range freeTries {
			wrong()
		}
		c.name, c.password = name, "secret"
		c.ask("MD5")
		c.want(Ask, c.credentials(), "the right one during the pause")
		if name == "acme" {
			c.from = there
			c.ask("MD5")
			c.want(Passed, c.credentials(), "from elsewhere")
			c.from = here
			c.now = c.now.Add(firstPause + time.Millisecond)
			c.ask("MD5")
			c.want(Passed, c.credentials(), "after the pause")
		}
	}
	c := newClient(t)
	pause := time.Duration(0)
	for i := range 40 {
		c.password = "guess"
		c.ask("MD5")
		c.want(Ask, c.credentials(), "a guess")
		if f := c.g.fails.get(c.g.culprit("acme", here)); f != nil && f.n >= freeTries {
			if next := f.until.Sub(c.now); next < pause || next > mostPause {
				t.Fatalf("guess %d: a pause of %v after one of %v", i, next, pause)
			} else {
				pause = next
			}
			c.now = f.until
		}
	}
	if pause != mostPause {
		t.Errorf("the longest pause is %v", pause)
	}
}

// Who forges a trunk's address hears no nonce, and so cannot lock the trunk out.
func TestForgedSourcesLockNobodyOut(t *testing.T) {
	c := newClient(t)
	c.ask("MD5")
	real := *c.chal
	for i := range 1000 {
		c.password, c.chal.Nonce = "guess", fmt.Sprintf("%032d", i)
		c.want(Ask, c.credentials(), "a forged nonce")
	}
	c.chal, c.password = &real, "secret"
	c.want(Passed, c.credentials(), "the true trunk")
}

// An unknown user gets the same answer as a wrong password, word for word.
func TestUnknownUsersLookLikeOthers(t *testing.T) {
	a, b := newClient(t), newClient(t)
	b.name = "nobody"
	a.password, b.password = "guess", "guess"
	for range 10 {
		x, y := a.ask("MD5"), b.ask("MD5")
		if x != y || a.try(a.credentials()) != b.try(b.credentials()) {
			t.Fatal("an unknown user is told from a known one")
		}
	}
}

// What is remembered has a fixed size; what had to be forgotten passes no more.
func TestMemoryIsBounded(t *testing.T) {
	c := newClient(t)
	c.ask("MD5")
	old := c.credentials()
	c.want(Passed, old, "the first")
	for range 2 * tableSize {
		c.now = c.now.Add(20 * time.Millisecond)
		c.ask("MD5")
		c.want(Passed, c.credentials(), "one of many")
	}
	c.want(Stale, old, "a replay of what was forgotten")
	for i := range 3 * tableSize {
		c.from = netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		c.password = "guess"
		c.ask("MD5")
		c.try(c.credentials())
	}
	if len(c.g.nonces.at) > tableSize || len(c.g.fails.at) > tableSize {
		t.Errorf("%d nonces, %d failures remembered", len(c.g.nonces.at), len(c.g.fails.at))
	}
}

func FuzzJudge(f *testing.F) {
	f.Add(`Digest username="acme", realm="sipedge", nonce="x", uri="sip:x", response="0", qop=auth, nc=00000001, cnonce="a"`)
	g := New([32]byte{3})
	users := []*User{NewUser(realm, "acme", "secret")}
	f.Fuzz(func(t *testing.T, text string) {
		if _, v := g.Judge(realm, users, Request{"INVITE", uri, []string{text}, here}, start); v == Passed {
			t.Fatalf("%q passes", text)
		}
	})
}
