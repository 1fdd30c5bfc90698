package feed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// ConflictError says that a record is not the one the writer had read: someone
// else was faster. Read it again and decide anew.
type ConflictError struct {
	Number   routing.PublicNumber
	Expected Expect
	Current  uint64 // revision of the live record; 0 when there is none
	Since    uint64 // for Any: the store's time after which nothing should have been written
	Gone     bool   // for Any: what was written is a deletion, at revision Current
}

func (e *ConflictError) Error() string {
	if e.Expected == Any {
		did := "changed"
		if e.Gone {
			did = "deleted"
		}
		return fmt.Sprintf("%s: conflict: somebody else %s the record at %s, after this began at %s; it was not overwritten: look at it, then write it anew if it should still be so",
			e.Number, did, spellInstant(strconv.FormatUint(e.Current, 10)), spellInstant(strconv.FormatUint(e.Since, 10)))
	}
	is := "there is no record"
	if e.Current != 0 {
		is = fmt.Sprintf("the record is at revision %d", e.Current)
	}
	return fmt.Sprintf("%s: conflict: expected %s, but %s; read it again", e.Number, e.Expected, is)
}

// AuthorityError refuses to edit routing_authority of an existing number: calls
// would change sides on each edge at another moment.
type AuthorityError struct {
	Number     routing.PublicNumber
	Has, Asked string
}

func (e *AuthorityError) Error() string {
	return fmt.Sprintf("%s: routing_authority is %s and cannot be edited to %s; a number changes hands by `cutoverctl flip`",
		e.Number, show(e.Has), show(e.Asked))
}

// OverrideError refuses an override that begins before every edge can know it,
// or is over before it begins.
type OverrideError struct {
	Number  routing.PublicNumber
	Problem string
}

func (e *OverrideError) Error() string { return e.Number.String() + ": override: " + e.Problem }

// OperationError says that an operation id was used before for something else.
type OperationError struct {
	Number    routing.PublicNumber
	Operation string
}

func (e *OperationError) Error() string {
	return fmt.Sprintf("%s: operation %.80q was used before with other contents; use a new id for a new change", e.Number, e.Operation)
}

// KeyError says that a key in the store does not hold what belongs there.
type KeyError struct{ Key, Problem string }

func (e *KeyError) Error() string {
	return fmt.Sprintf("redis key %.120q: %s; someone else wrote it: look at it, then repair or delete it", e.Key, e.Problem)
}

// AwayError says that the store does not answer, or answers that it cannot.
type AwayError struct {
	Address string
	Err     error
}

func (e *AwayError) Error() string {
	return fmt.Sprintf("redis at %s: %s", e.Address, advice(e.Err))
}

func (e *AwayError) Unwrap() error { return e.Err }

// advice turns what a client library says into what is wrong and what to do.
func advice(err error) string {
	text := err.Error()
	var said redis.Error
	if errors.As(err, &said) {
		text = said.Error()
	}
	is := func(prefix string) bool { return strings.HasPrefix(text, prefix) }
	var dns *net.DNSError
	var timeout net.Error
	var certificate *tls.CertificateVerificationError
	var demoted *RoleError
	var succeeded *SucceededError
	var moved *MovedError
	switch {
	case errors.As(err, &succeeded):
		return "it calls itself master, but another one has taken its place, so what it says may be old: stop it or make it a replica, and name the master; if it is the right one after all, restart this edge"
	case errors.As(err, &moved):
		return moved.Error()
	case errors.As(err, &demoted):
		return fmt.Sprintf("it is a replica of %.80s, no master; what it says may be old: name the master, or wait for Sentinel to", demoted.Master)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused); start redis-server, or correct the address"
	case errors.As(err, &certificate):
		return fmt.Sprintf("its certificate is not believed (%.200s); name the CA that signed it in redis.tls.ca, or for a rediss:// address in SSL_CERT_FILE, and the server as the certificate does", certificate.Err)
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %.80q cannot be resolved; correct the address", dns.Name)
	case is("NOAUTH"), is("WRONGPASS"), strings.Contains(text, "invalid username-password"):
		return "it wants another user name or password; correct redis.username and redis.password"
	case is("NOPERM"):
		return fmt.Sprintf("this user may not do that (%.120s); grant it, or use another user; the README shows users for edges (which need +info), operators and importers", text)
	case is("READONLY"):
		return "it is a replica and takes no writes; name the master"
	case is("TRYAGAIN"):
		return "a slot is moving to another node; try again in a moment"
	case is("LOADING"):
		return "it is still loading its data; try again in a moment"
	case is("OOM"):
		return "its memory is full; raise maxmemory (its policy must be noeviction)"
	case is("MISCONF"), is("NOREPLICAS"), is("CLUSTERDOWN"), is("MASTERDOWN"):
		return fmt.Sprintf("it takes no writes now (%.160s)", text)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "it does not answer in time; see whether it runs and whether the network lets us through"
	}
	return fmt.Sprintf("%.200s; see whether it runs", text)
}

// Reach asks the store for a sign of life, at most for the time given. The error
// is an *AwayError: one sentence with the address and what to do.
func Reach(ctx context.Context, rdb redis.UniversalClient, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	done := make(chan error, 1)
	// Not every step of a client ends with its context; this goroutine ends with
	// the client's own timeouts, or when the caller closes it.
	go func() { done <- rdb.Ping(ctx).Err() }()
	select {
	case err := <-done:
		if err != nil {
			return &AwayError{Address(rdb), err}
		}
		return nil
	case <-ctx.Done():
		return &AwayError{Address(rdb), context.Cause(ctx)}
	}
}

// bySentinel is what go-redis calls every master found by Sentinel.
const bySentinel = "FailoverClient"

// Address is where a client looks for its store, for people to read.
func Address(rdb redis.UniversalClient) string {
	switch c := rdb.(type) {
	case *redis.Client:
		if c.Options().Addr == bySentinel {
			return "the master that Sentinel names"
		}
		return c.Options().Addr
	case *redis.ClusterClient:
		return strings.Join(c.Options().Addrs, ", ")
	}
	return "an unknown address"
}

func show(s string) string {
	if s == "" {
		return "empty"
	}
	return fmt.Sprintf("%.40s", strings.ToValidUTF8(printableOnly(s), "?"))
}

func printableOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// isAway tells a store that cannot answer from one that refused.
func isAway(err error) bool {
	var away *AwayError
	return errors.As(err, &away) || errors.Is(err, context.Canceled)
}
