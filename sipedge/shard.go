package sipedge

import (
	"hash/maphash"
	"runtime/debug"
	"sync"
	"time"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/challenge"
	"github.com/speakops/sipedge/sipedge/gateway"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/observe/spans"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/records"
	"github.com/speakops/sipedge/sipedge/transport"
)

// shard owns the calls whose Call-ID hashes to it: their transactions, timers
// and dialogs. It is a room with one key and no goroutine of its own: the
// reader that holds a message, or the timer that fired, takes the key, does
// what is due, and gives it back. So the one queue before a call is the
// kernel's socket buffer, order is kept, and no message waits for a wake-up.
type shard struct {
	mu   sync.Mutex
	edge *Edge
	seed maphash.Seed

	servers   map[uint64]transaction
	clients   map[uint64]client
	tombs     tombs
	timers    deadlines
	exchanges int // in-dialog transactions in servers, re-INVITEs too
	dialogs   map[callID]*dialog
	media     map[callID]*anchor
	ended     endings
	testlines map[string]*lineCall // by the line's tag
	inbox     []posted             // to test lines

	alarm   *time.Timer
	alarmAt call.Instant

	// Scratch of the step in hand, reused from step to step.
	scratch  []byte
	out      []byte
	lines    []byte
	uri      []byte
	viaBuf   []byte
	rr       []byte
	token    []byte
	contact  []byte
	plain    []byte
	body     []byte
	patched  []byte
	users    []*challenge.User
	owners   []*trunk
	targets  []gateway.Target
	events   []call.Event
	effects  []call.Effect
	xeffects []call.Effect // of exchanges, which may begin inside a call's step
	spare    message.Message
	hidden   message.Message // a request whose Vias are put back while spare holds its response
	buffers  [][]byte
	invites  []*invite
	tries    []records.Attempt
	span     spans.Call
	current  transaction
	sight
}

func newShard(e *Edge, seed maphash.Seed) *shard {
	s := &shard{
		edge: e, seed: seed,
		servers:   map[uint64]transaction{},
		clients:   map[uint64]client{},
		tombs:     newTombs(),
		dialogs:   map[callID]*dialog{},
		media:     map[callID]*anchor{},
		testlines: map[string]*lineCall{},
		body:      make([]byte, 0, bufferSize),
		ended:     newEndings(seed),
		alarmAt:   call.Never,
	}
	s.alarm = time.AfterFunc(time.Hour, s.tick)
	s.alarm.Stop()
	return s
}

// leave gives the key back, deferred by whoever took it. A panic inside costs
// the call in hand, is counted and logged, and never leaves the room.
func (s *shard) leave(now call.Instant) {
	if p := recover(); p != nil {
		s.edge.panicked(p, debug.Stack())
		if tx := s.current; tx != nil {
			s.lose(tx)
		}
	}
	s.current = nil
	s.serveLines(now)
	s.current = nil
	s.looked()
	s.tombs.sweep(now)
	s.arm(now)
	s.mu.Unlock()
}

// lose drops a transaction that panicked.
func (s *shard) lose(tx transaction) {
	if inv, ok := tx.(*invite); ok && !inv.dead && inv.call.State() == call.Proceeding {
		s.swallow(func() { s.apologise(inv) })
	}
	s.swallow(func() { s.drop(tx) })
}

// swallow does something that a second panic must not keep the rest from.
func (s *shard) swallow(do func()) {
	defer func() {
		if p := recover(); p != nil {
			s.edge.panicked(p, debug.Stack())
		}
	}()
	do()
}

// apologise ends a call that panicked: its caller hears 500 rather than nothing,
// and what rings is cancelled.
func (s *shard) apologise(inv *invite) {
	for i := range inv.legs {
		if l := &inv.legs[i]; l.heard && l.code == 0 && l.sent != nil {
			s.cancelLeg(inv, i)
		}
	}
	m := s.original(inv)
	tag := s.tagFor(m)
	s.out = m.AppendReply(s.out[:0], 500, "Server Internal Error", tag[:], inv.source, nil)
	s.respond(inv.flow, inv.via, s.out)
	if !inv.dialogue.on {
		inv.code, inv.refused = 500, becausePanic
		s.recordUndecided(inv)
		s.edge.callFailed(s, inv, call.Refused, profile.Answer{Code: 500}, s.edge.now())
	}
}

// receive takes one message from a reader.
func (s *shard) receive(f transport.Flow, m *message.Message, now call.Instant) {
	s.mu.Lock()
	defer s.leave(now)
	s.arrived(f, m, now)
	if m.Request {
		s.request(f, m, now)
	} else {
		s.response(f, m, now)
	}
}

// tick lets expire what is due.
func (s *shard) tick() {
	now := s.edge.now()
	s.mu.Lock()
	defer s.leave(now)
	s.alarmAt = call.Never
	for tx := s.timers.pop(now); tx != nil; tx = s.timers.pop(now) {
		s.current = tx
		s.aboutTx(tx, now)
		tx.expire(s, now)
	}
	s.current = nil
}

// arm sets the alarm for the earliest deadline. An alarm that rings early finds
// nothing due and is set again.
func (s *shard) arm(now call.Instant) {
	next := min(s.timers.next(), s.tombs.next())
	if next == call.Never || next >= s.alarmAt {
		return
	}
	s.alarmAt = next
	s.alarm.Reset(time.Duration(max(next-now, 0)))
}

// lost tells every transaction that a flow is gone.
func (s *shard) lost(f transport.Flow, why error, now call.Instant) {
	s.mu.Lock()
	defer s.leave(now)
	s.why = why
	defer func() { s.why = nil }()
	for _, first := range s.servers {
		for tx := first; tx != nil; {
			next := tx.head().next
			s.current = tx
			s.aboutTx(tx, now)
			tx.broken(s, f, now)
			tx = next
		}
	}
}

// Buffers hold one message each while a transaction may need it again.
const (
	bufferSize = 2048
	maxBuffers = 1024
)

// hold copies b into a buffer of the shard.
func (s *shard) hold(b []byte) []byte {
	if n := len(s.buffers); n > 0 && len(b) <= bufferSize {
		buf := s.buffers[n-1]
		s.buffers = s.buffers[:n-1]
		return append(buf, b...)
	}
	return append(make([]byte, 0, max(bufferSize, len(b))), b...)
}

// free gives a buffer back.
func (s *shard) free(b []byte) {
	if cap(b) == bufferSize && len(s.buffers) < maxBuffers {
		s.buffers = append(s.buffers, b[:0])
	}
}

// keep replaces what buf held by b.
func (s *shard) keep(buf, b []byte) []byte {
	if cap(buf) >= len(b) {
		return append(buf[:0], b...)
	}
	s.free(buf)
	return s.hold(b)
}

// callID names one call for CDRs and route tokens.
type callID = records.CallID

// busy says whether the shard has dialogs, when they count, or requests of others
// under way.
func (s *shard) busy(withDialogs bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if withDialogs && len(s.dialogs) > 0 {
		return true
	}
	for _, tx := range s.servers {
		for ; tx != nil; tx = tx.head().next {
			if x, ok := tx.(*exchange); ok && x.done == nil && !x.x.Answered() {
				return true
			}
		}
	}
	return false
}

// close stops the shard's alarm, and writes down whom the ports of its calls are
// locked to.
func (s *shard) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarm.Stop()
	for _, a := range s.media {
		s.keepMedia(a)
	}
}
