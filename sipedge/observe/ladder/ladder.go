// Package ladder answers: which messages did this call exchange, and what was
// decided between them?
//
// Every message of a call is copied, once, into a ring of bytes that its shard
// owns; that is all the call path pays. Only when the ring comes round again is
// asked whether a call deserves to be kept longer: the last ones of each trunk,
// those not finished yet, all that failed and all test calls are moved out, into
// memory with a bound of its own. What had no room is counted, and a ladder that
// lacks its beginning says so. Who shows messages elsewhere takes them along from
// the ring, by a Tail.
package ladder

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/records"
)

// Options of a Store; zero values mean the defaults in parentheses.
type Options struct {
	Tapes     int       // one per shard (1)
	RingBytes int       // messages of late, over all tapes (16 MiB)
	KeepBytes int       // messages kept beyond that, over all tapes (16 MiB)
	PerTrunk  int       // finished calls kept for each trunk and tape whatever became of them (100)
	Refusals  int       // INVITEs turned away before a decision that each tape takes per second (100)
	Epoch     time.Time // instant 0 of all times given to tapes (now)
}

func (o Options) withDefaults() Options {
	def := func(v *int, otherwise int) {
		if *v <= 0 {
			*v = otherwise
		}
	}
	def(&o.Tapes, 1)
	def(&o.RingBytes, 16<<20)
	def(&o.KeepBytes, 16<<20)
	def(&o.PerTrunk, 100)
	def(&o.Refusals, 100)
	if o.Epoch.IsZero() {
		o.Epoch = time.Now()
	}
	return o
}

// Store is the ladders of one edge.
type Store struct {
	o     Options
	tapes []*Tape

	mu        sync.Mutex
	actors    []string // by Actor
	listeners []Listener
	followers map[*Follower]bool
	following atomic.Bool
}

// Listener is a socket of the edge as ladders and captures name it.
type Listener struct {
	Name  string
	Local netip.AddrPort
}

// Actor is a trunk or gateway by number: the name is looked up when somebody reads.
type Actor uint16

// maxActors bounds the names; further ones are shown by their address.
const maxActors = 1 << 14

// New makes a Store. Its memory is taken as calls fill it.
func New(o Options) *Store {
	o = o.withDefaults()
	s := &Store{o: o, actors: []string{""}, followers: map[*Follower]bool{}}
	for range o.Tapes {
		s.tapes = append(s.tapes, newTape(s, o))
	}
	return s
}

// Epoch is instant 0 of all times given to tapes.
func (s *Store) Epoch() time.Time { return s.o.Epoch }

// Tape is the i-th shard's.
func (s *Store) Tape(i int) *Tape { return s.tapes[i%len(s.tapes)] }

// Actor numbers a name of the configuration; the same name gets the same number.
func (s *Store) Actor(name string) Actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, known := range s.actors {
		if known == name {
			return Actor(i)
		}
	}
	if len(s.actors) >= maxActors {
		return 0
	}
	s.actors = append(s.actors, name)
	return Actor(len(s.actors) - 1)
}

func (s *Store) actorName(a Actor) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(a) < len(s.actors) {
		return s.actors[a]
	}
	return ""
}

// SetListeners names the sockets, by the index that messages carry.
func (s *Store) SetListeners(list []Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = list
}

func (s *Store) sockets() []Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listeners
}

func (s *Store) listener(i uint8) Listener {
	if list := s.sockets(); int(i) < len(list) {
		return list[i]
	}
	return Listener{}
}

// Stats is what a Store tells about itself.
type Stats struct {
	Calls    int    `json:"calls"`    // with a ladder now
	Messages uint64 `json:"messages"` // taken so far
	Bytes    int    `json:"bytes"`    // kept beyond the ring
	Cut      uint64 `json:"cut"`      // ladders worth keeping that lost messages for want of room
	Refusals uint64 `json:"refusals"` // INVITEs turned away that were too many to keep
}

// Stats sums over all tapes.
func (s *Store) Stats() (sum Stats) {
	for _, t := range s.tapes {
		t.mu.Lock()
		sum.Calls += len(t.calls)
		sum.Messages += t.stats.Messages
		sum.Bytes += t.kept
		sum.Cut += t.stats.Cut
		sum.Refusals += t.stats.Refusals
		t.mu.Unlock()
	}
	return sum
}

// State says how far a call is.
type State string

// The states of a call.
const (
	Open     State = "open"     // no final answer yet
	Answered State = "answered" // up
	Ended    State = "ended"    // was answered, is over
	Failed   State = "failed"   // ended without an answer
	Refused  State = "refused"  // turned away before a decision
)

// Call is one call at a glance; times are wall-clock times of this edge.
type Call struct {
	Call             string    `json:"call"`
	State            State     `json:"state"`
	Trunk            string    `json:"trunk,omitempty"`
	PublicNumber     string    `json:"public_number,omitempty"`
	Caller           string    `json:"caller,omitempty"`
	Decision         string    `json:"decision,omitempty"` // route, refuse, hold
	RoutingAuthority string    `json:"routing_authority,omitempty"`
	PortingState     string    `json:"porting_state,omitempty"`
	Because          string    `json:"because,omitempty"`
	Revision         uint64    `json:"revision,omitempty"`
	Route            string    `json:"route,omitempty"`
	Gateway          string    `json:"gateway,omitempty"` // that answered, or the last one tried
	Outcome          string    `json:"outcome,omitempty"`
	Code             int       `json:"code,omitempty"`
	Reason           string    `json:"reason,omitempty"` // of a failure, one sentence
	Attempts         int       `json:"attempts,omitempty"`
	Test             bool      `json:"test,omitempty"`
	TraceID          string    `json:"trace_id,omitempty"`
	Begun            time.Time `json:"begun"`
	PostDialDelayMS  int64     `json:"post_dial_delay_ms,omitempty"`
	SetupMS          int64     `json:"setup_ms,omitempty"`
	DurationMS       int64     `json:"duration_ms,omitempty"`
	HungUpBy         string    `json:"hung_up_by,omitempty"`
	Messages         int       `json:"messages"`
	Lost             int       `json:"lost,omitempty"` // messages that had no room
}

// Start is what is known of a call when its INVITE has come.
type Start struct {
	At      time.Duration
	Trunk   string
	To      e164.Number
	From    e164.Number
	Test    bool
	TraceID [16]byte
}

// Decided is what was decided of a call.
type Decided struct {
	At           time.Duration
	To           e164.Number // as the decision has it
	Kind         string
	Authority    string
	PortingState string
	Because      string
	Revision     uint64
	Route        string
}

// Final is the final answer of a call.
type Final struct {
	At       time.Duration
	Rang     time.Duration // 0: never
	Outcome  string
	Code     int
	Gateway  string
	Attempts int
	Answered bool
	Reason   []byte // of a failure, copied
}

// id is short for the name of a call.
type id = records.CallID
