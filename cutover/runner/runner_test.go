package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/clock"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

func TestMain(m *testing.M) {
	// A pool that could not dial asks once a second whether the store is back, and
	// notices only then that it was closed.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// store is a real redis-server that can die and come back.
type store struct {
	t    testing.TB
	dir  string
	port int
	cmd  *exec.Cmd
}

func startStore(t testing.TB) *store {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &store{t: t, dir: t.TempDir(), port: l.Addr().(*net.TCPAddr).Port}
	_ = l.Close()
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *store) addr() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

func (s *store) start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--save", "", "--appendonly", "yes",
		"--appendfsync", "always", "--dir", s.dir)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("redis-server: %v; ./integration/test installs it", err)
	}
	for range 500 {
		if c, err := net.Dial("tcp", s.addr()); err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.t.Fatal("redis-server does not listen")
}

func (s *store) kill() {
	if s.cmd != nil && s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// table is an edge's number table, all legacy's but where it says otherwise.
type table map[routing.PublicNumber]routing.RoutingAuthority

func (t table) Get(n routing.PublicNumber) (routing.Number, bool) {
	a, ok := t[n]
	return routing.Number{PublicNumber: n, RoutingAuthority: a}, ok
}

func some(t testing.TB, n int) (cutover.List, table) {
	t.Helper()
	all, records := make([]routing.PublicNumber, n), table{}
	for i := range all {
		p, err := e164.Parse(fmt.Sprintf("+1202%07d", 2_000_000+i))
		if err != nil {
			t.Fatal(err)
		}
		all[i], records[p] = p, routing.Legacy
	}
	l, err := cutover.NewList(all)
	if err != nil {
		t.Fatal(err)
	}
	return l, records
}

var fleet = cutover.Fleet{Guard: 900 * time.Millisecond, Lead: 1900 * time.Millisecond, PrepareTimeout: 3 * time.Second}

// member is one edge of a fleet, with what stopping it takes.
type member struct {
	*Runner
	dir  string
	stop func()
	logs *strings.Builder
}

func startMember(t testing.TB, s *store, name, dir string, records cutover.Records, auto bool, hooks ...Webhook) *member {
	t.Helper()
	return startWith(t, s, Options{Edge: name, Dir: dir, Records: records, Webhooks: hooks, Auto: auto})
}

// startWith starts an edge with everything else as every edge has it.
func startWith(t testing.TB, s *store, o Options) *member {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: s.addr(), MaxRetries: -1, DialTimeout: 300 * time.Millisecond})
	chain, err := ledger.New(rdb, "speakops", ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := clock.New(clock.Options{Path: filepath.Join(o.Dir, "clock.json")})
	if err != nil {
		t.Fatal(err)
	}
	o.Chain, o.Clock, o.Log, o.Fleet = chain, c, slog.New(slog.DiscardHandler), fleet
	o.SampleEvery, o.Poll = 100*time.Millisecond, 20*time.Millisecond
	r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	m := &member{Runner: r, dir: o.Dir}
	stopped := false
	m.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", o.Edge, err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", o.Edge, err)
		}
		_ = rdb.Close()
	}
	t.Cleanup(m.stop)
	return m
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited 20 s for %s", what)
		}
	}
}

// three edges on one store, all of them members.
func three(t testing.TB, s *store, records cutover.Records, hooks ...Webhook) []*member {
	t.Helper()
	var all []*member
	for i := range 3 {
		all = append(all, startMember(t, s, fmt.Sprintf("edge-%d", i+1), t.TempDir(), records, i == 0, hooks...))
	}
	until(t, "three members", func() bool {
		for _, m := range all {
			if c := m.Pair().Committed; c == nil || len(c.Members) != 3 {
				return false
			}
			if ok, _ := m.Serves(); !ok {
				return false
			}
		}
		return true
	})
	return all
}

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// holder is who an edge would give a call to, "" while it is not certain.
func (m *member) holder(n routing.PublicNumber) string {
	at := m.opts.Clock.Now()
	s, ok := m.Schedule(n)
	if !ok || s.Committed == nil {
		return "legacy"
	}
	a, sure := s.Committed.During(at)
	if !sure {
		return ""
	}
	return a.String()
}

func TestACutoverFromArmToSettle(t *testing.T) {
	s := startStore(t)
	list, records := some(t, 1000)
	edges := three(t, s, records)
	n := list.At(17)
	at := edges[1].opts.Clock.Now().Latest.Add(4 * time.Second).Truncate(time.Microsecond)
	c, err := edges[1].Arm(within(t, 10*time.Second), "anna", "c-1", list, routing.Legacy, at)
	if err != nil || !c.Armed() || len(c.Confirmed) != 3 || !c.Differs.Equal(at) {
		t.Fatalf("arm: %+v, %v", c, err)
	}
	// From here on nobody needs the store.
	s.kill()
	for _, e := range edges {
		if h := e.holder(n); h != "legacy" {
			t.Errorf("%s: %q before the instant", e.Self(), h)
		}
	}
	for _, e := range edges {
		until(t, "the flip", func() bool { return e.holder(n) == "speakops" })
		if now := e.opts.Clock.Now(); now.Latest.Before(at) {
			t.Errorf("%s flipped at %v, before %v", e.Self(), now, at)
		}
	}
	s.start()
	back, err := edges[2].Rollback(within(t, 15*time.Second), "bo", "c-1")
	if err != nil || !back.Armed() {
		t.Fatalf("rollback after a restart of the store: %+v, %v", back, err)
	}
	for _, e := range edges {
		until(t, "the way back", func() bool { return e.holder(n) == "legacy" })
	}
	until(t, "all instants to lie behind", func() bool { return edges[0].opts.Clock.Now().After(back.Differs.Add(fleet.Guard)) })
	if _, err := edges[0].Settle(within(t, 5*time.Second), "edge-1", "c-1"); err != nil {
		t.Fatalf("settle: %v", err)
	}
	for _, e := range edges {
		until(t, "the end", func() bool { return len(e.Pair().Committed.Schedule) == 0 })
	}
}

func TestAMissingEdgeBlocksAndIsNamed(t *testing.T) {
	s := startStore(t)
	list, records := some(t, 10)
	edges := three(t, s, records)
	gone := edges[2].Self()
	edges[2].stop()
	at := edges[0].opts.Clock.Now().Latest.Add(20 * time.Second).Truncate(time.Microsecond)
	_, err := edges[0].Arm(within(t, 10*time.Second), "anna", "c-1", list, routing.Legacy, at)
	var not *NotAcceptedError
	if !errors.As(err, &not) {
		t.Fatalf("arm without an edge: %v", err)
	}
	for _, e := range edges[:2] {
		until(t, "the abort to be learned", func() bool { return e.Pair().Prepared == nil })
	}
	if err := edges[0].DeclareOff(within(t, time.Second), "anna", gone, "its rack burnt", time.Time{}); err != nil {
		t.Fatal(err)
	}
	if c, err := edges[0].Arm(within(t, 10*time.Second), "anna", "c-1", list, routing.Legacy, at); err != nil || !c.Armed() {
		t.Fatalf("arm after declare-off: %+v, %v", c, err)
	}
	if c, err := edges[0].Remove(within(t, 10*time.Second), "anna"); err != nil || len(c.Revision.Members) != 2 {
		t.Fatalf("remove: %+v, %v", c, err)
	}
	again := startMember(t, s, "edge-3", edges[2].dir, records, false)
	until(t, "a new identity of the edge that was declared off", func() bool { ok, _ := again.Serves(); return ok })
	if again.Self() == gone {
		t.Errorf("%s came back as itself, and serves", gone)
	}
	until(t, "the list there too", func() bool { sch, ok := again.Schedule(list.At(3)); return ok && sch.Committed != nil })
}

func TestAnEdgeThatDisagreesRefusesWithItsReason(t *testing.T) {
	s := startStore(t)
	list, records := some(t, 10)
	edges := three(t, s, records)
	records[list.At(3)] = routing.SpeakOps
	_, err := edges[0].Arm(within(t, 10*time.Second), "anna", "c-1", list, routing.Legacy, time.Now().Add(time.Hour).Truncate(time.Microsecond))
	var not *NotAcceptedError
	if !errors.As(err, &not) || !strings.Contains(err.Error(), list.At(3).String()) {
		t.Fatalf("arm over a record that says otherwise: %v", err)
	}
}

func TestARestartKeepsIdentityAndSchedule(t *testing.T) {
	s := startStore(t)
	list, records := some(t, 10)
	edges := three(t, s, records)
	at := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	if _, err := edges[0].Arm(within(t, 10*time.Second), "anna", "c-1", list, routing.Legacy, at); err != nil {
		t.Fatal(err)
	}
	self := edges[1].Self()
	edges[1].stop()
	s.kill()
	again := startMember(t, s, "edge-2", edges[1].dir, records, false)
	if again.Self() != self {
		t.Errorf("%s came back as %s", self, again.Self())
	}
	until(t, "a member that restarts without a store to serve", func() bool { ok, _ := again.Serves(); return ok })
	if sch, ok := again.Schedule(list.At(0)); !ok || !sch.Committed.NextStep(routing.Exactly(time.Now())).Equal(at) {
		t.Errorf("the schedule was forgotten: %+v", sch)
	}
}

// Every asking is written down by the store and keeps people's changes waiting, so
// an edge that is refused does not ask again at once.
func TestAnEdgeThatIsRefusedAsksOnceASecond(t *testing.T) {
	s := startStore(t)
	_, records := some(t, 1)
	m := startWith(t, s, Options{Edge: "edge-1", Dir: t.TempDir(), Records: records, Auto: true, MaxError: time.Nanosecond}) // it refuses itself
	var proposed []time.Time
	until(t, "three askings", func() bool {
		entries, err := m.opts.Chain.Entries(t.Context(), "", 1000)
		proposed = nil
		for i := range entries {
			if entries[i].Kind() == "proposed" {
				proposed = append(proposed, entries[i].At())
			}
		}
		return err == nil && len(proposed) >= 3
	})
	for i := 1; i < len(proposed); i++ {
		if gap := proposed[i].Sub(proposed[i-1]); gap < joinEvery*9/10 {
			t.Errorf("asked again after %v", gap)
		}
	}
}
