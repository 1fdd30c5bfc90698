package lab

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Place is where a program stands: the zero Place is the loopback of the test.
type Place struct {
	Host   string   // its address as others see it
	Within []string // what goes before a command that is to run there, such as ip netns exec NAME
}

func (p Place) host() string { return cmp.Or(p.Host, "127.0.0.1") }

// Redis is a real redis-server that keeps nothing on disk, unless its arguments
// say otherwise.
type Redis struct {
	*Process
	Port  int
	place Place
	dir   string
	args  []string
}

// NewRedis starts a server on a free port, with more arguments, and waits until
// it answers.
func NewRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	return NewRedisAt(t, Place{}, args...)
}

// NewRedisAt is NewRedis somewhere else.
func NewRedisAt(t testing.TB, at Place, args ...string) *Redis {
	t.Helper()
	r := &Redis{Port: FreePort(t), place: at, dir: t.TempDir(), args: args}
	r.Start(t)
	return r
}

// Addr is where it listens.
func (r *Redis) Addr() string { return fmt.Sprintf("%s:%d", r.place.host(), r.Port) }

// Start starts the server, again after a Kill; it comes back with what it keeps.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	r.Process = start(t, "redis-server", r.dir, filepath.Join(r.dir, "redis.log"), nil, slices.Concat(r.place.Within, []string{
		"redis-server", "--bind", r.place.host(), "--port", fmt.Sprint(r.Port), "--save", "", "--appendonly", "no", "--dir", r.dir}, r.args)...)
	c := r.Client()
	defer c.Close()
	Until(t, 60*time.Second, "redis-server", func() bool { return c.Ping(context.Background()).Err() == nil })
}

// Client is a connection to it.
func (r *Redis) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.Addr(), DialTimeout: time.Second})
}

// Follow makes it a replica of another, and waits until it is in step.
func (r *Redis) Follow(t testing.TB, master *Redis) {
	t.Helper()
	c := r.Client()
	defer c.Close()
	if err := c.Do(context.Background(), "REPLICAOF", master.place.host(), master.Port).Err(); err != nil {
		t.Fatal(err)
	}
	Until(t, 60*time.Second, "the replica to be in step", func() bool {
		return strings.Contains(c.Info(context.Background(), "replication").Val(), "master_link_status:up")
	})
}

// Sentinel watches a master under the name "numbers"; it says where it listens.
func Sentinel(t testing.TB, master *Redis) (addr string) {
	t.Helper()
	return SentinelAt(t, Place{}, master)
}

// SentinelAt is Sentinel somewhere else.
func SentinelAt(t testing.TB, at Place, master *Redis) (addr string) {
	t.Helper()
	port, dir := FreePort(t), t.TempDir()
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind %s\ndir %s\nsentinel monitor numbers %s %d 1\n"+
		"sentinel down-after-milliseconds numbers 500\nsentinel failover-timeout numbers 4000\n", port, at.host(), dir, master.place.host(), master.Port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// redis-server with --sentinel is what the program redis-sentinel is.
	start(t, "redis-sentinel", dir, filepath.Join(dir, "sentinel.log"), nil, append(slices.Clone(at.Within), "redis-server", conf, "--sentinel")...)
	addr = fmt.Sprintf("%s:%d", at.host(), port)
	c := redis.NewClient(&redis.Options{Addr: addr, DialTimeout: time.Second})
	defer c.Close()
	Until(t, 60*time.Second, "Sentinel to know the replica", func() bool {
		return strings.Contains(c.Info(context.Background(), "sentinel").Val(), "slaves=1")
	})
	return addr
}
