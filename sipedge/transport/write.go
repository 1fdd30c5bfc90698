package transport

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/speakops/sipedge/sipedge/transport/atonce"
)

const (
	flushTimeout = time.Second // for what is queued when a connection ends
	lingerBytes  = 256 << 10   // read away after a refusal, so that no reset overtakes it
	keepSpare    = 64 << 10    // write buffers larger than this are not kept
)

// wire is a connection's socket. TLS writes its records through it: to the socket
// itself during the handshake, and to the connection's queue from then on.
type wire struct {
	net.Conn
	c    *conn
	raw  syscall.RawConn // nil: none of the kernel's
	in   *inlet          // nil: package net reads
	live bool            // the handshake is over
}

func newWire(c *conn, socket net.Conn) *wire {
	w := &wire{Conn: socket, c: c}
	if s, ok := socket.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			w.raw, w.in = raw, newInlet(raw)
		}
	}
	return w
}

// Read waits for what comes.
func (w *wire) Read(b []byte) (int, error) {
	if w.in == nil {
		return w.Conn.Read(b)
	}
	return w.in.read(w.raw, b)
}

// stamp is when the kernel got the last of what was read, in nanoseconds of Unix
// time, 0 when unknown.
func (w *wire) stamp() int64 {
	if w.in == nil {
		return 0
	}
	return w.in.stamp()
}

// CloseWrite says that nothing more will be written.
func (w *wire) CloseWrite() error {
	if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Write never blocks once the handshake is over, and takes everything.
func (w *wire) Write(b []byte) (int, error) {
	if !w.live {
		return w.Conn.Write(b)
	}
	w.c.mu.Lock()
	defer w.c.mu.Unlock()
	w.c.put(b)
	return len(b), nil
}

// send sends b, or queues a copy of what does not leave at once.
func (c *conn) send(b []byte) error {
	into, err := c.admits(b)
	if err != nil || into == nil {
		return err
	}
	if _, err := into.Write(b); err != nil {
		return ErrGone // closed meanwhile
	}
	return nil
}

// admits says where b goes; nowhere, and it waits, while the connection is not
// made. The bound is checked here, since TLS cannot take a record back: several
// senders at once may exceed it by a message each.
func (c *conn) admits(b []byte) (into io.Writer, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone != nil {
		return nil, ErrGone
	}
	if len(c.waiting)+len(c.queue)+c.flying+len(b) > c.l.o.QueueBytes {
		c.l.counters.QueueFull.Add(1)
		return nil, ErrFull
	}
	if c.into == nil {
		c.waiting = append(c.waiting, b...)
	}
	return c.into, nil
}

// put gives b to the kernel, and to the writer what the kernel does not take. Nearly
// always it takes everything: to wake a writer for it costs more than the write.
// Called with mu held.
func (c *conn) put(b []byte) {
	if !c.writing {
		b = b[atonce.Write(c.wire.raw, b):]
	}
	if len(b) == 0 {
		return
	}
	c.queue = append(c.queue, b...)
	if !c.writing {
		c.writing = true
		c.l.wg.Add(1)
		go c.write()
	}
}

// write empties the queue, everything that waits in one Write.
func (c *conn) write() {
	defer c.l.wg.Done()
	for {
		out := c.next()
		if out == nil {
			return
		}
		c.wire.SetWriteDeadline(time.Now().Add(c.l.o.WriteTimeout))
		// A peer that does not read within the deadline is closed, not waited
		// for; half a message may be out, so nothing more can follow.
		if _, err := c.wire.Conn.Write(out); err != nil {
			c.l.counters.SendErrors.Add(1)
			c.broken(err)
			return
		}
		c.wrote(out)
	}
}

// next takes what is queued; nil, and the writer ends, when there is nothing.
func (c *conn) next() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		c.wire.SetWriteDeadline(time.Time{}) // once it has passed, the socket takes nothing at once
		c.rest()
		return nil
	}
	out := c.queue
	c.queue, c.spare, c.flying = c.spare, nil, len(out)
	return out
}

func (c *conn) wrote(out []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flying = 0; cap(out) <= keepSpare {
		c.spare = out[:0]
	}
}

// broken ends the connection because writing failed.
func (c *conn) broken(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone == nil {
		c.gone = err
	}
	c.queue, c.flying = nil, 0
	c.rest()
	c.wire.Close() // wakes the reader, which buries c
}

// rest marks the writer as ended. Called with mu held.
func (c *conn) rest() {
	c.writing = false
	if c.drained != nil {
		close(c.drained)
		c.drained = nil
	}
}

// flush gives what is queued a moment to leave. With linger it then says that
// nothing more comes and reads away what the peer still sends: closing with
// unread bytes would reset the connection and could destroy our refusal.
func (c *conn) flush(linger bool) {
	c.mu.Lock()
	var drained chan struct{}
	if c.writing {
		drained = make(chan struct{})
		c.drained = drained
	}
	c.mu.Unlock()
	if drained != nil {
		t := time.NewTimer(flushTimeout)
		defer t.Stop()
		select {
		case <-drained:
		case <-t.C:
		}
	}
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok && linger {
		c.nc.SetDeadline(time.Now().Add(flushTimeout))
		if half.CloseWrite() == nil {
			io.CopyN(io.Discard, c.nc, lingerBytes)
		}
	}
}
