package transport

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	ErrGone      = errors.New("transport: connection is gone")
	ErrFull      = errors.New("transport: queue of the connection is full")
	ErrWithdrawn = errors.New("transport: connection was not made in time")
	ErrClosed    = errors.New("transport: closed")
	ErrLimit     = errors.New("transport: too many connections, raise MaxConns")
	ErrIdle      = errors.New("transport: connection was idle")
	ErrSlow      = errors.New("transport: message did not end in time")
	ErrGarbage   = errors.New("transport: stream is not SIP any more")
)

// errAnswered is ErrGarbage of which the peer was told.
var errAnswered = fmt.Errorf("%w; the peer was told", ErrGarbage)

// bindError says in one sentence which listener could not be had and what to do.
func bindError(l Listener, err error) error {
	why := err.Error()
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why = "the port is in use; stop the program that holds it or choose another port"
	case errors.Is(err, syscall.EACCES):
		why = "not permitted; ports below 1024 need CAP_NET_BIND_SERVICE"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		why = "this machine has no such address; listen on one it has or on 0.0.0.0"
	}
	return &BindError{Listener: l, Err: err, text: fmt.Sprintf("listener %s (%s %s): %s", l.Name, l.Proto, l.Address, why)}
}

// BindError is what Open returns when a listener cannot be bound.
type BindError struct {
	Listener Listener
	Err      error
	text     string
}

func (e *BindError) Error() string { return e.text }
func (e *BindError) Unwrap() error { return e.Err }
