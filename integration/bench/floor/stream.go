package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
)

// stream is the caller's side by TCP or TLS: the last connection that came.
type stream struct {
	net.Listener
	conn atomic.Pointer[net.Conn]
}

// listen takes "tcp", or "tls" with the files of a certificate and its key.
func listen(at string, how []string) (*stream, error) {
	l, err := net.Listen("tcp4", at)
	if err != nil || how[0] == "tcp" {
		return &stream{Listener: l}, err
	}
	if len(how) != 3 || how[0] != "tls" {
		return nil, fmt.Errorf("want tcp, or tls CERTIFICATE KEY, not %q", how)
	}
	pair, err := tls.LoadX509KeyPair(how[1], how[2])
	return &stream{Listener: tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}})}, err
}

// serve passes every message of one connection after the other.
func (s *stream) serve(pass func([]byte)) {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		s.conn.Store(&c)
		read(c, pass)
		_ = c.Close()
	}
}

// read cuts a connection into messages (RFC 3261 18.3).
func read(c net.Conn, pass func([]byte)) {
	in, have := make([]byte, 1<<16), 0
	for {
		n, err := c.Read(in[have:])
		if err != nil {
			return
		}
		have += n
		at := 0
		for size := whole(in[at:have]); size > 0; size = whole(in[at:have]) {
			pass(in[at : at+size])
			at += size
		}
		have = copy(in, in[at:have])
	}
}

// whole is the length of the message that in begins with, 0 while some of it is
// missing.
func whole(in []byte) int {
	head := bytes.Index(in, end)
	if head < 0 {
		return 0
	}
	body := 0
	if _, field, ok := bytes.Cut(in[:head], []byte("\r\nContent-Length:")); ok {
		field, _, _ = bytes.Cut(field, crlf)
		body, _ = strconv.Atoi(string(bytes.TrimSpace(field)))
	}
	if size := head + len(end) + body; size <= len(in) {
		return size
	}
	return 0
}

func (s *stream) send(m []byte) {
	if c := s.conn.Load(); c != nil {
		_, _ = (*c).Write(m)
	}
}
