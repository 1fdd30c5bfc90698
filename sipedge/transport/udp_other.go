//go:build !linux || !(amd64 || arm64)

package transport

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// batch is what Linux has; elsewhere package net reads and sends.
type batch struct{}

func (*batch) read(*socket) error                { return errors.ErrUnsupported }
func (*batch) send([]byte, netip.AddrPort) error { return errors.ErrUnsupported }

// tune asks for large buffers and takes what the system gives.
func (s *socket) tune(c *net.UDPConn) error {
	c.SetReadBuffer(socketBuffer)
	c.SetWriteBuffer(socketBuffer)
	return nil
}

func sharePort(syscall.RawConn) error {
	return errors.New("several sockets on one port need Linux; set sockets to 1")
}

func (s *socket) kernelDrops() uint32 { return 0 }
