package hep

import (
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Options of a Sender; zero values mean the defaults in parentheses.
type Options struct {
	Address    string // host:port of Homer
	Agent      uint32
	Node       string
	Password   string
	QueueBytes int                                                         // packets waiting (1 MiB)
	Dial       func(ctx context.Context, address string) (net.Conn, error) // (UDP of the kernel)
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
			return (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, "udp", address)
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
	var conn net.Conn
	var spare []byte
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	var retry time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
		s.mu.Lock()
		batch := s.waiting
		s.waiting = spare[:0]
		s.mu.Unlock()
		spare = batch
		if conn == nil && time.Now().After(retry) {
			var err error
			if conn, err = s.o.Dial(ctx, s.o.Address); err != nil {
				retry = time.Now().Add(10 * time.Second)
				s.note(0, 0, err)
			}
		}
		s.send(conn, batch)
	}
}

// send sends a batch, or counts it as lost where there is nobody to send it to.
func (s *Sender) send(conn net.Conn, batch []byte) {
	var sent, lost uint64
	var last error
	for len(batch) > 0 {
		n, payload := int(be.Uint32(batch)), int(be.Uint32(batch[4:]))
		packet := batch[frameHead : frameHead+n]
		batch = batch[frameHead+n:]
		if conn == nil {
			lost++
			continue
		}
		ladder.Redact(packet[n-payload:])
		if _, err := conn.Write(packet); err != nil {
			last = err // a port that is closed tells so now and then; the next one may be heard
			lost++
			continue
		}
		sent++
	}
	s.note(sent, lost, last)
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
