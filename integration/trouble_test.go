package integration

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/routing/feed"
)

// Redis is killed, paused, flushed and failed over under load, while a writer
// changes the very numbers that are called. Not one call is misrouted or refused,
// and no number is served at an older revision than before. TROUBLE_ROUNDS is
// how often it all happens, TROUBLE_RATE the calls a second.
func TestRedisTroubleUnderLoad(t *testing.T) {
	t.Parallel()
	rounds, rate := lab.Setting(t, "TROUBLE_ROUNDS", 1), lab.Setting(t, "TROUBLE_RATE", 60)
	l := lab.New(t)
	a, b := l.Redis, lab.NewRedis(t)
	l.Import()
	b.Follow(t, a)
	sentinel := lab.Sentinel(t, a)
	l.Edit("  mode: standalone\n  addresses: [ \"127.0.0.1:6379\" ]\n", "  mode: sentinel\n  sentinel_master: numbers\n  addresses: [ \""+sentinel+"\" ]\n")
	edge := l.Serve("edge")

	w := &writer{called: calledNumbers(t), rdb: redis.NewUniversalClient(&redis.UniversalOptions{
		MasterName: "numbers", Addrs: []string{sentinel}, DialTimeout: time.Second, ReadTimeout: time.Second, MaxRetries: 1})}
	defer w.rdb.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { w.run(ctx, t) })

	seconds := rounds*15 + 3
	calls := seconds * rate / 10 * 10
	bound := []string{"-timeout", fmt.Sprintf("%ds", seconds+40), "-timeout_error", "-r", strconv.Itoa(rate)}
	legacy := l.Gateway("legacy-a", "uas_answered", calls/2, bound...)
	speakops := l.Gateway("speakops-a", "uas_answered", calls/2, bound...)
	caller := l.CallAt("127.0.0.1", "uac_mixed", append(bound, "-inf", lab.Root()+"/integration/sipp/calls.csv",
		"-m", strconv.Itoa(calls), "-l", "2000", "-d", "200", "-recv_timeout", "8000")...)

	time.Sleep(time.Second)
	master, replica := a, b
	for range rounds {
		trouble(t, master, replica)
		master, replica = replica, master
	}
	for _, s := range []*lab.Sipp{caller, legacy, speakops} {
		s.PassedWithin(time.Duration(seconds+60) * time.Second)
	}
	cancel()
	running.Wait()

	decisions := edge.Decisions(calls)
	if len(decisions) != calls {
		t.Errorf("%d decisions for %d calls", len(decisions), calls)
	}
	revisions, err := inOrder(decisions, w.called)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d calls, %d writes taken, %d not, %d revisions served", calls, w.taken, w.refused, revisions)
	// All of it has happened, and has been noticed.
	text := edge.Text()
	for _, word := range []string{"the store was emptied", "another history"} {
		if !strings.Contains(text, word) {
			t.Errorf("the edge's log does not say %q: was there any trouble?", word)
		}
	}
	if w.taken < rounds*20 {
		t.Errorf("%d writes were taken and %d were not: that is no load", w.taken, w.refused)
	}
}

// trouble is everything that can befall a master, and then its end.
func trouble(t *testing.T, master, replica *lab.Redis) {
	t.Helper()
	ctx := context.Background()
	c := master.Client()
	defer c.Close()
	for range 3 {
		c.Do(ctx, "CLIENT", "KILL", "TYPE", "normal") // the answer dies with the connection
		time.Sleep(200 * time.Millisecond)
	}
	// Shorter than what Sentinel takes for death.
	if err := c.Do(ctx, "CLIENT", "PAUSE", 400, "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := c.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond)
	master.Kill()
	at := replica.Client()
	defer at.Close()
	lab.Until(t, 20*time.Second, "the failover", func() bool {
		return strings.Contains(at.Info(ctx, "replication").Val(), "role:master")
	})
	time.Sleep(time.Second)
	master.Start(t) // empty, and for a moment it calls itself master
	time.Sleep(500 * time.Millisecond)
	master.Follow(t, replica)
	time.Sleep(500 * time.Millisecond)
}

// writer changes called numbers, one after the other, but never their side. The
// others, once Redis has lost them, are known to nobody but the edge.
type writer struct {
	called         map[string]string // number: gateway
	rdb            redis.UniversalClient
	taken, refused int
}

func (w *writer) run(ctx context.Context, t *testing.T) {
	store, err := feed.NewStore(w.rdb, "lab", feed.StoreOptions{})
	if err != nil {
		t.Error(err)
		return
	}
	for i := 0; ctx.Err() == nil; i++ {
		for number, gateway := range w.called {
			if (number[len(number)-1]-'0')%4 < 2 {
				continue
			}
			n := routing.Number{RoutingAuthority: routing.Legacy, PortingState: routing.Draft, CustomerAssignment: routing.CustomerID("customer-" + strconv.Itoa(i))}
			if n.PublicNumber, err = e164.Parse(number); err != nil {
				t.Error(err)
				return
			}
			if strings.HasPrefix(gateway, "speakops") {
				n.RoutingAuthority, n.PortingState = routing.SpeakOps, routing.Settled
			}
			within, cancel := context.WithTimeout(ctx, time.Second)
			if was, ok, err := store.Get(within, n.PublicNumber); err == nil && ok {
				n.NumberType, n.PortingState = was.NumberType, was.PortingState
			}
			_, err := store.Put(within, "", n, feed.Any)
			cancel()
			if err == nil {
				w.taken++
			} else {
				w.refused++
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// calledNumbers is calls.csv: which gateway answers each number.
func calledNumbers(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(lab.Root(), "integration", "sipp", "calls.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord = ';', -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]string{}
	for _, row := range rows[1:] {
		number := row[0]
		if !strings.HasPrefix(number, "+") {
			number = "+" + number
		}
		called[number] = row[1]
	}
	return called
}

// inOrder says where a decision went to the other side, was no route, or rests
// on an older revision than one before it; it counts the revisions.
func inOrder(decisions []lab.Decision, called map[string]string) (revisions int, err error) {
	highest := map[string]uint64{}
	for _, d := range decisions {
		if d.Decision != "route" || !strings.HasPrefix(called[d.PublicNumber], d.Authority+"-") {
			return 0, fmt.Errorf("%s belongs to %q: %+v", d.PublicNumber, called[d.PublicNumber], d)
		}
		if d.Revision < highest[d.PublicNumber] {
			return 0, fmt.Errorf("%s was served at revision %d before: %+v", d.PublicNumber, highest[d.PublicNumber], d)
		}
		if d.Revision > highest[d.PublicNumber] {
			revisions++
		}
		highest[d.PublicNumber] = d.Revision
	}
	if len(highest) != len(called) {
		return revisions, fmt.Errorf("%d of %d numbers were called", len(highest), len(called))
	}
	return revisions, nil
}

// The judge of the test above sees what it is there for.
func TestInOrder(t *testing.T) {
	called := map[string]string{"+1": "legacy-a", "+2": "speakops-a"}
	route := func(number, authority string, revision uint64) lab.Decision {
		return lab.Decision{Decision: "route", PublicNumber: number, Authority: authority, Revision: revision}
	}
	good := []lab.Decision{route("+1", "legacy", 5), route("+2", "speakops", 3), route("+1", "legacy", 5), route("+1", "legacy", 6)}
	if n, err := inOrder(good, called); n != 3 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	for what, bad := range map[string]lab.Decision{
		"older revision":  route("+1", "legacy", 5),
		"the other side":  route("+2", "legacy", 4),
		"nobody's number": route("+3", "legacy", 4),
		"a refusal":       {Decision: "refuse", PublicNumber: "+1", Revision: 7},
	} {
		if _, err := inOrder(append(good[:4:4], bad), called); err == nil {
			t.Errorf("%s is not seen", what)
		}
	}
	if _, err := inOrder(good[:1], called); err == nil {
		t.Error("a number that was never called is not seen")
	}
}
