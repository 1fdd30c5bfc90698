// Package site answers: what does a proxy cost between real callers, real
// gateways and a real Redis?
//
// A Site is a redis-server with numbers, two SIPp gateways and SIPp callers on
// the loopback; the systems to compare take turns between them. Figures of one
// run compare with each other; those of two runs do not, since the machine is
// another one each time.
package site

import (
	"context"
	"embed"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	many "github.com/speakops/sipedge/integration/internal/crowd"
)

//go:embed kamailio.cfg *.xml
var files embed.FS

// Site is one place to measure at.
type Site struct {
	Dir     string // scratch: configurations, logs, statistics
	Numbers []Number
	Records string // the numbers as a CSV for sipedge numbers import
	Called  string // a SIPp injection file of the numbers that are called
	called  int

	Redis, Proxy, Legacy, SpeakOps, Admin, caller int // ports of 127.0.0.1
	redis                                         *Process
	runs                                          int
}

// Open starts a site with so many numbers, called of which are called. Close ends it.
func Open(ctx context.Context, dir string, numbers, called int) (s *Site, err error) {
	s = &Site{Dir: dir, Numbers: some(numbers), called: min(called, numbers)}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, p := range []*int{&s.Redis, &s.Proxy, &s.Legacy, &s.SpeakOps, &s.Admin, &s.caller} {
		if *p, err = freePort(); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"kamailio.cfg", "uac.xml", "uas.xml"} {
		text, err := files.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o644)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := s.write(); err != nil {
		return nil, err
	}
	s.redis, err = Start("redis", dir, nil, "redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(s.Redis),
		"--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--dir", dir)
	if err != nil {
		return nil, err
	}
	rdb := redis.NewClient(&redis.Options{Addr: addr(s.Redis)})
	defer rdb.Close()
	if err := until(ctx, 5*time.Second, "redis-server", func() bool { return rdb.Ping(ctx).Err() == nil }); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close stops the Redis.
func (s *Site) Close() { s.redis.Stop() }

// Pour adds numbers that nobody calls, before a system is started: of area code
// 200, which none of the site's own has.
func (s *Site) Pour(numbers int) error { return many.Pour(addr(s.Redis), prefix, numbers) }

// prefix begins the keys of the edges in the site's Redis.
const prefix = "bench"

// seed gives Kamailio its numbers: one string each.
func seed(ctx context.Context, s *Site, _ string) error {
	rdb := redis.NewClient(&redis.Options{Addr: addr(s.Redis)})
	defer rdb.Close()
	const batch = 10_000
	for i := 0; i < len(s.Numbers); i += batch {
		pipe := rdb.Pipeline()
		for _, n := range s.Numbers[i:min(i+batch, len(s.Numbers))] {
			pipe.Set(ctx, "holder:"+n.Public, n.holder(), 0)
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("seed redis: %w", err)
		}
	}
	return nil
}

// newFleet forgets the chain of revisions: each edge begins in a folder of its
// own, and would wait for the one before it to come back or be declared off.
func (s *Site) newFleet(ctx context.Context) error {
	rdb := redis.NewClient(&redis.Options{Addr: addr(s.Redis)})
	defer rdb.Close()
	keys := rdb.Scan(ctx, 0, prefix+":chain:*", 10_000).Iterator()
	for keys.Next(ctx) {
		if err := rdb.Del(ctx, keys.Val()).Err(); err != nil {
			return fmt.Errorf("forget the chain: %w", err)
		}
	}
	if err := keys.Err(); err != nil {
		return fmt.Errorf("forget the chain: %w", err)
	}
	return nil
}

func addr(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// freePort is a port nobody has, for UDP and TCP, below those the system gives
// to outgoing connections, which would take it meanwhile.
func freePort() (int, error) {
	for range 200 {
		port := 20_000 + int(time.Now().UnixNano()/1000)%11_000
		t, err := net.Listen("tcp4", addr(port))
		if err != nil {
			time.Sleep(37 * time.Microsecond)
			continue
		}
		u, err := net.ListenPacket("udp4", addr(port))
		_ = t.Close()
		if err != nil {
			continue
		}
		_ = u.Close()
		return port, nil
	}
	return 0, fmt.Errorf("no free port between 20000 and 31000 of 127.0.0.1")
}

// until asks ok every few milliseconds, at most for d.
func until(ctx context.Context, d time.Duration, what string, ok func() bool) error {
	for end := time.Now().Add(d); !ok(); time.Sleep(20 * time.Millisecond) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited %v for %s", d, what)
		}
	}
	return nil
}
