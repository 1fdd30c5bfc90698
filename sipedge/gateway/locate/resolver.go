package locate

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// CallWait is the longest a lookup on behalf of a call takes.
const CallWait = time.Second

// Options of a Resolver; zero values mean the defaults in parentheses.
type Options struct {
	// Servers are name servers, host:port or host (those of /etc/resolv.conf,
	// read again when it changes).
	Servers []string
	// MaxNames bounds the remembered questions, each a name and a type (4096);
	// those of gateways stay, of others the one unused for longest goes.
	MaxNames int
	// Dial connects to a name server over "udp" or "tcp" (the kernel's).
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Hosts looks a name up in the hosts file alone (the machine's).
	Hosts func(ctx context.Context, name string) ([]netip.Addr, error)
	// System is asked where DNS knows nothing, and for names without a dot (the
	// system's resolver, with its search list).
	System func(ctx context.Context, name string) ([]netip.Addr, error)
}

// Resolver finds servers. It is safe for concurrent use; Close ends it.
type Resolver struct {
	cache *cache
	dns   client
	opts  Options

	mu      sync.Mutex
	flights map[Query]*flight
}

// flight is one search on behalf of calls; whoever asks meanwhile shares it.
type flight struct {
	done   chan struct{}
	answer Answer
	err    error
}

// New makes a Resolver. It asks nothing yet.
func New(o Options) *Resolver {
	if o.MaxNames <= 0 {
		o.MaxNames = 4096
	}
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Hosts == nil {
		o.Hosts = hostsFile
	}
	if o.System == nil {
		o.System = systemResolver
	}
	r := &Resolver{opts: o, flights: map[Query]*flight{}}
	r.dns = client{servers: serversOf(o.Servers), dial: o.Dial}
	r.cache = newCache(o.MaxNames, r.fetch)
	return r
}

// Close abandons every question under way and waits for the askers.
func (r *Resolver) Close() { r.cache.close() }

// Lookup finds the servers of a query on behalf of a call: at once when it was
// answered before, however long ago, else within CallWait. The search goes on
// after the caller has given up, so the next call may find its answer.
// It returns ErrNotFound, or why nobody knows.
func (r *Resolver) Lookup(ctx context.Context, q Query) (Answer, error) {
	if a, err, ok := r.remembered(q); ok {
		return a, err
	}
	f := r.fly(q)
	ctx, cancel := context.WithTimeout(ctx, CallWait)
	defer cancel()
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("locate %s: no answer yet: %w", q.ServerName(), ctx.Err())
	}
}

// Refresh finds the servers of a gateway: it waits for every question that is
// due, up to half a minute when name servers are slow, and what it used is never
// forgotten. Where they fail it answers what was known, with the reason in Answer.Err.
func (r *Resolver) Refresh(ctx context.Context, q Query) (Answer, error) {
	return r.search(ctx, q, true)
}

func (r *Resolver) search(ctx context.Context, q Query, pinned bool) (Answer, error) {
	s := search{q: q, ask: func(keys ...key) []found { return r.cache.ask(ctx, pinned, keys...) }}
	a, err := s.run()
	if err != nil {
		return a, fmt.Errorf("locate %s: %w", q.ServerName(), err)
	}
	return a, nil
}

// remembered walks over what the cache holds; ok is false when something is
// missing. Old answers are good as long as they lead somewhere: "there is none"
// must be fresh.
func (r *Resolver) remembered(q Query) (a Answer, err error, ok bool) {
	missing, old := false, false
	s := search{q: q, ask: func(keys ...key) []found {
		out := make([]found, len(keys))
		for i, k := range keys {
			var aged bool
			out[i], aged = r.cache.peek(k)
			missing = missing || !out[i].known
			old = old || aged
		}
		return out
	}}
	a, err = s.run()
	return a, err, !missing && (err == nil || !old)
}

func (r *Resolver) fly(q Query) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.flights[q]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	if len(r.flights) >= maxUnderWay {
		f.err = fmt.Errorf("locate %s: %w", q.ServerName(), errFull)
		close(f.done)
		return f
	}
	r.flights[q] = f
	started := r.cache.spawn(func() {
		f.answer, f.err = r.search(r.cache.base, q, false)
		r.land(q, f)
	})
	if !started {
		f.err = errClosed
		delete(r.flights, q)
		close(f.done)
	}
	return f
}

func (r *Resolver) land(q Query, f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.flights, q)
	close(f.done)
}

// fetch answers one question of the cache, following aliases between messages.
func (r *Resolver) fetch(ctx context.Context, k key) (records, error) {
	switch k.typ {
	case typeHosts:
		return local(r.opts.Hosts(ctx, k.name))
	case typeSystem:
		return local(r.opts.System(ctx, k.name))
	}
	ttl := maxTTL
	for range 4 {
		m, err := r.dns.exchange(ctx, k)
		if err != nil {
			return records{}, err
		}
		got, next := read(m, k)
		ttl = min(ttl, got.ttl)
		if next == "" || !validName(next) {
			got.ttl = ttl
			return got, nil
		}
		k.name = next
	}
	return records{}, fmt.Errorf("%s: too many aliases", k.name)
}

func local(ips []netip.Addr, err error) (records, error) {
	if err != nil {
		return records{}, err
	}
	r := records{ttl: localTTL}
	for _, ip := range ips {
		r.addr(ip.AsSlice())
	}
	return r, nil
}
