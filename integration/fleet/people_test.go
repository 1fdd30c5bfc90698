package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
)

// Tokens of the two people: anna, an operator, plans and acts; bo approves.
const (
	anna = "sipedge_anna_who_is_an_operator_0000"
	bo   = "sipedge_bo_who_is_an_approver_000000"
)

// person is somebody who sits at edges with cutoverctl.
type person struct {
	w     *town
	token string
}

// asks runs cutoverctl at an edge; the error holds its exit code and complaint.
func (p person) asks(ctx context.Context, e *edge, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	argv := slices.Concat([]string{"nice"}, e.house.place.Within, []string{os.Getenv("CUTOVERCTL_BIN")}, args) // people wait for calls, not calls for people
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("CUTOVERCTL_EDGE=http://127.0.0.1:%d", e.lab.Port("8080")), "CUTOVERCTL_TOKEN="+p.token, "XDG_CONFIG_HOME="+e.lab.Dir)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return out.String(), err
}

// tells is asks with an answer in JSON; the answer is read even when the exit code
// is not 0.
func tells[T any](ctx context.Context, p person, e *edge, args ...string) (T, error) {
	var v T
	out, err := p.asks(ctx, e, append(args, "--json", "--within", "15s")...)
	if jerr := json.Unmarshal([]byte(out), &v); jerr != nil && err == nil {
		err = fmt.Errorf("cutoverctl %s: %w\n%s", strings.Join(args, " "), jerr, out)
	}
	return v, err
}

// desk is two people with one order after the other, cutting over, moving,
// cancelling and rolling back whatever the nemesis leaves them.
type desk struct {
	w        *town
	anna, bo person

	mu    sync.Mutex
	done  map[string]int // "flip committed": how often
	ahead []time.Time    // instants of flips that were agreed on
}

// plan writes an order of some numbers and its cutover, to flip at an instant in a
// window of an hour each way.
func (w *town) plan(i, first, count int, at time.Time) string {
	wall := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }
	return w.file(fmt.Sprintf("order-%d.yaml", i), fmt.Sprintf(`zone: UTC
order:
  id: o-%d
  kind: port_in
  number_type: local
  numbers: [ "%s - %s" ]
  scope: full
  losing_provider: north
  gaining_provider: speakops
  customer_assignment: cust-%d
  checklist: { e911: done, cnam: done, messaging: not_needed, directory: done, forwarding: done }
  account_validation: { state: validated }
  loa: { version: "1", signed: "%s" }
  foc: { version: "2", due: "%s" }
cutover:
  id: c-%d
  purpose: port_in
  mode: scheduled
  window_open: "%s"
  window_close: "%s"
  at: "%s"
  rollback: { when: "calls fail on the new side", by: ops-bo, within: 4h }
`, i, number(first), number(first+count-1), i, at.Add(-48*time.Hour).UTC().Format(time.RFC3339), wall(at), i, wall(at.Add(-time.Hour)), wall(at.Add(time.Hour)), wall(at)))
}

// later is an instant that is never reached: what is armed for it is flipped or
// moved to sooner.
func later() time.Time { return time.Now().Add(40 * time.Minute).Truncate(time.Second) }

// work is one person's shift on one order, until ctx ends.
func (d *desk) work(ctx context.Context, i int, r *rand.Rand) {
	per := d.w.count / d.w.orders
	id := fmt.Sprintf("c-%d", i)
	file := d.w.plan(i, i*per, per, later())
	for ctx.Err() == nil {
		e := d.w.edges[r.IntN(len(d.w.edges))]
		c, err := tells[admin.Cutover](ctx, d.anna, e, "cutovers", id)
		switch {
		case ctx.Err() != nil:
			return
		case c.Phase == "armed" || c.Phase == "flipped":
			d.next(ctx, e, &c, r)
		case !pauseFor(ctx, time.Duration(r.IntN(1500))*time.Millisecond):
			return
		case err != nil && strings.Contains(err.Error(), "no cutover"):
			_, _ = d.anna.asks(ctx, e, "plan", file) // lint has warnings: exit code 1
		case err != nil:
			pauseFor(ctx, 300*time.Millisecond)
		default:
			d.next(ctx, e, &c, r)
		}
	}
}

// full is the number of steps from which a cutover is only armed, moved and
// cancelled any more: a timeline has room for 32.
const full = 30

// next does what is next for a cutover.
func (d *desk) next(ctx context.Context, e *edge, c *admin.Cutover, r *rand.Rand) {
	id := c.Cutover
	switch c.Phase {
	case "planned", "cancelled", "rolled_back":
		d.arm(ctx, e, c, r)
	case "armed":
		if len(c.Steps) >= full {
			d.act(ctx, e, "move", id, "--at", time.Now().Add(5500*time.Millisecond).UTC().Format(time.RFC3339Nano))
			pauseFor(ctx, time.Duration(500+r.IntN(1000))*time.Millisecond)
			d.act(ctx, e, "cancel", id)
			return
		}
		switch r.IntN(8) {
		case 0:
			d.act(ctx, e, "cancel", id)
		case 1, 2:
			d.act(ctx, e, "move", id, "--at", time.Now().Add(time.Duration(2500+r.IntN(2500))*time.Millisecond).UTC().Format(time.RFC3339Nano))
			pauseFor(ctx, time.Duration(r.IntN(4000))*time.Millisecond)
		default:
			d.act(ctx, e, "flip", id)
			pauseFor(ctx, time.Duration(500+r.IntN(2500))*time.Millisecond)
		}
	case "flipped":
		if c.Holder != "speakops" {
			pauseFor(ctx, 200*time.Millisecond)
			return
		}
		if _, err := tells[admin.Cutover](ctx, d.bo, e, "approve", id, "--action", "rollback", "--yes"); err != nil {
			d.count("approve", err)
			pauseFor(ctx, 200*time.Millisecond)
			return
		}
		d.act(ctx, e, "rollback", id)
		pauseFor(ctx, time.Duration(500+r.IntN(2000))*time.Millisecond)
	default:
		pauseFor(ctx, 200*time.Millisecond)
	}
}

// arm takes a cutover from a plan to armed: two people.
func (d *desk) arm(ctx context.Context, e *edge, c *admin.Cutover, r *rand.Rand) {
	l, err := tells[admin.Lint](ctx, d.anna, e, "lint", c.Cutover)
	if err != nil && len(l.Findings) == 0 {
		d.count("lint", err)
		pauseFor(ctx, 300*time.Millisecond)
		return
	}
	var names []string
	for _, f := range l.Findings {
		if f.Severity == "error" {
			d.count("lint", errors.New(f.Name))
			pauseFor(ctx, 300*time.Millisecond)
			return
		}
		if f.Acknowledged == "" {
			names = append(names, f.Name)
		}
	}
	if len(names) > 0 {
		if _, err := d.anna.asks(ctx, e, "lint", c.Cutover, "--acknowledge", strings.Join(names, ","), "--because", "a bench"); err != nil {
			d.count("acknowledge", err)
			return
		}
	}
	if _, err := d.anna.asks(ctx, e, "rehearse", c.Cutover); err != nil {
		d.count("rehearse", err)
		return
	}
	if _, err := d.bo.asks(ctx, d.w.edges[r.IntN(3)], "approve", c.Cutover, "--yes"); err != nil {
		d.count("approve", err)
		return
	}
	d.act(ctx, d.w.edges[r.IntN(3)], "arm", c.Cutover)
}

// act asks for a change and writes down what became of it.
func (d *desk) act(ctx context.Context, e *edge, verb, id string, more ...string) {
	x, err := tells[admin.Changed](ctx, d.anna, e, append([]string{verb, id, "--yes"}, more...)...)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case x.State != "":
		d.done[verb+" "+x.State]++
		if x.State != "committed" {
			d.because(errors.New(x.Says))
		}
		if n := len(x.Cutover.Steps); n > 0 && x.State == "committed" {
			d.ahead = append(d.ahead, x.Cutover.Steps[n-1].At)
		}
	case err != nil:
		d.done[verb+" not taken"]++
		d.because(err)
	}
}

func (d *desk) count(what string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done[what+" not taken"]++
	d.because(err)
}

// because keeps one example of each complaint, for people who read the log.
func (d *desk) because(err error) {
	text := err.Error()
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	d.done["  "+text[:min(len(text), 160)]]++
}

// soon is the next instant that was agreed on and lies at least so far ahead.
func (d *desk) soon(atLeast, atMost time.Duration) (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := len(d.ahead) - 1; i >= 0; i-- {
		if in := time.Until(d.ahead[i]); in >= atLeast && in <= atMost {
			return d.ahead[i], true
		}
	}
	return time.Time{}, false
}

// pauseFor waits; false when ctx ended first.
func pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// agreed counts the changes that were committed and are in every journal.
func (d *desk) agreed() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for what, times := range d.done {
		if strings.HasSuffix(what, " committed") {
			n += times
		}
	}
	return n
}
