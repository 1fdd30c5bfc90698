package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a real redis-server that keeps nothing on disk.
type Redis struct {
	*Process
	Port int
	dir  string
	args []string
}

// NewRedis starts a server on a free port, with more arguments, and waits until
// it answers.
func NewRedis(t testing.TB, args ...string) *Redis {
	t.Helper()
	r := &Redis{Port: FreePort(t), dir: t.TempDir(), args: args}
	r.Start(t)
	return r
}

// Addr is where it listens.
func (r *Redis) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.Port) }

// Start starts the server, again after a Kill; it comes back empty.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	r.Process = start(t, "redis-server", r.dir, filepath.Join(r.dir, "redis.log"), nil, append([]string{
		"redis-server", "--bind", "127.0.0.1", "--port", fmt.Sprint(r.Port), "--save", "", "--appendonly", "no", "--dir", r.dir}, r.args...)...)
	c := r.Client()
	defer c.Close()
	Until(t, 10*time.Second, "redis-server", func() bool { return c.Ping(context.Background()).Err() == nil })
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
	if err := c.Do(context.Background(), "REPLICAOF", "127.0.0.1", master.Port).Err(); err != nil {
		t.Fatal(err)
	}
	Until(t, 20*time.Second, "the replica to be in step", func() bool {
		return strings.Contains(c.Info(context.Background(), "replication").Val(), "master_link_status:up")
	})
}

// Sentinel watches a master under the name "numbers"; it says where it listens.
func Sentinel(t testing.TB, master *Redis) (addr string) {
	t.Helper()
	port, dir := FreePort(t), t.TempDir()
	conf := filepath.Join(dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor numbers 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds numbers 500\nsentinel failover-timeout numbers 4000\n", port, dir, master.Port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// redis-server with --sentinel is what the program redis-sentinel is.
	start(t, "redis-sentinel", dir, filepath.Join(dir, "sentinel.log"), nil, "redis-server", conf, "--sentinel")
	addr = fmt.Sprintf("127.0.0.1:%d", port)
	c := redis.NewClient(&redis.Options{Addr: addr, DialTimeout: time.Second})
	defer c.Close()
	Until(t, 20*time.Second, "Sentinel to know the replica", func() bool {
		return strings.Contains(c.Info(context.Background(), "sentinel").Val(), "slaves=1")
	})
	return addr
}
