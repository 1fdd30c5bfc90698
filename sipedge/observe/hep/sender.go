package hep

import (
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Options of a Sender; zero values mean the defaults in parentheses.
type Options struct {
	Address    string // of Homer: host:port for UDP, tcp://host:port for a stream
	Agent      uint32
	Node       string
	Password   string
	QueueBytes int                                                         // packets waiting (1 MiB)
	Dial       func(ctx context.Context, address string) (net.Conn, error) // (the kernel)
}

// Sender mirrors messages to one Homer.
type Sender struct {
	o    Options
	wake chan struct{}

	mu      sync.Mutex
	waiting []byte // packets, each after the four bytes of its length and of its payload's
	stats   Stats
}

// Stats is what a Sender tells about itself.
type Stats struct {
	Sent, Lost, Failed uint64
	Error              string // of the last failure, empty while it works
}

// New makes a Sender; nothing leaves before Run.
func New(o Options) *Sender {
	if o.QueueBytes <= 0 {
		o.QueueBytes = 1 << 20
	}
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			network := "udp"
			if over, found := strings.CutPrefix(address, "tcp://"); found {
				network, address = "tcp", over
			}
			return (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, network, address)
		}
	}
	return &Sender{o: o, wake: make(chan struct{}, 1)}
}

const frameHead = 8

// Mirror queues one message; it copies and never blocks.
func (s *Sender) Mirror(call records.CallID, at time.Time, out bool, f transport.Flow, local netip.AddrPort, raw []byte) {
	var name [2 * len(call)]byte
	hex.Encode(name[:], call[:])
	p := Packet{
		At: at, From: f.Peer, To: local, TCP: f.Proto != transport.UDP, Agent: s.o.Agent, Node: s.o.Node, Password: s.o.Password, Payload: raw,
	}
	if out {
		p.From, p.To = p.To, p.From
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting)+len(raw)+512 > s.o.QueueBytes {
		s.stats.Lost++
		return
	}
	first := len(s.waiting) == 0
	from := len(s.waiting)
	s.waiting = append(s.waiting, 0, 0, 0, 0, 0, 0, 0, 0)
	p.Call = string(name[:])
	s.waiting = Append(s.waiting, &p)
	be.PutUint32(s.waiting[from:], uint32(len(s.waiting)-from-frameHead))
	be.PutUint32(s.waiting[from+4:], uint32(min(len(raw), MaxPayload)))
	if first {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Stats is a snapshot of the counters.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run sends until ctx ends; it dials again ten seconds after a failure.
func (s *Sender) Run(ctx context.Context) error {
	out := newLine()
	defer func() { out.close() }()
	var spare []byte
	var retry time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
		pause(ctx, gather)
		s.mu.Lock()
		batch := s.waiting
		s.waiting = spare[:0]
		s.mu.Unlock()
		spare = batch
		if out.conn == nil && time.Now().After(retry) {
			if conn, err := s.o.Dial(ctx, s.o.Address); err != nil {
				retry = time.Now().Add(redial)
				s.note(0, 0, err)
			} else {
				out.use(conn)
			}
		}
		s.send(out, batch)
		if out.conn == nil && retry.Before(time.Now()) {
			retry = time.Now().Add(redial)
		}
	}
}

// redial is the pause after Homer could not be reached, or broke off.
const redial = 10 * time.Second

// gather is how long a message waits for others to leave with.
const gather = 5 * time.Millisecond

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// send sends a batch, or counts it as lost where there is nobody to send it to.
func (s *Sender) send(out *line, batch []byte) {
	var sent, lost uint64
	var last error
	for len(batch) > 0 {
		n := 0
		for n < len(out.room) && len(batch) > 0 {
			size, payload := int(be.Uint32(batch)), int(be.Uint32(batch[4:]))
			packet := batch[frameHead : frameHead+size]
			batch = batch[frameHead+size:]
			ladder.Redact(packet[size-payload:])
			out.room[n].Buffers[0] = packet
			n++
		}
		went, err := out.write(n)
		sent, lost = sent+uint64(went), lost+uint64(n-went)
		if err != nil {
			last = err
		}
	}
	s.note(sent, lost, last)
}

// line is the way to Homer, nil conn while there is none. The kernel takes many
// packets in one call: of a mirrored message the call would cost the most.
type line struct {
	conn   net.Conn
	many   *ipv4.PacketConn // of datagrams; nil: conn is none of the kernel's, or a stream
	stream bool
	room   [64]ipv4.Message
	parts  [64][]byte
}

// patience is how long a stream may be at one batch before it is given up: a
// Homer that stopped reading must not hold what waits for the next one.
const patience = 2 * time.Second

// pour is write for a stream: one that fails is closed, since nobody knows where
// in a packet it ended.
func (l *line) pour(n int) (went int, err error) {
	for i := range n {
		l.parts[i] = l.room[i].Buffers[0]
	}
	all := net.Buffers(l.parts[:n])
	_ = l.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err = all.WriteTo(l.conn); err != nil {
		_ = l.conn.Close()
		l.conn = nil
		return 0, err
	}
	return n, nil
}

func newLine() *line {
	l := new(line)
	for i := range l.room {
		l.room[i].Buffers = make([][]byte, 1)
	}
	return l
}

func (l *line) use(c net.Conn) {
	_, l.stream = c.(*net.TCPConn)
	l.conn, l.many = c, nil
	if udp, ok := c.(*net.UDPConn); ok {
		l.many = ipv4.NewPacketConn(udp) // IPv6 too: no option of either family is used
	}
}

func (l *line) close() {
	if l.conn != nil {
		l.conn.Close()
	}
}

// write sends the first n packets in room and says how many went. A port that is
// closed tells so now and then, and costs the packet it tells it at; the next one
// may be heard.
func (l *line) write(n int) (went int, last error) {
	switch {
	case l.conn == nil:
		return 0, nil
	case l.stream:
		return l.pour(n)
	}
	for at := 0; at < n; {
		k, err := 1, error(nil)
		if l.many != nil {
			k, err = l.many.WriteBatch(l.room[at:n], 0)
		} else {
			_, err = l.conn.Write(l.room[at].Buffers[0])
		}
		if err != nil {
			last, k = err, 1
		} else {
			went += k
		}
		at += max(1, k)
	}
	return went, last
}

func (s *Sender) note(sent, lost uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Sent += sent
	s.stats.Lost += lost
	if err != nil {
		s.stats.Failed++
		s.stats.Error = err.Error()
	} else if sent > 0 {
		s.stats.Error = ""
	}
}
