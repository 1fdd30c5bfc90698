package hep

import (
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

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
	QueueBytes int                                                         // packets waiting (4 MiB)
	Dial       func(ctx context.Context, address string) (net.Conn, error) // (the kernel)
}

// Sender mirrors messages to one Homer.
type Sender struct {
	o     Options
	wake  chan struct{} // something waits
	hurry chan struct{} // so much that it must leave now

	mu      sync.Mutex
	waiting []byte // packets, one after the other, as a stream takes them
	packets int    // how many
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
		o.QueueBytes = 4 << 20
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
	return &Sender{o: o, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1)}
}

// Mirror queues one message, without its secrets; it copies and never blocks.
func (s *Sender) Mirror(call records.CallID, at time.Time, out bool, f transport.Flow, local netip.AddrPort, raw []byte) {
	var name [2 * len(call)]byte
	hex.Encode(name[:], call[:])
	p := Packet{
		At: at, From: f.Peer, To: local, TCP: f.Proto != transport.UDP, Agent: s.o.Agent, Node: s.o.Node, Password: s.o.Password, Call: name[:], Payload: raw,
	}
	if out {
		p.From, p.To = p.To, p.From
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting)+len(raw)+maxHead > s.o.QueueBytes {
		s.stats.Lost++
		return
	}
	s.waiting = Append(s.waiting, &p)
	s.packets++
	// Now that the copy is at hand in the processor: later it would have to be fetched.
	ladder.Redact(s.waiting[len(s.waiting)-min(len(raw), MaxPayload):])
	if s.packets == 1 {
		signal(s.wake)
	}
	if len(s.waiting) >= s.o.QueueBytes/4 {
		signal(s.hurry)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
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
	var out line
	defer out.close()
	var spare []byte
	var retry time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		}
		// While there is traffic, it is collected by the clock: to be woken for each
		// batch would cost the calls that do it more than the batch.
		for s.gather(ctx) {
			batch, n := s.take(spare)
			if n == 0 {
				break
			}
			if !out.up() && time.Now().After(retry) {
				if conn, err := s.o.Dial(ctx, s.o.Address); err != nil {
					retry = time.Now().Add(redial)
					s.note(0, 0, err)
				} else {
					out.use(conn)
				}
			}
			went, err := out.write(batch, n)
			s.note(went, n-went, err)
			if err != nil && !out.up() {
				retry = time.Now().Add(redial)
			}
			spare = batch
		}
	}
}

// take gives out what is waiting, n packets, and puts spare in its place.
func (s *Sender) take(spare []byte) (batch []byte, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packets == 0 {
		return spare, 0
	}
	batch, n = s.waiting, s.packets
	s.waiting, s.packets = spare[:0], 0
	return batch, n
}

// redial is the pause after Homer could not be reached, or broke off.
const redial = 10 * time.Second

// patient is how long messages wait for others to leave with. Each time somebody
// is woken costs a tenth of a millisecond and more, what is written much less.
const patient = 50 * time.Millisecond

// gather waits until it is time for the next batch; false when ctx has ended.
func (s *Sender) gather(ctx context.Context) bool {
	t := time.NewTimer(patient)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.hurry:
	case <-ctx.Done():
		return false
	}
	return true
}

func (s *Sender) note(sent, lost int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Sent += uint64(sent)
	s.stats.Lost += uint64(lost)
	if err != nil {
		s.stats.Failed++
		s.stats.Error = err.Error()
	} else if sent > 0 {
		s.stats.Error = ""
	}
}
