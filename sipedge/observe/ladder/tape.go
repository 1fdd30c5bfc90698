package ladder

import (
	"net/netip"
	"sync"
	"time"
)

// Tape is the ladders of one shard. Its methods are called on the call path;
// each takes the tape's own lock, which only readers of ladders contend for.
type Tape struct {
	store *Store

	mu    sync.Mutex
	ring  ring
	calls map[id]*talk
	spare []*talk
	keep
	stats  Stats
	second int64 // of the refusals counted in taken
	taken  int
	gone   func([]byte)
	busy   *talk // must not be forgotten now
	near   *talk // the last one written to: a step of a call writes several entries
	going  *talk // the last one an entry was dropped of: they lie as they were written
}

// of is the talk of a call, nil when it has none.
func (t *Tape) of(call id) *talk {
	if t.near == nil || t.near.id != call {
		t.near = t.calls[call]
	}
	return t.near
}

// Message is one message of a call. Raw is copied.
type Message struct {
	At       time.Duration
	Out      bool // it left the edge
	Proto    uint8
	Listener uint8
	Peer     netip.AddrPort
	Actor    Actor
	Raw      []byte
}

// talk is one call of a tape.
type talk struct {
	id   id
	last uint64 // position of its latest entry in the ring plus one, 0 for none
	ring int    // entries in the ring
	keeping

	start    Start
	decided  Decided
	final    Final
	reason   string
	state    State
	messages int
	lost     int
	ended    time.Duration
	hungUp   string
}

func newTape(s *Store, o Options) *Tape {
	t := &Tape{store: s, calls: map[id]*talk{}}
	t.keep.init(o.PerTrunk, o.KeepBytes/o.Tapes)
	// Less than a few of the longest messages would not be a ring.
	t.ring.mem = memory(t, max(o.RingBytes/o.Tapes, 4*entryLen(maxText))&^7)
	t.gone = t.passing
	return t
}

// Begin opens the ladder of a call.
func (t *Tape) Begin(call id, s Start) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin(call, s)
}

func (t *Tape) begin(call id, s Start) *talk {
	c := t.calls[call]
	if c != nil {
		return c
	}
	if n := len(t.spare); n > 0 {
		c = t.spare[n-1]
		t.spare = t.spare[:n-1]
	} else {
		c = new(talk)
	}
	c.id, c.start, c.state = call, s, Open
	t.calls[call] = c
	t.near = c
	return c
}

// Message adds a message to a call's ladder; one of a call without a ladder is
// left out.
func (t *Tape) Message(call id, m *Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.of(call); c != nil {
		t.message(c, m)
	}
}

func (t *Tape) message(c *talk, m *Message) {
	kind := uint8(kindIn)
	if m.Out {
		kind = kindOut
	}
	e := t.entry(c, kind, m.At, m.Raw)
	putWay(e, m)
	c.messages++
	t.stats.Messages++
}

// Note adds a line between the arrows.
func (t *Tape) Note(call id, at time.Duration, text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.of(call); c != nil {
		clear(t.entry(c, kindNote, at, text)[atAddr:headLen])
	}
}

// entry writes one entry of a call at the head of the ring.
func (t *Tape) entry(c *talk, kind uint8, at time.Duration, text []byte) []byte {
	cut := len(text) > maxText
	if cut {
		text = text[:maxText]
	}
	t.busy = c // its own entries may be the oldest
	e, position := t.ring.room(entryLen(len(text)), t.gone)
	t.busy = nil
	putHead(e, c.id, kind, at, len(text), c.last)
	if cut {
		e[atFlags] = flagCut
	}
	copy(e[headLen:], text)
	c.last = position + 1
	c.ring++
	return e
}

// Decided notes the decision; text is the line between the arrows.
func (t *Tape) Decided(call id, d *Decided, text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.of(call); c != nil {
		c.decided = *d
		clear(t.entry(c, kindNote, d.At, text)[atAddr:headLen])
	}
}

// Final notes the final answer of a call and tells those who follow.
func (t *Tape) Final(call id, f *Final) {
	t.mu.Lock()
	c := t.of(call)
	if c == nil {
		t.mu.Unlock()
		return
	}
	c.final, c.reason = *f, string(f.Reason)
	c.final.Reason = nil
	c.state = Failed
	if f.Answered {
		c.state = Answered
	}
	t.finished(c)
	told := t.store.following.Load()
	var one Call
	if told {
		one = t.summary(c)
	}
	t.mu.Unlock()
	if told {
		t.store.tell(one)
	}
}

// Over notes the end of a call that was answered.
func (t *Tape) Over(call id, at time.Duration, by string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.of(call); c != nil {
		c.state, c.ended, c.hungUp = Ended, at, by
	}
}

// Refusal is an INVITE that was turned away before a decision, or a message that
// could not be taken for what it wanted to be.
type Refusal struct {
	Start
	Because  string
	Code     int
	Reason   string // one sentence
	Request  Message
	Response []byte // nil: silence
}

// Refusable says whether one more refusal is to be kept now, and counts it: who
// sends what is refused decides how much of it there is.
func (t *Tape) Refusable(at time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if second := int64(at / time.Second); second != t.second {
		t.second, t.taken = second, 0
	}
	if t.taken >= t.store.o.Refusals {
		t.stats.Refusals++
		return false
	}
	t.taken++
	return true
}

// Refuse keeps the ladder of a refusal, if Refusable says so.
func (t *Tape) Refuse(call id, r *Refusal) {
	t.mu.Lock()
	c := t.begin(call, r.Start)
	t.message(c, &r.Request)
	c.state, c.reason = Refused, r.Reason
	c.decided = Decided{At: r.At, Kind: "refuse", Because: r.Because, To: r.To}
	c.final = Final{At: r.At, Outcome: "refused", Code: r.Code}
	if r.Reason != "" {
		clear(t.entry(c, kindNote, r.At, append([]byte(r.Because+": "), r.Reason...))[atAddr:headLen])
	}
	if r.Response != nil {
		m := r.Request
		m.Out, m.Raw = true, r.Response
		t.message(c, &m)
	}
	t.finished(c)
	one := t.summary(c)
	t.mu.Unlock()
	if t.store.following.Load() {
		t.store.tell(one)
	}
}
