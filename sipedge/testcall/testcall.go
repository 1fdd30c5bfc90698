// Package testcall answers: what does a call get that comes to an edge as an
// upstream's calls do, and how does it sound at both ends?
//
// Place dials one number through one edge, over UDP, TCP or TLS, plays a tone of
// its own and digits, listens to what comes back, hangs up, and reports. It
// knows nothing of the edge but its address: what it says is what an upstream
// would have seen. The user agent is sipgo's; messages are looked at on the
// wire, because sipgo hands them up out of order.
package testcall

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Transport carries the signalling.
type Transport string

const (
	UDP Transport = "udp"
	TCP Transport = "tcp"
	TLS Transport = "tls"
)

// Call is one call to place. Edge and To are needed; zero values of the others
// mean the defaults in parentheses.
type Call struct {
	Edge      string    // host or host:port (5060; over TLS 5061)
	Transport Transport // (UDP)
	TLS       *tls.Config
	Local     netip.Addr // of this host, to call from (whichever leads to the edge)

	To       string // what is dialled: the user part of the Request-URI
	From     string // the caller's number ("anonymous")
	Domain   string // host part of the Request-URI and To (the edge's)
	Username string // for a trunk with a password
	Password string
	Override string   // legacy or speakops, sent in X-SpeakOps-Route; only trunks with trust.test_override may
	Headers  []Header // more lines of the INVITE

	Ring time.Duration // how long to wait for an answer before CANCEL (30 s)
	Talk time.Duration // from the answer to BYE (4 s); 0 with Silent hangs up at once

	Sound

	Saw func(Rung) // told of every message as it crosses the wire, from several goroutines
}

// Header is one header line.
type Header struct{ Name, Value string }

// Errors a caller can act on.
var (
	ErrUnreachable = errors.New("the edge cannot be reached")
	ErrSilent      = errors.New("no final answer came")
)

// How long the caller waits for what must come.
const (
	byeWithin    = 4 * time.Second
	cancelWithin = 8 * time.Second
	givenUp      = 500 * time.Millisecond // for a sign of life once ctx has ended
)

// Check says what is wrong with a call before it is placed, nil for nothing.
func (c Call) Check() error { return c.defaults() }

func (c *Call) defaults() error {
	switch {
	case c.Edge == "":
		return errors.New("testcall: no edge to call through")
	case c.To == "":
		return errors.New("testcall: nobody to call")
	}
	if c.Transport == "" {
		c.Transport = UDP
	}
	if c.From == "" {
		c.From = "anonymous"
	}
	if c.Ring <= 0 {
		c.Ring = 30 * time.Second
	}
	if c.Talk <= 0 && !c.Silent {
		c.Talk = 4 * time.Second
	}
	return c.Sound.defaults()
}

// Place calls, talks and listens for c.Talk, and hangs up. When ctx ends while
// it rings, the call is cancelled; while it is up, hung up. A refusal is no
// error but a Report; the error wraps ErrUnreachable or ErrSilent when the edge
// has not said anything final, and then the report holds what there is.
func Place(ctx context.Context, c Call) (*Report, error) {
	if err := c.defaults(); err != nil {
		return nil, err
	}
	r := &Report{Edge: c.Edge, Transport: c.Transport, To: c.To, From: c.From, Override: c.Override, Begun: time.Now()}
	p, err := pickUp(ctx, c)
	if err != nil {
		return r, fmt.Errorf("testcall: %w", err)
	}
	defer p.putDown()
	if err = p.call(ctx, r); err != nil {
		err = fmt.Errorf("testcall: calling %s: %w", c.To, err)
	}
	p.conclude(r)
	return r, err
}
