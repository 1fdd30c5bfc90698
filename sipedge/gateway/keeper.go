package gateway

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Bounds of a Keeper.
const (
	lookupTime  = 30 * time.Second // one lookup with all its questions
	lookupAgain = 5 * time.Second  // after a lookup that failed
	maxProbes   = 64               // under way at once
	maxChanges  = 64               // of one gateway, waiting to be told; the oldest make room
)

// Options of a Keeper.
type Options struct {
	Locator Locator
	Asker   Asker
	// OnChange is told every change of state once, in order, on Run's goroutine.
	// It may ask the Set, and should not block for long. May be nil.
	OnChange func(Change)
	// Draw is the randomness by which equal SRV records share (math/rand/v2).
	Draw func() uint64
}

// Keeper watches over gateways. Run does its work; Close ends it.
type Keeper struct {
	opts    Options
	current atomic.Pointer[Set]
	book    atomic.Pointer[book]
	kick    chan struct{} // Run has something to look at
	slots   chan struct{} // probes under way

	base   context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex // of writing current and book, and of closed
	closed bool

	// Of Run's goroutine.
	changes []Change // to be told
	first   int      // index to begin with: that of a probe that found no slot
}

// New makes a Keeper with an empty Set.
func New(o Options) *Keeper {
	if o.Draw == nil {
		o.Draw = rand.Uint64
	}
	k := &Keeper{opts: o, kick: make(chan struct{}, 1), slots: make(chan struct{}, maxProbes)}
	k.base, k.cancel = context.WithCancel(context.Background())
	k.current.Store(&Set{keeper: k})
	k.book.Store(&book{})
	return k
}

// Set is the one installed last.
func (k *Keeper) Set() *Set { return k.current.Load() }

// Compile makes a Set of a list of gateways, with what is known of those that
// the installed Set has too. Nothing takes effect before Install. The error
// holds every mistake, each with its route and gateway.
func (k *Keeper) Compile(list []Gateway) (*Set, error) {
	s := &Set{
		keeper:   k,
		gateways: make([]*Gateway, len(list)),
		tls:      make([]*transport.TLSTarget, len(list)),
		members:  make([]*member, len(list)),
	}
	stay := k.Set().byIdentity()
	names := map[[2]string]bool{}
	var wrong []error
	for i := range list {
		g := list[i]
		err := s.add(&g, stay)
		if name := [2]string{g.RouteID, g.ID}; names[name] {
			err = errors.Join(err, errors.New("is there twice"))
		} else {
			names[name] = true
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("route %q gateway %q: %w", g.RouteID, g.ID, err))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return s, nil
}

func (s *Set) byIdentity() map[identity]int {
	at := make(map[identity]int, len(s.members))
	for i, g := range s.gateways {
		at[g.identity()] = i
	}
	return at
}

func (s *Set) add(g *Gateway, stay map[identity]int) error {
	q, err := g.setup()
	if err != nil {
		return err
	}
	if g.Index < 0 || g.Index >= len(s.members) || s.members[g.Index] != nil {
		return fmt.Errorf("index %d is out of range or taken", g.Index)
	}
	old := s.keeper.Set()
	i, stays := stay[g.identity()]
	if stays && old.gateways[i].TLS == g.TLS {
		s.tls[g.Index] = old.tls[i]
	} else if s.tls[g.Index], err = g.TLS.target(q.ServerName()); err != nil {
		return err
	}
	s.gateways[g.Index] = g
	if stays {
		s.members[g.Index] = old.members[i]
	} else {
		s.members[g.Index] = newMember(g, s.tls[g.Index], q, time.Now())
	}
	return nil
}

// Install puts a Set into force in one step: names new to it are looked up at
// once, addresses gone with the old one become former.
func (k *Keeper) Install(s *Set) {
	now := time.Now()
	for i, m := range s.members {
		m.adopt(s.gateways[i], s.tls[i], now)
		k.prefetch(m)
	}
	k.mu.Lock()
	k.current.Store(s)
	k.book.Store(k.book.Load().next(s, now))
	k.mu.Unlock()
	k.wake()
}

// prefetch starts the first lookup of a name.
func (k *Keeper) prefetch(m *member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.view.Load().ready {
		k.fly(m)
	}
}

func (k *Keeper) wake() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// spawn runs f on a goroutine that Close waits for; false when closed.
func (k *Keeper) spawn(f func()) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return false
	}
	k.wg.Go(f)
	return true
}

// Close ends all probes and lookups under way and waits for them.
func (k *Keeper) Close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.cancel()
	k.wg.Wait()
}

// called is the slow path of Report.
func (k *Keeper) called(m *member, ev health.Called) {
	m.mu.Lock()
	m.step(ev, "", time.Now())
	m.refresh()
	news := len(m.changes) > 0 || !m.core.Wake().IsZero()
	m.mu.Unlock()
	if news {
		k.wake()
	}
}

// fly starts a lookup unless one is under way. m.mu is held.
func (k *Keeper) fly(m *member) {
	if m.flight != nil {
		return
	}
	flight := make(chan struct{})
	started := k.spawn(func() {
		ctx, cancel := context.WithTimeout(k.base, lookupTime)
		defer cancel()
		a, err := k.opts.Locator.Refresh(ctx, m.query)
		k.land(m, flight, a, err)
	})
	if started {
		m.flight = flight
	}
}

func (k *Keeper) land(m *member, flight chan struct{}, a locate.Answer, err error) {
	now := time.Now()
	m.mu.Lock()
	if k.base.Err() == nil {
		m.located(a, err, now)
	}
	m.flight = nil
	m.mu.Unlock()
	k.mu.Lock()
	k.book.Store(k.book.Load().next(k.Set(), now))
	k.mu.Unlock()
	close(flight)
	k.wake()
}

// await waits for a lookup on behalf of a call.
func (k *Keeper) await(ctx context.Context, m *member) error {
	k.prefetch(m)
	m.mu.Lock()
	flight, ready, err := m.flight, m.view.Load().ready, m.lookupErr
	m.mu.Unlock()
	switch {
	case ready:
		return err
	case flight == nil:
		return errors.New("gateway: closed")
	}
	ctx, cancel := context.WithTimeout(ctx, locate.CallWait)
	defer cancel()
	select {
	case <-flight:
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.lookupErr
	case <-ctx.Done():
		return fmt.Errorf("gateway: address of %s: %w", m.query.ServerName(), ctx.Err())
	}
}
