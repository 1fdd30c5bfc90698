package fleet

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/fleet/judge"
	"github.com/speakops/sipedge/integration/internal/lab"
)

// ordinary is the seed of every day: Redis dies at the instant of a flip. Others are
// for long runs, in which what they find can be looked into.
const ordinary = 8

// Ten orders of five numbers flip, move, are cancelled and rolled back by two
// people while 150 calls a second come in and the nemesis goes through its list.
// Nobody may carry a call it does not hold, no call may come to both sides, none
// that is up may be lost.
func TestANemesisFindsNothing(t *testing.T) {
	t.Parallel()
	seed, lasts := uint64(ordinary), duration(t, "FLEET_TIME", 10*time.Second)
	if text := os.Getenv("FLEET_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("FLEET_SEED=%q: %v", text, err)
		}
	}
	for i := range uint64(lab.Setting(t, "FLEET_ROUNDS", 1)) {
		t.Run(fmt.Sprint(seed+i), func(t *testing.T) { haunted(t, seed+i, lasts) })
	}
}

// haunted is one round: a new town, and everything that befalls it.
func haunted(t *testing.T, seed uint64, lasts time.Duration) {
	t.Logf("FLEET_SEED=%d draws this again", seed)
	w := openTown(t, 50, 10)
	longest := min(lasts/4, 30*time.Second)
	w.load(150, lasts+10*time.Minute, w.mix(longest))
	d := &desk{w: w, anna: person{w, anna}, bo: person{w, bo}, done: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	var shifts sync.WaitGroup
	defer shifts.Wait()
	defer stop()
	for i := range w.orders {
		shifts.Go(func() { d.work(ctx, i, rand.New(rand.NewPCG(seed, uint64(i+1)))) })
	}
	n := &nemesis{w, d, rand.New(rand.NewPCG(seed, 0))}
	n.until("something to be agreed on", func() bool { return d.agreed() > 0 })
	befell := map[string]int{}
	for end, list := time.Now().Add(lasts), []fault(nil); time.Now().Before(end); {
		if len(list) == 0 {
			list = chosen(t)
			n.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		}
		n.befalls(list[0])
		befell[list[0].name]++
		list = list[1:]
	}
	// A busy machine agrees late: what was agreed on shall be seen to happen.
	n.until("a call on the new side", func() bool {
		time.Sleep(200 * time.Millisecond)
		return len(w.delivered(w.gateways["speakops"].Log, "speakops")) > 0
	})
	stop()
	shifts.Wait()
	w.hangUp()
	w.evidenceIn()
	v := judge.Judge(w.evidence())
	report(t, d, befell, &v)
	for i, x := range v.Violations {
		if i == 20 {
			t.Errorf("and %d more", len(v.Violations)-i)
			break
		}
		t.Error(x)
	}
	if v.Turns == 0 || v.Delivered["legacy"] == 0 || v.Delivered["speakops"] == 0 || v.Beyond > 0 {
		t.Errorf("that proves nothing: %+v", v)
	}
}

// chosen are the faults of FLEET_ONLY, all of them without it.
func chosen(t *testing.T) []fault {
	t.Helper()
	only := os.Getenv("FLEET_ONLY")
	list := slices.DeleteFunc(slices.Clone(faults), func(f fault) bool { return !strings.Contains(f.name, only) })
	if len(list) == 0 {
		t.Fatalf("FLEET_ONLY=%q names no fault; they stand in nemesis_test.go", only)
	}
	return list
}

func report(t *testing.T, d *desk, befell map[string]int, v *judge.Verdict) {
	t.Helper()
	for _, m := range []struct {
		what string
		of   map[string]int
	}{{"befell", befell}, {"asked for", d.done}, {"delivered to", v.Delivered}, {"refused because of", v.Refused}, {"revisions aborted", v.Aborted}, {"no answer, and that is excused because", v.Excused}} {
		for _, k := range slices.Sorted(maps.Keys(m.of)) {
			t.Logf("%s: %d %s", m.what, m.of[k], k)
		}
	}
	t.Logf("%d calls, %d answered, %d of them ended by a BYE and %d by one whose answer was lost; %d decisions, %d held (the longest %s); %d revisions committed; %d steps happened; porcupine took %d reads and writes",
		v.Calls, v.Answered, v.Ended, v.Unanswered, v.Decisions, v.Held, v.LongestHold, v.Revisions, v.Turns, v.Checked)
}

// evidenceIn waits until the edges' copies of the journal have what the store has,
// and their records are on the disk.
func (w *town) evidenceIn() {
	w.t.Helper()
	last := func() (n int) {
		e := w.evidence()
		return len(e.Decisions) + len(e.Entries)
	}
	was, since := last(), time.Now()
	w.until("the records to come to rest", func() bool {
		time.Sleep(200 * time.Millisecond)
		if now := last(); now != was {
			was, since = now, time.Now()
		}
		return time.Since(since) > 2500*time.Millisecond // the journal is copied every second
	})
}

func duration(t *testing.T, name string, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("%s=%q is no time such as 10m", name, text)
	}
	return d
}
