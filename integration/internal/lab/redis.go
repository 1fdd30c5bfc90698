package lab

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Redis is a real redis-server that keeps nothing on disk.
type Redis struct {
	*Process
	Port int
	dir  string
}

// NewRedis starts a server on a free port and waits until it answers.
func NewRedis(t testing.TB) *Redis {
	t.Helper()
	r := &Redis{Port: FreePort(t), dir: t.TempDir()}
	r.Start(t)
	return r
}

// Addr is where it listens.
func (r *Redis) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.Port) }

// Start starts the server, again after a Kill; it comes back empty.
func (r *Redis) Start(t testing.TB) {
	t.Helper()
	r.Process = start(t, "redis-server", r.dir, filepath.Join(r.dir, "redis.log"), nil,
		"redis-server", "--bind", "127.0.0.1", "--port", fmt.Sprint(r.Port), "--save", "", "--appendonly", "no", "--dir", r.dir)
	c := r.Client()
	defer c.Close()
	Until(t, 10*time.Second, "redis-server", func() bool { return c.Ping(context.Background()).Err() == nil })
}

// Client is a connection to it.
func (r *Redis) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.Addr(), DialTimeout: time.Second})
}
