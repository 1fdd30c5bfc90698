// Package admin answers: what does this edge look like to the people and the
// machines that look after it?
//
// It is a small HTTP server: health, readiness, metrics, status, and the few
// changes that are allowed while the edge runs. It asks for what it shows
// through the interfaces in parts.go. No GET changes anything, every change
// needs a token with a role, and every error has one JSON shape.
package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
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
	MaxConns int           // connections at once (256)
	PerHost  int           // connections of one other host (32)
	Grace    time.Duration // for requests in progress when the server stops (5 s)
}

// Limits of one request. What is asked here is small, so a slow or large
// request is a mistake or an attack.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10
	maxBody       = 64 << 10
)

// Server is the admin listener of one edge.
type Server struct {
	grace    time.Duration
	listener net.Listener
	http     http.Server
	tls      bool

	keys      []key
	routes    map[string]map[string]Route // path, method
	parts     Parts
	log       *slog.Logger
	refusals  *observe.Flood
	reloading sync.Mutex
}

// Open checks the tokens and binds the address.
func Open(ctx context.Context, o Options, p Parts) (*Server, error) {
	keys, err := readTokens(o.Tokens)
	if err != nil {
		return nil, err
	}
	if p.Health == nil {
		return nil, errors.New("admin: Parts.Health is missing")
	}
	log := p.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Server{grace: o.Grace, tls: o.TLS != nil, keys: keys, parts: p, log: log, refusals: observe.NewFlood(log, 1)}
	if s.grace <= 0 {
		s.grace = 5 * time.Second
	}
	s.addRoutes()
	l := o.Listener
	if l == nil {
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", o.Address); err != nil {
			return nil, unbound(o.Address, err)
		}
	}
	s.listener = newCapped(l, o.MaxConns, o.PerHost)
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
	return s, nil
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
