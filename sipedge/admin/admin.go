// Package admin answers: what does this edge look like to the people and the
// machines that look after it, and what may they change?
//
// It is an HTTP server of its own, described by an OpenAPI document that it
// serves and that lies beside this file. Each resource is one file: its types,
// the narrow interface it asks for, and one function that returns a Resource.
// The wiring hands the resources over; nothing else knows them all.
//
// No GET changes anything, every change needs a token with a role, a change may
// be repeated under its Idempotency-Key, and every error is a Problem.
package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/speakops/sipedge/sipedge/observe"
)

// Options of a Server; zero values mean the defaults in parentheses.
type Options struct {
	Address  string        // host:port to listen on
	Listener net.Listener  // used instead of Address when not nil
	TLS      *tls.Config   // nil is plain HTTP
	Tokens   []Token       // none: reading only, and from this machine only
	Insecure bool          // listen beyond this machine without TLS or without tokens
	MaxConns int           // connections at once (256)
	PerHost  int           // connections of one other host (32)
	Rate     float64       // requests per second of one token, or of one host without (50)
	Burst    int           // of these at once (200)
	Grace    time.Duration // for requests in progress when the server stops (5 s)
	Version  string        // of this program, for the OpenAPI document ("dev")
}

// Parts is what the Server shows and moves.
type Parts struct {
	Health    Health     // needed
	Resources []Resource // what it shows beside; each takes what it needs when it is made
	Routes    []Route    // paths that are no part of the API, such as /metrics

	Log      *slog.Logger
	Panicked func(where string) // counts a panic of a handler
}

// Limits of one request. What is asked here is small, so a slow or large
// request is a mistake or an attack.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second // header and body
	writeTimeout  = 30 * time.Second // the answer, where an operation asks for no more
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10
	maxBody       = 64 << 10 // where an operation asks for no more
)

// Server is the admin listener of one edge.
type Server struct {
	grace    time.Duration
	listener net.Listener
	http     http.Server
	tls      bool

	keys     atomic.Pointer[keyring]
	api      *API
	mux      *http.ServeMux
	rates    *rates
	answers  *answers
	parts    Parts
	log      *slog.Logger
	refusals *observe.Flood
	stopping chan struct{} // closed when streams shall end
}

// Open checks the tokens and binds the address. Beyond this machine it listens
// only with TLS and tokens, unless Options say that this is meant.
func Open(ctx context.Context, o Options, p Parts) (*Server, error) {
	s, err := newServer(o, p)
	if err != nil {
		return nil, err
	}
	l := o.Listener
	if l == nil {
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", o.Address); err != nil {
			return nil, unbound(o.Address, err)
		}
	}
	if err := exposed(l.Addr(), &o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	s.listener = newCapped(l, o.MaxConns, o.PerHost)
	return s, nil
}

func newServer(o Options, p Parts) (*Server, error) {
	if p.Health == nil {
		return nil, errors.New("admin: Parts.Health is missing")
	}
	log := p.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		grace: orDefault(o.Grace, 5*time.Second), tls: o.TLS != nil, parts: p, log: log,
		rates: newRates(orDefault(o.Rate, 50), orDefault(o.Burst, 200)), answers: newAnswers(),
		mux: http.NewServeMux(), refusals: observe.NewFlood(log, 1), stopping: make(chan struct{}),
	}
	if err := s.SetTokens(o.Tokens); err != nil {
		return nil, err
	}
	s.api = newAPI(s, orDefault(o.Version, "dev"))
	for _, r := range append([]Resource{healthOf(p.Health)}, p.Resources...) {
		r(s.api)
	}
	for _, r := range p.Routes {
		s.add(r.Method, r.Path, rule{role: r.Role, within: r.Within}, r.Handle)
	}
	s.http = http.Server{
		Handler:           s,
		TLSConfig:         o.TLS,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.http.RegisterOnShutdown(func() { close(s.stopping) })
	return s, nil
}

func orDefault[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

// exposed refuses an address that others can reach while what travels there is
// readable, or nobody is asked who he is.
func exposed(at net.Addr, o *Options) error {
	ap, err := netip.ParseAddrPort(at.String())
	if err != nil || ap.Addr().IsLoopback() || o.Insecure {
		return nil // a listener of a test has no address; a socket on this machine is its own
	}
	switch {
	case o.TLS == nil:
		return fmt.Errorf("admin: %s can be reached from other machines, and without admin.tls tokens would travel in the clear; give it a certificate, listen on 127.0.0.1, or write admin.insecure: true", at)
	case len(o.Tokens) == 0:
		return fmt.Errorf("admin: %s can be reached from other machines, and there are no admin.tokens; make one with `sipedge token`, listen on 127.0.0.1, or write admin.insecure: true", at)
	}
	return nil
}

func unbound(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("admin: %s is already in use; stop the process that listens there or change admin.listen", address)
	}
	return fmt.Errorf("admin: listen on %s: %w", address, err)
}

// Addr is the bound address (port 0 resolved).
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers until ctx ends, then lets requests in progress finish within
// Grace and returns. It is called once.
func (s *Server) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var counting sync.WaitGroup
	defer counting.Wait()
	defer cancel()
	counting.Go(func() { s.refusals.Run(ctx) })

	ended := make(chan error, 1)
	go func() {
		if s.tls {
			ended <- s.http.ServeTLS(s.listener, "", "")
		} else {
			ended <- s.http.Serve(s.listener)
		}
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("admin: %w", err)
	case <-ctx.Done():
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer done()
	if err := s.http.Shutdown(stop); err != nil {
		s.http.Close()
	}
	<-ended
	return nil
}

// Close releases the address of a Server that will not Serve.
func (s *Server) Close() error { return s.listener.Close() }
