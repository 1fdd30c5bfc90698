package demo

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge"
)

// Traffic calls the numbers that change hands, one after the other and through one
// edge after the other, and keeps what a newcomer wants to know of it.
type Traffic struct {
	From    e164.Number
	Numbers []e164.Number
	Edges   []netip.AddrPort

	mu     sync.Mutex
	placed int
	failed int
	at     time.Time // of the flip; zero before it is known
	last   near      // on the old side
	first  near      // on the new one
}

// near is a call near the flip.
type near struct {
	edge string
	at   time.Time
}

// Between calls: seldom, but near the flip.
const (
	seldom = 2500 * time.Millisecond
	often  = 250 * time.Millisecond
	around = 3 * time.Second
	talks  = 700 * time.Millisecond
)

// Run places calls until ctx ends, and waits for the last.
func (t *Traffic) Run(ctx context.Context) {
	var up sync.WaitGroup
	defer up.Wait()
	for i := 0; ; i++ {
		up.Go(func() { t.place(ctx, i) })
		if !pause(ctx, t.wait()) {
			return
		}
	}
}

func (t *Traffic) place(ctx context.Context, i int) {
	r, err := Place(ctx, Call{From: t.From, To: t.Numbers[i%len(t.Numbers)], Via: t.Edges[i%len(t.Edges)], Talk: talks})
	if ctx.Err() != nil {
		return // cut short by the end of the demo
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.placed++
	if err != nil || !r.Answered() {
		t.failed++
	}
}

// Expect says when it flips.
func (t *Traffic) Expect(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = at
}

func (t *Traffic) wait() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if away := time.Until(t.at).Abs(); !t.at.IsZero() && away < around {
		return often
	} else if !t.at.IsZero() && away < around+seldom && time.Now().Before(t.at) {
		return away - around + time.Millisecond
	}
	return seldom
}

// Decided is told of every decision of an edge.
func (t *Traffic) Decided(edge string, c sipedge.CallLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch n := (near{edge, time.Now()}); {
	case c.Because == routing.BeforeCut:
		t.last = n
	case c.Because == routing.Cut && t.first.at.IsZero():
		t.first = n
	}
}

// Verdict is what came of the flip, in half a sentence each.
func (t *Traffic) Verdict() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	far := func(n near, word string) string {
		if n.at.IsZero() {
			return "none"
		}
		return fmt.Sprintf("%d ms %s (%s)", n.at.Sub(t.at).Abs().Milliseconds(), word, n.edge)
	}
	return fmt.Sprintf("last call on legacy %s, first on speakops %s; of %d calls %d failed", far(t.last, "before"), far(t.first, "after"), t.placed, t.failed)
}
