package hep

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/speakops/sipedge/sipedge/transport/atonce"
)

// line is the way to Homer; the zero one leads nowhere.
type line struct {
	conn   net.Conn         // nil: there is none now
	many   *ipv4.PacketConn // of datagrams; nil: conn is none of the kernel's, or a stream
	stream bool
	raw    syscall.RawConn        // of a stream of the kernel's
	room   [together]ipv4.Message // for many
	parts  [together][]byte
}

// A stream is given a piece of this many bytes at a time, and this long for each:
// a Homer that stopped reading must not hold what waits for the next one.
const (
	piece    = 128 << 10
	patience = 2 * time.Second
)

// together is how many datagrams the kernel is given in one call.
const together = 64

func (l *line) up() bool { return l.conn != nil }

func (l *line) use(c net.Conn) {
	l.conn, l.many, l.raw = c, nil, nil
	if tcp, ok := c.(*net.TCPConn); ok {
		l.stream = true
		_ = tcp.SetNoDelay(false) // what is left of a piece may wait for the next one
		if l.raw, _ = tcp.SyscallConn(); l.raw != nil {
			unpaced(l.raw)
		}
	}
	if udp, ok := c.(*net.UDPConn); ok {
		l.many = ipv4.NewPacketConn(udp) // IPv6 too: no option of either family is used
	}
}

func (l *line) close() {
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// write sends a batch of n packets and says how many went.
func (l *line) write(batch []byte, n int) (went int, err error) {
	switch {
	case l.conn == nil:
		return 0, nil
	case l.stream:
		return l.pour(batch, n)
	}
	return l.drop(batch)
}

// pour is write for a stream: one that fails is closed, since nobody knows where
// in a packet it ended.
func (l *line) pour(batch []byte, n int) (went int, err error) {
	for len(batch) > 0 {
		part := batch[:min(len(batch), piece)]
		batch = batch[len(part):]
		if part = part[atonce.Write(l.raw, part):]; len(part) == 0 {
			continue
		}
		_ = l.conn.SetWriteDeadline(time.Now().Add(patience))
		if _, err := l.conn.Write(part); err != nil {
			l.close()
			return 0, err
		}
	}
	return n, nil
}

// drop is write for datagrams. A port that is closed tells so now and then, and
// costs the packet it tells it at; the next one may be heard.
func (l *line) drop(batch []byte) (went int, last error) {
	for len(batch) > 0 {
		n := 0
		for ; n < together && len(batch) > 0; n++ {
			size := be.Uint16(batch[atLength:])
			l.parts[n], batch = batch[:size], batch[size:]
			l.room[n].Buffers = l.parts[n : n+1]
		}
		for at := 0; at < n; {
			k, err := 1, error(nil)
			if l.many != nil {
				k, err = l.many.WriteBatch(l.room[at:n], 0)
			} else {
				_, err = l.conn.Write(l.parts[at])
			}
			if err != nil {
				last, k = err, 1
			} else {
				went += k
			}
			at += max(1, k)
		}
	}
	return went, last
}
