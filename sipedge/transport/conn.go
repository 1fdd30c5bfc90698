package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/transport/frame"
	"github.com/speakops/sipedge/sipedge/transport/gate"
)

// conn is one TCP or TLS connection. One goroutine (accepted's or dialed's) owns
// it from beginning to end and reads; a second one exists only while something
// waits to be written that the kernel did not take at once.
type conn struct {
	l      *Layer
	flow   Flow
	opened bool // by us
	key    peerKey
	names  []string

	mu      sync.Mutex
	nc      net.Conn  // what is read, and closed: the wire, or TLS over it; nil while dialing
	wire    *wire     // nil while dialing
	into    io.Writer // where messages go: nc; nil until what waits has gone there
	waiting []byte    // messages, while into is nil
	queue   []byte    // bytes that the socket did not take at once
	spare   []byte    // the other buffer, empty
	flying  int       // bytes in the Write under way
	writing bool
	drained chan struct{} // closed when the writer ends, if somebody waits for that
	gone    error         // why, once no more is sent
}

// serve reads until the connection ends, then buries it.
func (c *conn) serve() {
	err := c.read()
	c.end(err)
	c.l.conns.remove(c)
	c.flush(err == errAnswered)
	c.nc.Close()
	c.lost()
}

// lost tells the sink why, once.
func (c *conn) lost() {
	defer c.l.rescue(c.flow)
	c.mu.Lock()
	err := c.gone
	c.waiting, c.queue, c.spare = nil, nil, nil
	c.mu.Unlock()
	c.l.sink.Lost(c.flow, err)
}

// end makes c refuse further sends and wakes its reader; the first reason stays.
func (c *conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone == nil {
		c.gone = err
	}
	if c.nc != nil {
		c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

// ended is why c was ended by somebody else than its reader, nil while it lives.
func (c *conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// clock says until when the next byte is worth waiting for.
type clock struct {
	idle, message time.Duration
	last          time.Time // of the last whole message, or the beginning
	begun         time.Time // of the message under way, zero between messages
	set           time.Time // the deadline in force
}

// due is a message's end when one has begun, however its bytes trickle in; else
// the end of patience.
func (k *clock) due() time.Time {
	if !k.begun.IsZero() {
		return k.begun.Add(k.message)
	}
	return k.last.Add(k.idle)
}

// read frames and delivers messages until the stream or our patience ends.
func (c *conn) read() error {
	o := &c.l.o
	buf := frame.Buffer{Max: o.MaxMessage}
	k := clock{idle: min(firstIdle, o.IdleTimeout), message: o.ReadTimeout, last: time.Now()}
	if c.opened {
		k.idle = o.IdleTimeout
	}
	for {
		if d := k.due(); d != k.set {
			c.nc.SetReadDeadline(d)
			k.set = d
		}
		// After setting the deadline: end may have set another one before.
		if err := c.ended(); err != nil {
			return err
		}
		n, err := c.nc.Read(buf.Space())
		buf.Wrote(n)
		if n > 0 {
			took, err := c.take(&buf, &k)
			if err != nil {
				return err
			}
			switch {
			case !buf.Partial():
				k.begun = time.Time{}
			case took || k.begun.IsZero():
				k.begun = time.Now()
			}
		}
		if err != nil {
			return c.why(err, buf.Partial())
		}
	}
}

// take delivers what is whole; took says that a message was. An error means
// that the stream cannot be followed any more.
func (c *conn) take(buf *frame.Buffer, k *clock) (took bool, err error) {
	for {
		it := buf.Next()
		switch it.Kind {
		case frame.More:
			return took, nil
		case frame.Ping:
			// RFC 5626 4.4.1. A ping proves life, but not that SIP is spoken.
			c.l.counters.Pings.Add(1)
			c.send(pong)
			if k.idle == c.l.o.IdleTimeout {
				k.last = time.Now()
			}
			continue
		}
		c.l.framed(c.flow, it, c.wire.stamp())
		if it.Kind == frame.Fatal {
			if it.Verdict.Action == gate.Refuse {
				return took, errAnswered
			}
			return took, ErrGarbage
		}
		took = true
		k.last, k.idle = time.Now(), c.l.o.IdleTimeout
	}
}

var pong = []byte("\r\n")

// framed hands one message of a connection to the gate's verdict. stamp is when the
// kernel got the last that was read, 0 when unknown.
func (l *Layer) framed(f Flow, it frame.Item, stamp int64) {
	defer l.rescue(f)
	l.counters.Received[f.Proto].Add(1)
	l.waited(stamp)
	m := l.pool.Get().(*message.Message)
	defer l.pool.Put(m)
	l.deliver(f, m, it.Verdict, it.Bytes)
}

// why names the end of a stream.
func (c *conn) why(err error, partial bool) error {
	if e := c.ended(); e != nil {
		return e
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && partial:
		c.l.counters.Slow.Add(1)
		return ErrSlow
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.l.counters.Idle.Add(1)
		return ErrIdle
	case partial:
		c.l.counters.Truncated.Add(1)
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
	}
	return err
}
