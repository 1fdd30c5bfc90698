package admin

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/speakops/sipedge/ratelimit"
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

type actorKey struct{}

// Actor is the name of the token a request came with; "" when none was needed.
func Actor(ctx context.Context) string {
	name, _ := ctx.Value(actorKey{}).(string)
	return name
}

// admit finds out who asks, whether they may, and whether they ask too often.
// Who is not let in is counted by host, so that no stranger uses up what is
// there for those with a token.
func (s *Server) admit(r *http.Request, need Role) (by Person, err error) {
	by, err = s.authorise(r, need)
	who := ofToken + by.Name
	if by.Name == "" {
		who = ofHost + hostname(r.RemoteAddr)
	}
	if wait, ok := s.rates.spend(who); !ok {
		return by, NewProblem(http.StatusTooManyRequests, "too_many_requests", "%s asks too often; wait as long as Retry-After says", orDefault(by.Name, "this host")).RetryAfter(wait)
	}
	return by, err
}

func (s *Server) authorise(r *http.Request, need Role) (by Person, err error) {
	if need == Anyone {
		return by, nil
	}
	ring := s.keys.Load()
	if len(ring.keys) == 0 {
		return by, withoutTokens(r)
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return by, NewProblem(http.StatusUnauthorized, "no_token", "send a token: Authorization: Bearer ...")
	}
	k := ring.find(strings.TrimSpace(token))
	if k == nil {
		return by, NewProblem(http.StatusUnauthorized, "wrong_token", "this token is not known here; `sipedge token` makes one, whose hash belongs under admin.tokens")
	}
	if by = (Person{k.name, k.role}); k.role < need {
		return by, NewProblem(http.StatusForbidden, "wrong_role", "%s is %s; this needs %s: ask someone who is, or change the role under admin.tokens", k.name, k.role, need)
	}
	return by, nil
}

// withoutTokens lets people on this machine look while no token is configured.
// A browser on this machine may be made to ask on behalf of a page from
// elsewhere (its Host then names that place), and a proxy on it asks on behalf
// of others (and says so): neither is the person.
func withoutTokens(r *http.Request) error {
	refuse := func(detail string) error {
		return NewProblem(http.StatusForbidden, "no_tokens_configured", "%s", detail)
	}
	switch {
	case !reads(r.Method):
		return refuse("changes need a token, and none is configured: make one with `sipedge token`")
	case !loopback(r.RemoteAddr), r.Header.Get("X-Forwarded-For") != "", r.Header.Get("Forwarded") != "":
		return refuse("without a token only this machine may look: make one with `sipedge token`")
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

// hostname is the address of a peer without its port, or its network where one
// subscriber has many.
func hostname(remote string) string {
	if at, err := netip.ParseAddrPort(remote); err == nil {
		return ratelimit.Home(at.Addr()).String()
	}
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
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
