package hep

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/observe/ladder"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Options of a Sender; zero values mean the defaults in parentheses.
type Options struct {
	Address  string // of Homer: host:port for UDP, tcp://host:port for a stream
	Agent    uint32
	Node     string
	Password string
	Tail     *ladder.Tail                                                // where the messages come from
	Dial     func(ctx context.Context, address string) (net.Conn, error) // (the kernel)
}

// Sender shows messages to one Homer.
type Sender struct {
	o     Options
	out   line
	retry time.Time // not dialed before
	batch []byte    // packets, one after the other, as a stream takes them
	bare  [][2]int  // where in the batch payloads lie that may hold secrets
	one   Packet
	four  form // of packets between IPv4 addresses
	any   form

	mu    sync.Mutex
	stats Stats
}

// Stats is what a Sender tells about itself.
type Stats struct {
	Sent, Lost, Failed uint64
	Error              string // of the last failure, empty while it works
}

// New makes a Sender; nothing leaves before Run.
func New(o Options) *Sender {
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			network := "udp"
			if over, found := strings.CutPrefix(address, "tcp://"); found {
				network, address = "tcp", over
			}
			return (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, network, address)
		}
	}
	return &Sender{o: o, four: newForm(true, o.Agent, o.Node, o.Password), any: newForm(false, o.Agent, o.Node, o.Password)}
}

// Stats is a snapshot of the counters.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Run sends until ctx ends, and then what waits, if there is a way to Homer; it dials
// again ten seconds after a failure.
func (s *Sender) Run(ctx context.Context) error {
	defer s.out.close()
	defer func() {
		if s.out.up() {
			s.pass(context.WithoutCancel(ctx))
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.o.Tail.Wake:
		}
		// While there is traffic, it is collected by the clock: to be woken for each
		// batch would cost the calls that do it more than the batch.
		for s.gather(ctx) && s.pass(ctx) {
		}
	}
}

// patient is how long messages wait for others to leave with, and of how much a
// crash leaves Homer nothing. Each time somebody is woken costs two tenths of a
// millisecond, what is written much less.
const patient = 200 * time.Millisecond

// gather waits until it is time for the next batch; false when ctx has ended.
func (s *Sender) gather(ctx context.Context) bool {
	t := time.NewTimer(patient)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.o.Tail.Hurry:
	case <-ctx.Done():
		return false
	}
	return true
}

// A batch is written when it has grown to so many bytes; a tape is locked only
// while so many are copied.
const (
	full  = 64 << 10
	small = 32 << 10
)

// pass sends what waits on every tape, and says whether anything did.
func (s *Sender) pass(ctx context.Context) (some bool) {
	packets := 0
	for i := range s.o.Tail.Tapes() {
		for s.reach(ctx) {
			n := s.take(i)
			if n == 0 {
				break
			}
			some = true
			if packets += n; len(s.batch) >= full {
				s.send(packets)
				packets = 0
			}
		}
	}
	if packets > 0 {
		s.send(packets)
	}
	if !s.out.up() {
		lost := s.o.Tail.Skip()
		s.note(0, lost, nil)
		some = some || lost > 0
	}
	return some
}

// reach says whether there is a way to Homer, and looks for one when it is time.
func (s *Sender) reach(ctx context.Context) bool {
	if s.out.up() || ctx.Err() != nil || time.Now().Before(s.retry) {
		return s.out.up() && ctx.Err() == nil
	}
	conn, err := s.o.Dial(ctx, s.o.Address)
	if err != nil {
		s.retry = time.Now().Add(redial)
		s.note(0, 0, err)
		return false
	}
	s.out.use(conn)
	return true
}

// take moves messages of one tape into the batch.
func (s *Sender) take(tape int) int {
	n, lost := s.o.Tail.Take(tape, small, s.add)
	if lost > 0 {
		s.note(0, lost, nil)
	}
	// While the copy is at hand in the processor.
	for _, at := range s.bare {
		ladder.Redact(s.batch[at[0]:at[1]])
	}
	s.bare = s.bare[:0]
	return n
}

// add appends one message to the batch.
func (s *Sender) add(m *ladder.Taken) {
	p := &s.one
	p.From, p.To, p.TCP, p.Payload = m.Peer, m.Local, transport.Proto(m.Proto) != transport.UDP, m.Raw
	if m.Out {
		p.From, p.To = p.To, p.From
	}
	f := &s.any
	if p.From.Addr().Is4() && p.To.Addr().Is4() {
		f = &s.four
	}
	s.batch = f.append(s.batch, p, m.Call, m.Nanos)
	if !m.Plain {
		s.bare = append(s.bare, [2]int{len(s.batch) - min(len(m.Raw), MaxPayload), len(s.batch)})
	}
}

// send writes the batch of n packets and empties it.
func (s *Sender) send(n int) {
	went, err := s.out.write(s.batch, n)
	s.batch = s.batch[:0]
	s.note(went, n-went, err)
	if err != nil && !s.out.up() {
		s.retry = time.Now().Add(redial)
	}
}

// redial is the pause after Homer could not be reached, or broke off.
const redial = 10 * time.Second

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
