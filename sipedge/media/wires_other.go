//go:build !linux || !(amd64 || arm64)

package media

import "errors"

func newWires(r *Relay) (wires, error) {
	if r.o.Realtime {
		return nil, errors.New("media.realtime: real-time priority is had on Linux only; write realtime: false")
	}
	return &plainWires{relay: r, net: r.o.Net}, nil
}

// loop reads sockets where there is epoll.
type loop struct{}
