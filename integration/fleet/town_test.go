package fleet

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/admin"
)

// patience is how long anything is waited for that must come: far more than it
// takes, for the machine may be busy.
const patience = 90 * time.Second

// towns counts them: each has its own addresses.
var towns atomic.Int32

// town is three edges, two Redis that Sentinel watches, and their streets.
type town struct {
	t      testing.TB
	nth    int32
	edges  [3]*edge
	redis  [2]*lab.Redis
	stores [3]*house // of both Redis, and of Sentinel
	watch  *redis.Client
	count  int // numbers
	orders int // they are spread over
	began  time.Time

	callers  []*lab.Sipp
	gateways map[string]*lab.Sipp // by side

	mu      sync.Mutex
	outages []outage
}

// edge is one edge, its house, and the process that runs there now.
type edge struct {
	*lab.Edge
	name  string
	house *house
	lab   *lab.Lab
}

// outage is when something was wrong with an edge, or with the store of all.
type outage struct {
	edge     string // "": the store
	deaf     bool   // calls do not get through; otherwise only the store is out of sight
	from, to time.Time
	why      string
}

// openTown starts everything, with numbers that belong to legacy.
func openTown(t testing.TB, count, orders int) *town {
	t.Helper()
	w := &town{t: t, nth: towns.Add(1), count: count, orders: orders, began: time.Now()}
	for i, name := range []string{"redis-a", "redis-b", "sentinel"} {
		w.stores[i] = newHouse(t, w.nth, name, 21+i)
	}
	keeps := []string{"--appendonly", "yes", "--appendfsync", "everysec", "--protected-mode", "no"}
	for i := range w.redis {
		w.redis[i] = lab.NewRedisAt(t, w.stores[i].place, keeps...)
	}
	w.redis[1].Follow(t, w.redis[0])
	sentinel := lab.SentinelAt(t, w.stores[2].place, w.redis[0])
	w.watch = redis.NewClient(&redis.Options{Addr: sentinel, DialTimeout: time.Second})
	t.Cleanup(func() { _ = w.watch.Close() })
	w.configure(sentinel)
	t.Cleanup(w.keep)
	w.edges[0].lab.ImportFile(w.numbers())
	var names []string
	for _, e := range w.edges {
		e.Edge = e.lab.Start(e.name)
		names = append(names, e.name)
	}
	p := person{w, anna}
	lab.Until(t, patience, "the first admin API", func() bool { code, _ := w.edges[0].Get("/healthz"); return code == 200 })
	if out, err := p.asks(t.Context(), w.edges[0], "store", "init", "--yes", "--reason", "the first chain"); err != nil {
		t.Fatalf("store init: %v\n%s", err, out)
	}
	w.ready()
	t.Logf("%s: %v are up with %d numbers", w.clock(), names, count)
	return w
}

// configure makes the edges' configurations from integration/lab.yaml.
func (w *town) configure(sentinel string) {
	tokens := fmt.Sprintf("  insecure: true\n  tokens:\n    - { name: ops-anna, role: operator, hash: %q }\n    - { name: ops-bo, role: approver, hash: %q }\n",
		admin.Hash(anna), admin.Hash(bo))
	first := lab.NewOn(w.t, w.redis[0],
		lab.Edit{Old: "  listen: \"127.0.0.1:8080\"\n", New: "  listen: \"0.0.0.0:8080\"\n" + tokens},
		lab.Edit{Old: "  mode: standalone\n  addresses: [ \"127.0.0.1:6379\" ]\n  prefix: lab\n",
			New: "  mode: sentinel\n  sentinel_master: numbers\n  addresses: [ \"" + sentinel + "\" ]\n  prefix: lab\n  writer: { username: default, password: \"${SIPEDGE_LAB_KEY}\" }\n"},
		lab.Edit{Old: "cutover: { init: auto } # this edge may start a chain on a Redis that never had one", New: "cutover: { init: explicit, lead: 2s, guard: 900ms }"},
		lab.Edit{Old: "127.0.0.0/8", New: "10.99.0.0/16"},
		lab.Edit{Old: "sip:127.0.0.1:5070", New: "sip:" + here + ":5070"}, lab.Edit{Old: "sip:127.0.0.1:5080", New: "sip:" + here + ":5080"},
		// One gateway a side, and patience with a SIPp that shares two cores with everybody.
		lab.Edit{Old: "      - { id: legacy-b, uri: \"sip:127.0.0.1:5071\", priority: 2 }\n    no_answer: 1s\n    progress: 2s\n", New: "    no_answer: 6s\n    progress: 7s\n"},
		lab.Edit{Old: "      - { id: speakops-b, uri: \"sip:127.0.0.1:5081\", priority: 2 }\n    no_answer: 1s\n    progress: 2s\n", New: "    no_answer: 6s\n    progress: 7s\n"},
		lab.Edit{Old: "drain_timeout: 20s", New: "drain_timeout: 2s"})
	for i := range w.edges {
		e := &edge{name: fmt.Sprintf("edge-%d", i+1), lab: first}
		if i > 0 {
			e.lab = first.Beside()
		}
		w.edges[i] = e
	}
	for i, e := range w.edges {
		e.house = newHouse(w.t, w.nth, e.name, 11+i)
		e.lab.Place = e.house.place
		if i > 0 {
			e.lab.Edit("id: lab-1", fmt.Sprintf("id: lab-%d", i+1))
		}
		for _, proto := range []string{"udp", "tcp"} {
			e.lab.Edit(fmt.Sprintf("transport: %s, address: \"127.0.0.1:5060\"", proto), fmt.Sprintf("transport: %s, address: \"%s:5060\"", proto, e.house.place.Host))
		}
	}
}

func number(i int) string { return fmt.Sprintf("+1202%07d", 5550000+i) }

// numbers writes the records of all numbers.
func (w *town) numbers() string {
	var b strings.Builder
	b.WriteString("public_number,number_type,porting_state,routing_authority,current_serving_provider,customer_assignment\n")
	for i := range w.count {
		fmt.Fprintf(&b, "%s,local,foc_confirmed,legacy,north,cust-%d\n", number(i), i/(w.count/w.orders))
	}
	return w.file("numbers.csv", b.String())
}

func (w *town) file(name, text string) string {
	file := filepath.Join(w.edges[0].lab.Dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// ready waits until every edge takes calls.
func (w *town) ready() {
	w.t.Helper()
	for _, e := range w.edges {
		w.until(e.name+" to be ready", func() bool { return e.takesCalls() })
	}
}

func (e *edge) takesCalls() bool { code, _ := e.Get("/readyz"); return code == 200 }

// until waits for what must come.
func (w *town) until(what string, ok func() bool) {
	w.t.Helper()
	lab.Until(w.t, patience, what, ok)
}

// clock is the time since the beginning, for what is printed.
func (w *town) clock() string { return fmt.Sprintf("%6.2fs", time.Since(w.began).Seconds()) }

func (w *town) say(format string, args ...any) {
	w.t.Logf(w.clock()+"  "+format, args...)
}

// master is the Redis that Sentinel calls the master, -1 while it names none of ours.
func (w *town) master() int {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	at, err := w.watch.Do(ctx, "SENTINEL", "get-master-addr-by-name", "numbers").StringSlice()
	if err != nil || len(at) != 2 {
		return -1
	}
	return slices.IndexFunc(w.redis[:], func(r *lab.Redis) bool { return r.Addr() == net.JoinHostPort(at[0], at[1]) })
}

// replicated says that one Redis is master and the other its replica, in step, and
// that Sentinel knows.
func (w *town) replicated() bool {
	m := w.master()
	if m < 0 {
		return false
	}
	return strings.Contains(w.info(m), "role:master") && strings.Contains(w.info(1-m), "master_link_status:up") &&
		strings.Contains(w.info(1-m), "master_host:"+w.stores[m].place.Host)
}

func (w *town) info(i int) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c := w.redis[i].Client()
	defer c.Close()
	return c.Info(ctx, "replication").Val()
}

// trouble notes that something is wrong from now on, until the returned function
// says that it is over.
func (w *town) trouble(edge string, deaf bool, why string) (over func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := len(w.outages)
	w.outages = append(w.outages, outage{edge: edge, deaf: deaf, from: time.Now(), why: why})
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.outages[i].to = time.Now()
	}
}

// keep copies everything that edges and SIPp wrote to FLEET_KEEP, where that is set.
func (w *town) keep() {
	to := os.Getenv("FLEET_KEEP")
	if to == "" {
		return
	}
	for _, e := range w.edges {
		if err := os.CopyFS(filepath.Join(to, w.t.Name(), e.name), os.DirFS(e.lab.Dir)); err != nil {
			w.t.Errorf("FLEET_KEEP: %v", err)
		}
	}
}
