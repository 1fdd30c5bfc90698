//go:build !linux || !(amd64 || arm64)

package media

import "errors"

func newWires(r *Relay) (wires, error) {
	if err := errors.New("media.realtime: real-time priority is had on Linux only"); r.o.Realtime == Must {
		return nil, err
	} else if r.o.Realtime == IfAllowed {
		r.unhurried = err
	}
	return &plainWires{relay: r, net: r.o.Net}, nil
}

// loop reads sockets where there is epoll.
type loop struct{}
