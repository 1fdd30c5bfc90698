package feed

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const prefix = "speakops"

// small is a redis inside the test: quick, and enough for what the script says.
func small(t testing.TB) *redis.Client {
	t.Helper()
	m := miniredis.RunT(t)
	return client(t, m.Addr())
}

func client(t testing.TB, addr string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: 1, DialTimeout: time.Second})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// server is a real redis-server with nothing on disk.
type server struct {
	t    testing.TB
	addr string
	port int
	dir  string
	cmd  *exec.Cmd
	args []string
}

func startServer(t testing.TB, args ...string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	s := &server{t: t, addr: fmt.Sprintf("127.0.0.1:%d", port), port: port, dir: t.TempDir(), args: args}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("this test needs a real redis-server: apt-get install redis-server")
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(bin, append([]string{"--port", fmt.Sprint(s.port), "--bind", "127.0.0.1",
		"--dir", s.dir, "--save", "", "--appendonly", "no"}, s.args...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			s.t.Fatalf("redis-server does not come up: %s", text)
		}
	}
}

func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

func store(t testing.TB, rdb redis.UniversalClient) *Store {
	t.Helper()
	s, err := NewStore(rdb, prefix, StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// nth is one of many public numbers.
func nth(i int) routing.PublicNumber { return routing.PublicNumber(12025550000 + uint64(i)) }

func number(t testing.TB, s string) routing.PublicNumber {
	t.Helper()
	n, err := e164.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func legacy(n routing.PublicNumber) routing.Number {
	return routing.Number{PublicNumber: n, RoutingAuthority: routing.Legacy, PortingState: routing.Draft, CustomerAssignment: "acme"}
}

func put(t testing.TB, s *Store, n routing.Number) Result {
	t.Helper()
	r, err := s.Put(context.Background(), "", n, Any)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fill writes count numbers.
func fill(t testing.TB, s *Store, from, count int) {
	t.Helper()
	rows := make([]Row, count)
	for i := range rows {
		rows[i] = Row{Line: i + 1, Number: nth(from + i), fields: pack([]string{fieldRoutingAuthority, "legacy", "customer_assignment", "acme"})}
	}
	sum, err := s.Import(context.Background(), rows, ImportOptions{})
	if err != nil || sum.Rows() != count || len(sum.Refused) > 0 {
		t.Fatalf("import: %v %+v", err, sum)
	}
}

// following starts a feed and stops it with the test.
func following(t testing.TB, rdb redis.UniversalClient, o Options) (*Feed, *routing.Table) {
	t.Helper()
	table := new(routing.Table)
	f, err := New(rdb, prefix, table, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Follow(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Follow: %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("Follow does not end with its context")
		}
	})
	return f, table
}

func loaded(t testing.TB, f *Feed) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := f.Wait(ctx); err != nil {
		t.Fatalf("not loaded: %v; %+v %v", err, f.Stats(), f.Faults())
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
	}
}
