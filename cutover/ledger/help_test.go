package ledger

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		// Each is many round trips to a store; a night has time for more.
		_ = flag.Set("rapid.checks", "40")
	}
	goleak.VerifyTestMain(m)
}

const prefix = "speakops"

var ctx = context.Background()

// small is a redis inside the test whose history and clock the test moves.
type small struct {
	*miniredis.Miniredis
	life    atomic.Int64 // master_replid
	replica atomic.Bool
}

func startSmall(t testing.TB) *small {
	t.Helper()
	s := &small{Miniredis: miniredis.RunT(t)}
	s.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		if cmd != "INFO" || len(args) != 1 || args[0] != "replication" {
			return false
		}
		role := "role:master"
		if s.replica.Load() {
			role = "role:slave\r\nmaster_host:10.0.0.9\r\nmaster_port:6379"
		}
		c.WriteBulk(fmt.Sprintf("# Replication\r\n%s\r\nconnected_slaves:0\r\nmaster_replid:%040x\r\n", role, s.life.Load()))
		return true
	})
	return s
}

// restarts makes it another life of the server with the same data.
func (s *small) restarts() { s.life.Add(1) }

func client(t testing.TB, addr string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: 1, DialTimeout: time.Second, ReadTimeout: 10 * time.Second})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// real is a redis-server with nothing on disk unless asked.
type real struct {
	t    testing.TB
	addr string
	port int
	dir  string
	cmd  *exec.Cmd
	args []string
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func startReal(t testing.TB, args ...string) *real {
	t.Helper()
	port := freePort(t)
	s := &real{t: t, addr: fmt.Sprintf("127.0.0.1:%d", port), port: port, dir: t.TempDir(),
		args: append([]string{"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0", "--enable-debug-command", "local"}, args...)}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *real) start() {
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
	s.cmd = exec.Command(bin, append([]string{"--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--dir", s.dir}, s.args...)...)
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

func (s *real) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// replicaOf starts a replica and waits until it has what the master has.
func replicaOf(t testing.TB, master *real) *real {
	t.Helper()
	r := startReal(t, "--replicaof", "127.0.0.1", fmt.Sprint(master.port))
	c := client(t, r.addr)
	eventually(t, "the replica is in step", func() bool {
		return strings.Contains(c.Info(ctx, "replication").Val(), "master_link_status:up")
	})
	return r
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// everywhere runs a test on the embedded store and on a real one.
func everywhere(t *testing.T, test func(t *testing.T, l *Ledger, rdb *redis.Client)) {
	t.Parallel()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		rdb := client(t, startSmall(t).Addr())
		test(t, open(t, rdb, Options{}), rdb)
	})
	t.Run("redis-server", func(t *testing.T) {
		t.Parallel()
		rdb := client(t, startReal(t).addr)
		test(t, open(t, rdb, Options{}), rdb)
	})
}

func open(t testing.TB, rdb redis.UniversalClient, o Options) *Ledger {
	t.Helper()
	l, err := New(rdb, prefix, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// must fails the test on an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var quick = cutover.Fleet{Guard: 100 * time.Millisecond, Lead: 200 * time.Millisecond, PrepareTimeout: 5 * time.Second}

var ids atomic.Int64

func newID() cutover.RevisionID { return cutover.RevisionID(fmt.Sprintf("%032x", ids.Add(1))) }

const (
	edgeA cutover.MemberID = "edge-a~1"
	edgeB cutover.MemberID = "edge-b~1"
	edgeC cutover.MemberID = "edge-c~1"
)

// numbers is the nth list of so many numbers; two lists never meet.
func numbers(t testing.TB, n, count int) cutover.List {
	t.Helper()
	all := make([]routing.PublicNumber, count)
	for i := range all {
		all[i] = routing.PublicNumber(442_000_000_000 + uint64(n)*200_000 + uint64(i))
	}
	return must[cutover.List](t)(cutover.NewList(all))
}

// first begins a chain with these members and returns its first revision.
func first(t testing.TB, l *Ledger, members ...cutover.MemberID) *cutover.Revision {
	t.Helper()
	if _, _, err := l.Init(ctx, 1, "anna"); err != nil {
		t.Fatal(err)
	}
	r := &cutover.Revision{ID: newID(), Number: 1, Members: members, Fleet: quick}
	return agreed(t, l, nil, r)
}

// next is a revision after r that changes nothing yet.
func next(r *cutover.Revision) *cutover.Revision {
	n := *r
	n.ID, n.Previous, n.Number = newID(), r.ID, r.Number+1
	n.Schedule, n.Members = slices.Clone(r.Schedule), slices.Clone(r.Members)
	return &n
}

// arm is a revision after r in which numbers of list go to speakops at the instant;
// the zero instant is now + lead.
func arm(r *cutover.Revision, id cutover.ID, list cutover.List, at time.Time) *cutover.Revision {
	n := next(r)
	n.Schedule = append(n.Schedule, cutover.Cutover{ID: id, List: list.ID(), Count: list.Len(), First: routing.Legacy,
		Turns: []routing.Turn{{At: at, Authority: routing.SpeakOps}}})
	slices.SortFunc(n.Schedule, func(a, b cutover.Cutover) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return n
}

func soon(d time.Duration) time.Time { return time.Now().Add(d).Truncate(time.Microsecond).UTC() }

// agreed proposes a revision and has every member acknowledge it.
func agreed(t testing.TB, l *Ledger, prev, r *cutover.Revision, lists ...cutover.List) *cutover.Revision {
	t.Helper()
	p := must[Proposed](t)(l.Propose(ctx, Proposal{Previous: prev, Revision: r, Lists: lists, Who: "anna"}))
	for i, m := range r.Members {
		o := must[Outcome](t)(l.Ack(ctx, cutover.Generation{}, m, r.ID))
		if o.Committed != (i == len(r.Members)-1) {
			t.Fatalf("after %d of %d acknowledgements: %+v", i+1, len(r.Members), o)
		}
	}
	return p.Revision
}
