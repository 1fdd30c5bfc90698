package fleet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/fleet/judge"
	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/admin"
)

// measured is the count of numbers from which times are asserted: by then the test
// has the machine for itself.
const measured = 10_000

// All numbers of one order flip at one instant on three edges under load, while
// there is no Redis: both are killed a second after the cutover is armed. Not one
// call fails by it. Then it is rolled back.
func TestManyNumbersFlipAtOnce(t *testing.T) {
	t.Parallel()
	count, rate, dead := lab.Setting(t, "FLEET_NUMBERS", 1000), lab.Setting(t, "FLEET_RATE", 150), duration(t, "FLEET_DEAD", 3*time.Second)
	w := openTown(t, count, 1)
	w.load(rate, dead+10*time.Minute, w.mix(2*time.Second))
	anna, bo := person{w, anna}, person{w, bo}
	w.approved(anna, bo)
	armed := w.took("arm", anna, "arm", "c-0", "--yes")
	at := w.soon(anna)
	time.Sleep(time.Second)
	over := w.trouble("", false, "there is no redis")
	w.redis[1].Kill() // first, so that nobody promotes it
	w.redis[0].Kill()
	w.say("redis is dead, %s before the flip", time.Until(at).Round(time.Millisecond))
	time.Sleep(time.Until(at.Add(dead)))
	for _, r := range w.redis {
		r.Start(t)
	}
	w.until("the Redis to be in step", w.replicated)
	over()
	w.say("redis is back, %s after the flip", time.Since(at).Round(time.Millisecond))
	w.flipped(anna)
	if out, err := bo.asks(t.Context(), w.edges[2], "approve", "c-0", "--action", "rollback", "--yes"); err != nil {
		t.Fatalf("approve: %v\n%s", err, out)
	}
	back := w.took("rollback", anna, "rollback", "c-0", "--yes")
	time.Sleep(3 * time.Second) // the lead, and calls on the old side again
	w.hangUp()
	w.evidenceIn()
	e := w.evidence()
	v := judge.Judge(e)
	report(t, &desk{}, nil, &v)
	for _, x := range v.Violations {
		t.Error(x)
	}
	f := flipOf(e.Decisions, at)
	t.Logf("%d numbers on %d edges at %d calls/s: armed in %s, rollback confirmed in %s", count, len(f.edges), rate, armed.Round(time.Millisecond), back.Round(time.Millisecond))
	t.Logf("from the first call on the new side to the last on the old %s, the sum of the clock errors then is %s; %d calls held, hold p99 %s, the longest %s",
		f.spread, f.errors, len(f.holds), f.p99(), v.LongestHold)
	if n := len(v.Refused) + len(v.Excused); n > 0 || v.Answered != v.Calls {
		t.Errorf("%d of %d calls were answered", v.Answered, v.Calls)
	}
	if len(f.edges) != len(w.edges) || f.spread > f.errors || v.Turns != 2 {
		t.Errorf("not every edge flipped on time without a Redis: %+v", f)
	}
	if count >= measured && (armed > 2*time.Second || back > 3*time.Second || f.p99() > 20*time.Millisecond) {
		t.Error("too slow: want arm in 2s, rollback confirmed in 3s, hold p99 of 20ms")
	}
}

// approved takes the only order to where it may be armed.
func (w *town) approved(anna, bo person) {
	w.t.Helper()
	e := w.edges[0]
	file := w.plan(0, 0, w.count, later())
	var names []string
	var says string
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("the last word of plan and lint: %s", says)
		}
	})
	w.until("lint to find no error", func() bool { // what was written reaches each edge's table a moment later
		l, err := tells[admin.Lint](w.t.Context(), anna, e, "lint", "c-0")
		if err != nil && strings.Contains(err.Error(), "no cutover") {
			out, err := anna.asks(w.t.Context(), e, "plan", file) // lint has warnings: exit code 1
			says = fmt.Sprint(out, err)
			return false
		}
		says, names = fmt.Sprint(l, err), nil
		for _, f := range l.Findings {
			names = append(names, f.Name)
		}
		return (err == nil || len(names) > 0) && !slices.ContainsFunc(l.Findings, func(f admin.Finding) bool { return f.Severity == "error" })
	})
	for _, step := range []struct {
		who  person
		args []string
	}{
		{anna, []string{"lint", "c-0", "--acknowledge", strings.Join(names, ","), "--because", "a bench"}},
		{anna, []string{"rehearse", "c-0"}},
		{bo, []string{"approve", "c-0", "--yes"}},
	} {
		if len(names) == 0 && step.args[0] == "lint" {
			continue
		}
		if out, err := step.who.asks(w.t.Context(), e, step.args...); err != nil {
			w.t.Fatalf("%v: %v\n%s", step.args, err, out)
		}
	}
}

// soon moves the flip to an instant as near as the machine can agree on in time.
func (w *town) soon(p person) time.Time {
	w.t.Helper()
	for in := 4 * time.Second; ; in *= 2 {
		at := time.Now().Add(in).Truncate(time.Millisecond)
		x, err := tells[admin.Changed](w.t.Context(), p, w.edges[1], "move", "c-0", "--at", at.UTC().Format(time.RFC3339Nano), "--yes")
		if err == nil && x.State == "committed" {
			w.say("it flips in %s", time.Until(at).Round(time.Millisecond))
			return at
		}
		if in > patience {
			w.t.Fatalf("no instant is far enough ahead to move to: %+v %v", x, err)
		}
	}
}

// took is how long somebody waits until a change is confirmed by every edge.
func (w *town) took(what string, p person, args ...string) time.Duration {
	w.t.Helper()
	began := time.Now()
	x, err := tells[admin.Changed](w.t.Context(), p, w.edges[1], args...)
	if err != nil || x.State != "committed" {
		w.t.Fatalf("%s: %+v %v", what, x, err)
	}
	w.say("%s: revision %d is in every journal", what, x.Revision.Number)
	return time.Since(began)
}

// flipped waits until the office knows what has happened.
func (w *town) flipped(p person) {
	w.t.Helper()
	w.ready()
	w.until("the order to know of the flip", func() bool {
		c, err := tells[admin.Cutover](w.t.Context(), p, w.edges[0], "cutovers", "c-0")
		return err == nil && c.Phase == "flipped"
	})
}

// flip is what one instant looked like from all edges.
type flip struct {
	edges  []string        // that gave a call to the new side
	spread time.Duration   // from the first call on the new side to the last on the old; negative when none overlap
	errors time.Duration   // of the two clocks that decided those
	holds  []time.Duration // ascending
}

// flipOf reads the decisions around an instant.
func flipOf(all []judge.Decision, at time.Time) flip {
	var f flip
	var first, last *judge.Decision
	middle := func(d *judge.Decision) time.Time { return d.Earliest.Add(d.Latest.Sub(d.Earliest) / 2) }
	for i := range all {
		d := &all[i]
		if d.Kind != "route" || d.Latest.Before(at.Add(-time.Minute)) || d.Earliest.After(at.Add(2500*time.Millisecond)) {
			continue
		}
		if d.Held > 0 {
			f.holds = append(f.holds, d.Held)
		}
		switch d.Authority {
		case "speakops":
			if !slices.Contains(f.edges, d.Edge) {
				f.edges = append(f.edges, d.Edge)
			}
			if first == nil || middle(d).Before(middle(first)) {
				first = d
			}
		case "legacy":
			if last == nil || middle(d).After(middle(last)) {
				last = d
			}
		}
	}
	slices.Sort(f.holds)
	if first != nil && last != nil {
		f.spread = middle(last).Sub(middle(first))
		f.errors = (first.Latest.Sub(first.Earliest) + last.Latest.Sub(last.Earliest)) / 2
	}
	return f
}

func (f *flip) p99() time.Duration {
	if len(f.holds) == 0 {
		return 0
	}
	return f.holds[len(f.holds)*99/100]
}
