package transport

import (
	"io"
	"time"
)

const (
	flushTimeout = time.Second // for what is queued when a connection ends
	lingerBytes  = 256 << 10   // read away after a refusal, so that no reset overtakes it
	keepSpare    = 64 << 10    // write buffers larger than this are not kept
)

// send queues a copy of b and sees that somebody writes.
func (c *conn) send(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone != nil {
		return ErrGone
	}
	if len(c.queue)+c.flying+len(b) > c.l.o.QueueBytes {
		c.l.counters.QueueFull.Add(1)
		return ErrFull
	}
	c.queue = append(c.queue, b...)
	c.startWriter()
	return nil
}

// startWriter begins to write what is queued, if that is not being done. A
// writer lives as long as there is something to write, so that ten thousand
// quiet connections cost no second goroutine. Called with mu held, while the
// owner of c is alive (its place in the WaitGroup is held).
func (c *conn) startWriter() {
	if c.nc != nil && !c.writing && len(c.queue) > 0 {
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
		c.nc.SetWriteDeadline(time.Now().Add(c.l.o.WriteTimeout))
		// A peer that does not read within the deadline is closed, not waited
		// for; half a message may be out, so nothing more can follow.
		if _, err := c.nc.Write(out); err != nil {
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
	c.nc.Close() // wakes the reader, which buries c
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
