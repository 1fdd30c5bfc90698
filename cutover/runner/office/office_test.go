package office

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/cutover/clock"
	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/cutover/runner"
	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/admin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var anna, bo = admin.Person{Name: "anna", Role: admin.Operator}, admin.Person{Name: "bo", Role: admin.Approver}

// house is one edge's runner, and its office when it is open.
type house struct {
	*Office
	t      *testing.T
	run    *runner.Runner
	bus    *admin.Bus
	closes func()
	due    time.Time // of the commitment, as it was first planned
}

func redisServer(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	cmd := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--dir", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("redis-server: %v; ./integration/test installs it", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return "127.0.0.1:" + strconv.Itoa(port)
}

// openHouse starts a lone edge with ten numbers; its office is not run yet.
func openHouse(t *testing.T) *house {
	rdb := redis.NewClient(&redis.Options{Addr: redisServer(t)})
	t.Cleanup(func() { _ = rdb.Close() })
	chain, err := ledger.New(rdb, "speakops", ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := clock.New(clock.Options{})
	if err != nil {
		t.Fatal(err)
	}
	table := new(routing.Table)
	for i := range 10 {
		n, _ := e164.Parse(fmt.Sprintf("+1202555%04d", i))
		table.Put(routing.Number{PublicNumber: n, NumberType: routing.Local, PortingState: routing.FOCConfirmed, RoutingAuthority: routing.Legacy,
			CustomerAssignment: "cust-1", CurrentServingProvider: "north", Revision: 1})
	}
	r, err := runner.Open(runner.Options{Edge: "edge-1", Dir: t.TempDir(), Chain: chain, Clock: c, Records: table, Log: slog.New(slog.DiscardHandler),
		Fleet: cutover.Fleet{Guard: 600 * time.Millisecond, Lead: 1300 * time.Millisecond, PrepareTimeout: 3 * time.Second},
		Auto:  true, SampleEvery: 100 * time.Millisecond, Poll: 20 * time.Millisecond,
		Tells: func(b *runner.Beat) {
			b.Routes = map[routing.RouteID]runner.RouteHealth{"old": {Alive: 1, Of: 1}, "new": {Alive: 1, Of: 1}}
		}})
	if err != nil {
		t.Fatal(err)
	}
	old := &routing.Route{ID: "old", Authority: routing.Legacy, Target: routing.DirectSIP, Gateways: []routing.Gateway{{ID: "l1"}}}
	fresh := &routing.Route{ID: "new", Authority: routing.SpeakOps, Gateways: []routing.Gateway{{ID: "s1", Index: 1}}}
	h := &house{t: t, run: r, bus: admin.NewBus()}
	h.Office, err = New(Options{Runner: r, Chain: chain, Clock: c, Table: table, Log: slog.New(slog.DiscardHandler), Bus: h.bus, Every: 20 * time.Millisecond,
		World: func() routing.World {
			return routing.World{Table: table, Routes: map[routing.RouteID]*routing.Route{"old": old, "new": fresh}, Legacy: old, SpeakOps: fresh, Schedules: r.Schedule, HoldFor: time.Second}
		}})
	if err != nil {
		t.Fatal(err)
	}
	h.goes(r.Run)
	t.Cleanup(func() { _ = r.Close() })
	h.until("a member", func() bool { ok, _ := r.Serves(); return ok })
	return h
}

// goes runs something until the test ends, or until what it returns is called.
func (h *house) goes(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	ended := false
	stop = func() {
		if !ended {
			ended = true
			cancel()
			if err := <-done; err != nil {
				h.t.Error(err)
			}
		}
	}
	h.t.Cleanup(stop)
	return stop
}

func (h *house) until(what string, ok func() bool) {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("waited 20 s for %s", what)
		}
	}
}

func (h *house) plans(at time.Time) {
	h.t.Helper()
	wall := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }
	if h.due.IsZero() {
		h.due = at
	}
	text := fmt.Sprintf(`{"zone":"UTC","order":{"id":"o-1","kind":"port_in","number_type":"local","numbers":["+12025550000 - +12025550009"],"scope":"full",
"losing_provider":"north","gaining_provider":"speakops","customer_assignment":"cust-1","account_validation":{"state":"validated"},
"loa":{"version":"1","signed":"2020-01-01T00:00:00Z"},"foc":{"version":"2","due":%q}},
"cutover":{"id":"c-1","purpose":"port_in","mode":"scheduled","window_open":%q,"window_close":%q,"at":%q}}`, wall(h.due), wall(at.Add(-time.Hour)), wall(at.Add(time.Hour)), wall(at))
	if _, err := h.Plan(h.t.Context(), anna, admin.PlanFile{Text: text}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) order() *order.Order {
	h.t.Helper()
	p, err := h.orders.read(h.t.Context(), "o-1")
	if err != nil {
		h.t.Fatal(err)
	}
	return &p.Value.Order
}

// begun leaves an order as a desk leaves it that dies behind its proposal, or
// before it.
func (h *house) begun(proposes bool, at time.Time) cutover.RevisionID {
	h.t.Helper()
	h.plans(at)
	rev := runner.NewRevisionID()
	if _, _, err := h.step(h.t.Context(), "anna", "o-1", order.ArmStarted{Cutover: "c-1", Revision: rev, Purpose: order.Arrive, FOC: "2"}); err != nil {
		h.t.Fatal(err)
	}
	if proposes {
		list, err := cutover.NewList(h.order().Numbers)
		if err != nil {
			h.t.Fatal(err)
		}
		d, err := h.deal(h.t.Context(), "c-1")
		if err == nil {
			_, err = h.run.Begins(runner.Named(h.t.Context(), rev), "anna", d.p().Cutover(list.ID(), list.Len()), list)
		}
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return rev
}

// A desk that died behind its proposal: another office's clerk writes down that
// it is armed, that it flipped, and that it was rolled back.
func TestTheClerkFinishesWhatADeskBegan(t *testing.T) {
	h := openHouse(t)
	at := time.Now().Add(3 * time.Second).Truncate(time.Second)
	rev := h.begun(true, at)
	if l := h.order().Live; l.Phase != order.Arming {
		t.Fatalf("%+v", l)
	}
	h.goes(h.Run)
	h.until("armed", func() bool { l := h.order().Live; return l.Phase == order.Armed && l.Revision == rev })
	h.until("flipped", func() bool { return h.order().Live.Phase == order.Flipped })
	if time.Now().Before(at) {
		t.Error("the order says flipped before it is")
	}
	if st := h.order().PortingState; st != routing.Activating {
		t.Errorf("porting_state %s", st)
	}
	if _, err := h.run.Turn(t.Context(), "bo", "rollback", "c-1", routing.Legacy, time.Time{}); err != nil {
		t.Fatal(err)
	}
	h.until("rolled back", func() bool { return h.order().Live.Phase == order.RolledBack })
	if v, err := h.Verify(t.Context()); err != nil || !v.Whole {
		t.Errorf("%+v %v", v, err)
	}
}

// What was announced may still be proposed, until it is certain that it was not.
func TestAnAnnouncementWaits(t *testing.T) {
	h := openHouse(t)
	h.begun(false, time.Now().Add(time.Hour).Truncate(time.Second))
	h.goes(h.Run)
	time.Sleep(300 * time.Millisecond) // several rounds
	if l := h.order().Live; l == nil || l.Phase != order.Arming {
		t.Fatalf("given up at once: %+v", l)
	}
	d, err := h.deal(t.Context(), "c-1")
	if err != nil {
		t.Fatal(err)
	}
	d.status.Now = d.status.Now.Add(2 * forgotten)
	h.until("the journal to be read", h.told.caughtUp)
	d.order.Revision -= ledger.Expect(2 * forgotten.Microseconds()) // written long ago
	if ev, err := h.armed(t.Context(), d); err != nil || order.EventName(ev) != "arm_failed" {
		t.Errorf("%v %v", ev, err)
	}
}

// An approval is for one proposal, by another person, and an edit voids it.
func TestApprovalsAreBoundToWhatWasRead(t *testing.T) {
	h := openHouse(t)
	h.policy = order.Policy{SecondPerson: true, Life: time.Hour}
	at := time.Now().Add(time.Hour).Truncate(time.Second)
	h.plans(at)
	ctx := t.Context()
	p, err := h.Proposal(ctx, "c-1", "arm", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []admin.Person{anna, {Name: "anna", Role: admin.Approver}} {
		if _, err := h.Approve(ctx, by, "c-1", admin.Approving{Action: "arm", Digest: p.Digest}); err == nil {
			t.Errorf("%+v approves", by)
		}
	}
	c, err := h.Approve(ctx, bo, "c-1", admin.Approving{Action: "arm", Digest: p.Digest})
	if err != nil || len(c.Approvals) != 1 || c.Approvals[0].Void != "" {
		t.Fatalf("%+v %v", c.Approvals, err)
	}
	h.plans(at.Add(time.Minute))
	if c, err = h.Cutover(ctx, "c-1"); err != nil || len(c.Approvals) != 1 || c.Approvals[0].Void == "" {
		t.Errorf("after an edit: %+v %v", c.Approvals, err)
	}
	var conflict *admin.Problem
	if _, err := h.Arm(ctx, anna, "c-1", admin.Acting{Digest: p.Digest}); !errors.As(err, &conflict) || conflict.Because != "conflict" {
		t.Errorf("armed by what was read before the edit: %v", err)
	}
}
