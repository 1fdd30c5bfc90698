//go:build !linux || !(amd64 || arm64)

package transport

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// kernelSocket is what Linux has; elsewhere package net reads and sends.
type kernelSocket struct{}

// takeOver asks for large buffers, takes what the system gives, and leaves the
// socket with package net.
func takeOver(c *net.UDPConn) (*kernelSocket, error) {
	c.SetReadBuffer(socketBuffer)
	c.SetWriteBuffer(socketBuffer)
	return nil, nil
}

func (*kernelSocket) read(func([]byte, netip.AddrPort, int64)) error { return errors.ErrUnsupported }
func (*kernelSocket) send([]byte, netip.AddrPort) error              { return errors.ErrUnsupported }
func (*kernelSocket) room() int                                      { return 0 }
func (*kernelSocket) drops() uint32                                  { return 0 }
func (*kernelSocket) close()                                         {}

func sharePort(syscall.RawConn) error {
	return errors.New("several sockets on one port need Linux; set sockets to 1")
}

// inlet is what Linux has; elsewhere package net reads.
type inlet struct{}

func newInlet(syscall.RawConn) *inlet                    { return nil }
func (*inlet) read(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
func (*inlet) stamp() int64                              { return 0 }
