package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway/health"
)

// Run looks names up, sends probes, lets time pass and tells changes until ctx
// ends; then it closes the Keeper and returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	defer k.Close()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := k.turn(time.Now())
		k.tell()
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return nil
		case <-k.kick:
		case <-timer.C:
		}
	}
}

// turn starts whatever is due and says when to look again.
func (k *Keeper) turn(now time.Time) time.Time {
	next := now.Add(time.Minute)
	members := k.Set().members
	first, starved := k.first, -1
	for n := range members {
		i := (first + n) % len(members)
		at, full := k.tend(members[i], i, now)
		if full && starved < 0 {
			starved = i
		}
		next = earlier(next, at)
	}
	k.first = max(starved, 0)
	if ends := k.book.Load().ends; !ends.IsZero() && !now.Before(ends) {
		k.mu.Lock()
		k.book.Store(k.book.Load().next(k.Set(), now))
		k.mu.Unlock()
	}
	return earlier(next, k.book.Load().ends)
}

// tend does what one gateway needs now; the result is when it needs something
// again, zero for never, and whether a probe found no slot.
func (k *Keeper) tend(m *member, index int, now time.Time) (next time.Time, full bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.core.Wake(); !w.IsZero() && !now.Before(w) {
		m.step(health.Tick{}, "", now)
		m.refresh()
	}
	next = m.core.Wake()
	if !m.nextLookup.IsZero() && m.flight == nil {
		if !now.Before(m.nextLookup) {
			k.fly(m)
		} else {
			next = earlier(next, m.nextLookup)
		}
	}
	if m.gw.Probe.Every > 0 {
		var due time.Time
		due, full = k.probe(m, index, now)
		next = earlier(next, due)
	}
	k.take(m)
	return next, full
}

// probe starts the probes of one gateway that are due. One for which there is no
// slot waits for the end of another, which wakes Run.
func (k *Keeper) probe(m *member, index int, now time.Time) (next time.Time, full bool) {
	v := m.view.Load()
	for i := range v.targets {
		p := m.probes[addrOf(&v.targets[i])]
		if p == nil || p.busy {
			continue
		}
		if now.Before(p.due) {
			next = earlier(next, p.due)
			continue
		}
		select {
		case k.slots <- struct{}{}:
		default:
			return next, true
		}
		p.busy = true
		every := m.gw.Probe.Every
		p.due = now.Add(every - every/10 + rand.N(every/5))
		timeout := m.gw.Probe.timeout()
		if !k.spawn(func() { k.ask(m, p, v.targets[i], index, timeout) }) {
			<-k.slots
		}
	}
	return next, false
}

// ask sends one probe and judges its outcome.
func (k *Keeper) ask(m *member, p *probe, t Target, index int, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(k.base, timeout)
	code, err := k.opts.Asker.Ask(ctx, t, index)
	cancel()
	<-k.slots
	m.mu.Lock()
	p.busy = false
	if k.base.Err() == nil { // an edge that goes away proves nothing
		if err != nil {
			code = 0
		}
		m.step(health.Probed{Addr: addrOf(&t), Code: code}, told(t, code, err), time.Now())
		m.refresh()
	}
	m.mu.Unlock()
	k.wake()
}

func told(t Target, code int, err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("%s did not answer in time", t.Addr)
	case err != nil:
		return err.Error()
	case !health.Proves(code):
		return fmt.Sprintf("%s answered %d", t.Addr, code)
	}
	return ""
}

// take moves the changes of one gateway to where Run tells them. m.mu is held.
func (k *Keeper) take(m *member) {
	if len(m.changes) == 0 {
		return
	}
	k.changes = append(k.changes, m.changes...)
	m.changes = nil
}

// tell is on Run's goroutine, as is take, so changes need no lock.
func (k *Keeper) tell() {
	for _, c := range k.changes {
		if k.opts.OnChange != nil {
			k.opts.OnChange(c)
		}
	}
	k.changes = k.changes[:0]
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
