//go:build !linux || !(amd64 || arm64)

package media

func newWires(r *Relay) (wires, error) { return &plainWires{relay: r, net: r.o.Net}, nil }

// loop reads sockets where there is epoll.
type loop struct{}
