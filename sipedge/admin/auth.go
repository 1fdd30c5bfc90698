package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Role is what a token may do; each role may do everything below it.
type Role uint8

const (
	// Anyone needs no token: health and readiness, which load balancers ask.
	Anyone Role = iota
	Viewer
	Operator
	Approver
)

var roleWords = [...]string{"anyone", "viewer", "operator", "approver"}

func (r Role) String() string {
	if int(r) < len(roleWords) {
		return roleWords[r]
	}
	return fmt.Sprintf("role(%d)", uint8(r))
}

// ParseRole reads viewer, operator or approver.
func ParseRole(s string) (Role, error) {
	for i, word := range roleWords[Viewer:] {
		if s == word {
			return Viewer + Role(i), nil
		}
	}
	return 0, fmt.Errorf("role %q is none of viewer, operator, approver", s)
}

// Token is one person's or machine's key. Only its hash is kept here: the
// SHA-256 of the token in hex. Tokens are long and random, so that a plain hash
// of one cannot be searched.
type Token struct {
	Name string
	Role Role
	Hash string
}

// Hash is the stored form of a token.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

type key struct {
	name string
	role Role
	hash [sha256.Size]byte
}

func readTokens(tokens []Token) ([]key, error) {
	keys := make([]key, 0, len(tokens))
	for _, t := range tokens {
		sum, err := hex.DecodeString(t.Hash)
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("admin: token %q: hash is not 64 hex digits; it is the SHA-256 of the token", t.Name)
		}
		if t.Role < Viewer || t.Role > Approver {
			return nil, fmt.Errorf("admin: token %q: no role; use viewer, operator or approver", t.Name)
		}
		keys = append(keys, key{t.Name, t.Role, [sha256.Size]byte(sum)})
	}
	return keys, nil
}

type actorKey struct{}

// Actor is the name of the token a request came with; "" when none was needed.
func Actor(ctx context.Context) string {
	name, _ := ctx.Value(actorKey{}).(string)
	return name
}

// authorise finds out who asks and whether they may.
func (s *Server) authorise(r *http.Request, need Role) (actor string, err error) {
	if need == Anyone {
		return "", nil
	}
	if len(s.keys) == 0 {
		return "", withoutTokens(r)
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", &Error{Code: http.StatusUnauthorized, Because: "no_token", Message: "send a token: Authorization: Bearer ..."}
	}
	k := s.find(strings.TrimSpace(token))
	if k == nil {
		return "", &Error{Code: http.StatusUnauthorized, Because: "wrong_token", Message: "this token is not known here"}
	}
	if k.role < need {
		return k.name, &Error{Code: http.StatusForbidden, Because: "wrong_role", Message: fmt.Sprintf("%s is %s; this needs %s", k.name, k.role, need)}
	}
	return k.name, nil
}

// find compares with every key, also after a match: the time taken says nothing.
func (s *Server) find(token string) (found *key) {
	sum := sha256.Sum256([]byte(token))
	for i := range s.keys {
		if subtle.ConstantTimeCompare(sum[:], s.keys[i].hash[:]) == 1 {
			found = &s.keys[i]
		}
	}
	return found
}

// withoutTokens lets people on this machine look while no token is configured.
// A browser on this machine may be made to ask on behalf of a page from
// elsewhere (its Host then names that place), and a proxy on it asks on behalf
// of others (and says so): neither is the person.
func withoutTokens(r *http.Request) error {
	refuse := func(message string) error {
		return &Error{Code: http.StatusForbidden, Because: "no_tokens_configured", Message: message}
	}
	switch {
	case !reads(r.Method):
		return refuse("changes need a token, and none is configured: add one under admin.tokens")
	case !loopback(r.RemoteAddr), r.Header.Get("X-Forwarded-For") != "", r.Header.Get("Forwarded") != "":
		return refuse("without a token only this machine may look: add one under admin.tokens")
	case !localName(r.Host):
		return refuse("without a token the host asked for must be localhost or a loopback address")
	}
	return nil
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

func loopback(remote string) bool {
	at, err := netip.ParseAddrPort(remote)
	return err == nil && at.Addr().Unmap().IsLoopback()
}

func localName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	at, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && at.IsLoopback()
}
