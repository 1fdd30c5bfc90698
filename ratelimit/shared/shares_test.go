package shared

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/speakops/sipedge/ratelimit"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // what it has to say comes back as errors
	goleak.VerifyTestMain(m)
}

// server is a real redis-server that keeps nothing.
type server struct {
	t    *testing.T
	port string
	cmd  *exec.Cmd
}

func startServer(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	s := &server{t: t, port: port}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *server) start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", "--port", s.port, "--bind", "127.0.0.1", "--dir", s.t.TempDir(), "--save", "", "--appendonly", "no")
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal("this test needs a real redis-server: apt-get install redis-server: ", err)
	}
	c := s.client()
	for deadline := time.Now().Add(10 * time.Second); c.Ping(context.Background()).Err() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal("redis-server does not answer")
		}
	}
}

func (s *server) stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *server) client() *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + s.port, MaxRetries: -1, DialTimeout: time.Second})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// edge is one edge with one trunk.
type edge struct {
	*Shares
	door *ratelimit.Limiter
	log  *bytes.Buffer
}

func newEdge(t *testing.T, rdb redis.UniversalClient, name string, l ratelimit.Limits, o Options) *edge {
	t.Helper()
	log := new(bytes.Buffer)
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	s, err := New(rdb, "speakops", name, o)
	if err != nil {
		t.Fatal(err)
	}
	return &edge{s, ratelimit.NewLimiter(l, time.Now()), log}
}

func (e *edge) doors() []Door { return []Door{{"twilio-us", e.door}} }

func (e *edge) report(t *testing.T) {
	t.Helper()
	if err := e.Report(context.Background(), e.doors()); err != nil {
		t.Fatal(err)
	}
}

func (e *edge) share() ratelimit.Share { s, _ := e.door.Lent(); return s }

// The script and ratelimit.Offer are the same arithmetic: whatever three edges
// tell, the store answers what the model does.
func TestScriptAgreesWithTheModel(t *testing.T) {
	for name, rdb := range map[string]*redis.Client{"redis-server": startServer(t).client(), "miniredis": small(t)} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			r := rand.New(rand.NewPCG(1, 2))
			for round := range 40 {
				key := fmt.Sprintf("speakops:{limits}:t%d", round)
				var stakes [2][]ratelimit.Stake
				for i := range stakes {
					stakes[i] = make([]ratelimit.Stake, 3)
				}
				// Two seconds old: settled.
				if err := rdb.HSet(ctx, key, "born", time.Now().Add(-2*time.Second).UnixMilli()).Err(); err != nil {
					t.Fatal(err)
				}
				known := 0
				for range 20 {
					me := r.IntN(min(known+1, 3))
					known = max(known, me+1)
					args := []any{fmt.Sprintf("edge-%d", me), 10000, 1000}
					var limits [2]int64
					for i := range stakes {
						st := &stakes[i][me]
						limits[i] = int64(100 * (round + 1))
						st.Held, st.Demand, st.Up = r.Int64N(limits[i]), r.Int64N(2*limits[i]), r.Int64N(limits[i])
						args = append(args, limits[i], st.Held, st.Demand, st.Up)
					}
					got, err := lease.Run(ctx, rdb, []string{key}, args...).Int64Slice()
					if err != nil {
						t.Fatal(err)
					}
					for i := range stakes {
						want := ratelimit.Offer(limits[i], stakes[i][:known], me, false)
						stakes[i][me].Offered = want
						if got[i] != want || got[2] != int64(known) {
							t.Fatalf("round %d: the script says %v, the model %d of %d edges\n%+v", round, got, want, known, stakes[i][:known])
						}
					}
				}
			}
		})
	}
}

func small(t *testing.T) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Three edges, one trunk of 90 calls: shares never exceed it, follow demand
// within two seconds, stay when Redis dies, and come back when it does.
func TestThreeEdgesShareATrunk(t *testing.T) {
	redisServer := startServer(t)
	limits := ratelimit.Limits{CPS: 1e5, Concurrent: 90}
	var edges [3]*edge
	for i := range edges {
		edges[i] = newEdge(t, redisServer.client(), fmt.Sprintf("edge-%d", i+1), limits, Options{})
	}
	watch := &watcher{t: t, edges: edges[:], limit: 90}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, e := range edges {
		e.report(t) // before the first call, as serve does
	}
	for _, e := range edges {
		wg.Go(func() { _ = e.Run(ctx, e.doors) })
	}
	defer wg.Wait()
	defer stop()

	// All demand at the first edge: it gets the trunk.
	began := time.Now()
	watch.until(func() bool { edges[0].fill(); return edges[0].door.Up() == 90 })
	t.Logf("one edge had all 90 places after %v", time.Since(began))
	if edges[1].door.Up() != 0 {
		t.Fatal("a call on an edge without demand")
	}
	// Its calls end, the third one's begin.
	edges[0].empty()
	began = time.Now()
	watch.until(func() bool { edges[2].fill(); return edges[2].door.Up() >= 88 })
	t.Logf("another one had its %d places %v after the first ones were free", edges[2].door.Up(), time.Since(began))

	// Redis dies: shares stay as they are, and so does their sum.
	redisServer.stop()
	watch.until(func() bool { return edges[0].Status().Silent && edges[1].Status().Silent && edges[2].Status().Silent })
	before := [3]ratelimit.Share{edges[0].share(), edges[1].share(), edges[2].share()}
	edges[2].empty()
	for range 20 {
		edges[0].fill()
		edges[2].fill()
		watch.look()
		time.Sleep(50 * time.Millisecond)
	}
	for i, e := range edges {
		if e.share() != before[i] {
			t.Errorf("edge %d: the share went from %+v to %+v while Redis was silent", i+1, before[i], e.share())
		}
	}
	if edges[2].door.Up() < 88 {
		t.Errorf("the last share is %d places, want the 88 or more it had", edges[2].door.Up())
	}
	// It comes back empty: all edges tell what they hold, nothing is given twice.
	redisServer.start()
	edges[2].empty()
	watch.until(func() bool { edges[1].fill(); return edges[1].door.Up() >= 88 })
}

// watcher asserts, at every look, that all edges together stay within the limit.
type watcher struct {
	t     *testing.T
	edges []*edge
	limit int
}

func (w *watcher) look() {
	w.t.Helper()
	// What is up can only be more than what was up when each was read if places
	// were given twice: only calls of this goroutine begin.
	up := 0
	for _, e := range w.edges {
		up += e.door.Up()
	}
	if up > w.limit {
		w.t.Fatalf("%d calls up over all edges, the trunk's limit is %d", up, w.limit)
	}
}

func (w *watcher) until(ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		w.look()
		if time.Now().After(deadline) {
			for _, e := range w.edges {
				w.t.Logf("share %+v, up %d, %+v", e.share(), e.door.Up(), e.Status())
			}
			w.t.Fatal("waited 15 s")
		}
	}
	w.look()
}

// fill lets a hundred callers ask: as many get in as the share has room for.
func (e *edge) fill() {
	for range 100 {
		e.door.Admit(time.Now())
	}
}

func (e *edge) empty() {
	for range e.door.Up() {
		e.door.Leave()
	}
}

// Demand moves a whole trunk in three reports of each edge: 0.9 s at 300 ms.
func TestSharesMoveInThreeReports(t *testing.T) {
	rdb := startServer(t).client()
	limits := ratelimit.Limits{Concurrent: 90}
	a, b := newEdge(t, rdb, "a", limits, Options{}), newEdge(t, rdb, "b", limits, Options{})
	age(t, rdb)
	for range 4 {
		a.fill()
		a.report(t)
		b.report(t)
	}
	if a.share().Concurrent != 90 || a.door.Up() != 90 {
		t.Fatalf("the edge with all the demand has %+v and %d calls", a.share(), a.door.Up())
	}
	a.empty()
	rounds := 0
	for ; b.door.Up() < 88 && rounds < 10; rounds++ {
		b.fill()
		a.report(t)
		b.report(t)
		b.fill()
	}
	// Two more than the share takes: a's calls of a moment ago count as demand.
	t.Logf("%d rounds", rounds)
	if rounds > 5 {
		t.Errorf("%d rounds until b had a's places", rounds)
	}
}

// age makes the trunk's record settled.
func age(t *testing.T, rdb *redis.Client) {
	t.Helper()
	if err := rdb.HSet(context.Background(), "speakops:{limits}:twilio-us", "born", time.Now().Add(-time.Minute).UnixMilli()).Err(); err != nil {
		t.Fatal(err)
	}
}

// An edge that is not heard of for a lease holds nothing any more, one that
// leaves holds nothing at once.
func TestTheDeadHoldNothing(t *testing.T) {
	rdb := startServer(t).client()
	limits := ratelimit.Limits{CPS: 90, Concurrent: 90}
	o := Options{Lease: 300 * time.Millisecond}
	a, b, c := newEdge(t, rdb, "a", limits, o), newEdge(t, rdb, "b", limits, o), newEdge(t, rdb, "c", limits, o)
	age(t, rdb)
	for range 3 {
		a.report(t)
		b.report(t)
		c.report(t)
	}
	if a.share().Concurrent != 30 || a.Status().Edges["twilio-us"] != 3 {
		t.Fatalf("three idle edges: %+v of %v", a.share(), a.Status())
	}
	c.Leave(context.Background())
	for range 3 {
		a.report(t)
		b.report(t)
	}
	if a.share().Concurrent != 45 {
		t.Errorf("after c left: %+v", a.share())
	}
	time.Sleep(400 * time.Millisecond) // b is dead
	a.report(t)
	if a.share().Concurrent != 90 {
		t.Errorf("after b died: %+v", a.share())
	}
}

// A store that lost its data gives nobody more until all have told what they hold.
func TestLostDataIsNotGivenTwice(t *testing.T) {
	rdb := startServer(t).client()
	limits := ratelimit.Limits{CPS: 90, Concurrent: 90}
	a, b := newEdge(t, rdb, "a", limits, Options{}), newEdge(t, rdb, "b", limits, Options{})
	age(t, rdb)
	for range 3 {
		a.report(t)
		b.report(t)
	}
	rdb.FlushAll(context.Background())
	a.fill()
	a.report(t)
	if got := a.share().Concurrent; got != 45 {
		t.Errorf("the first to speak after the loss holds %d, it held 45", got)
	}
}

// What stands in Redis may be anybody's; a share is what the script says, or stays.
func TestGarbageInRedis(t *testing.T) {
	ctx := context.Background()
	rdb := startServer(t).client()
	a := newEdge(t, rdb, "a", ratelimit.Limits{CPS: 90, Concurrent: 90}, Options{})
	a.report(t)
	before := a.share()
	rdb.Del(ctx, "speakops:{limits}:twilio-us")
	rdb.Set(ctx, "speakops:{limits}:twilio-us", "x", 0)
	if err := a.Report(ctx, a.doors()); err == nil || a.share() != before {
		t.Errorf("a string in the hash's place: %v, share %+v, it was %+v", err, a.share(), before)
	}
	if n := strings.Count(a.log.String(), "keeps its last share"); n != 1 {
		t.Errorf("said %d times", n)
	}
	rdb.Del(ctx, "speakops:{limits}:twilio-us")
	rdb.HSet(ctx, "speakops:{limits}:twilio-us", "e:b", "nothing,like,numbers", "e:c", "", "born", "soon")
	a.report(t)
	if n := strings.Count(a.log.String(), "speaks again"); n != 1 {
		t.Errorf("said %d times that it is back", n)
	}
}

// A trunk that leaves the configuration, or sharing that is switched off, gives
// the limiter its whole limits back.
func TestDoorsComeAndGo(t *testing.T) {
	rdb := small(t)
	a, b := newEdge(t, rdb, "a", ratelimit.Limits{Concurrent: 90}, Options{}), newEdge(t, rdb, "b", ratelimit.Limits{Concurrent: 90}, Options{})
	age(t, rdb)
	b.report(t)
	a.report(t)
	if _, lent := a.door.Lent(); !lent {
		t.Fatal("nothing lent")
	}
	if err := a.Report(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if _, lent := a.door.Lent(); lent {
		t.Error("still lent after its door is gone")
	}
	unlimited := ratelimit.NewLimiter(ratelimit.Limits{}, time.Now())
	if err := a.Report(context.Background(), []Door{{"free", unlimited}}); err != nil {
		t.Fatal(err)
	}
	if n := rdb.Exists(context.Background(), "speakops:{limits}:free").Val(); n != 0 {
		t.Error("a trunk without limits is told of")
	}
	many := make([]Door, 200)
	for i := range many {
		many[i] = Door{"t" + strconv.Itoa(i), ratelimit.NewLimiter(ratelimit.Limits{CPS: 5}, time.Now())}
	}
	if err := a.Report(context.Background(), many); err != nil {
		t.Fatal(err)
	}
	for _, d := range many {
		if _, lent := d.Limiter.Lent(); !lent {
			t.Fatalf("%s was left out", d.ID)
		}
	}
	if _, err := New(rdb, "speak}ops", "a", Options{}); err == nil {
		t.Error("a brace in the prefix would move the keys to another slot")
	}
}
