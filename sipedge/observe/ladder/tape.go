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
	calls map[uint64]*talk // by key
	spare []*talk          // forgotten, to be used again
	tail  *cursor          // of whoever takes the messages along; nil: nobody
	keep
	stats  Stats
	second int64 // of the refusals counted in taken
	taken  int
	gone   func(to uint64)
	busy   *talk       // must not be forgotten now
	near   [1024]*talk // calls written to of late, by their keys: nearly always spares a look at calls
}

// key is what calls are found by: short, so that finding one costs little. Names
// of calls are drawn at random; should two share a key, the later one has the ladder.
func key(call id) uint64 { return le.Uint64(call[:]) ^ le.Uint64(call[4:]) }

// of is the talk of a call, nil when it has none.
func (t *Tape) of(call id) *talk {
	k := key(call)
	near := &t.near[k%uint64(len(t.near))]
	if *near == nil || (*near).id != call {
		c := t.calls[k]
		if c == nil || c.id != call {
			return nil
		}
		*near = c
	}
	return *near
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

	// Plain says that there is nothing in Raw that Redact would overwrite: of a message
	// that came, because Plain said so; of one that leaves, because it is made of what
	// came in this call and of words of the edge. One that is not makes its whole call one
	// that is looked at.
	Plain bool
}

// talk is one call of a tape. What every message and every turn of the ring looks
// at comes first: it lies far from what the processor has at hand, and together.
type talk struct {
	id       id
	guarded  bool   // there may be secrets in its messages
	last     uint64 // position of its latest entry plus one, 0 for none
	from     uint64 // position from which on entries in the ring count: those before are saved, or lost
	entries  int32
	messages int32
	keeping

	state   State
	start   Start
	decided Decided
	final   Final
	reason  string
	ended   time.Duration
	hungUp  string
}

// turn is the one way a call's state changes.
func (c *talk) turn(s State) {
	c.state = s
	c.stays = s == Open || c.special()
}

func newTape(s *Store, o Options) *Tape {
	t := &Tape{store: s, calls: map[uint64]*talk{}}
	t.keep.init(o.PerTrunk, o.KeepBytes/o.Tapes)
	t.ring.divide(memory(t, max(o.RingBytes/o.Tapes, smallest)))
	t.gone = t.leave
	return t
}

// Begin opens the ladder of a call.
func (t *Tape) Begin(call id, s Start) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin(call, s)
}

func (t *Tape) begin(call id, s Start) *talk {
	c := t.of(call)
	if c != nil {
		return c
	}
	if n := len(t.spare); n > 0 {
		c = t.spare[n-1]
		t.spare = t.spare[:n-1]
	} else {
		c = new(talk)
	}
	c.id, c.start = call, s
	c.turn(Open)
	k := key(call)
	t.calls[k], t.near[k%uint64(len(t.near))] = c, c
	return c
}

// Message adds a message to a call's ladder. One of a call without a ladder, such
// as the end of a call that was answered long ago, is only taken along.
func (t *Tape) Message(call id, m *Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.of(call); c != nil || t.tail != nil {
		t.message(call, c, m)
	}
}

func (t *Tape) message(call id, c *talk, m *Message) {
	kind := uint8(kindIn)
	if m.Out {
		kind = kindOut
	}
	e := t.entry(call, c, kind, m.At, m.Raw)
	putWay(e, m)
	if c != nil && !m.Plain {
		c.guarded = true
	}
	if m.Plain && (!m.Out || c != nil && !c.guarded) {
		e[atFlags] |= flagPlain
	}
	if c != nil {
		c.messages++
		t.stats.Messages++
	}
	if t.tail != nil {
		t.tail.wrote(&t.ring)
	}
}

// Guard says that the edge is about to put a secret of its own into a call's messages.
func (t *Tape) Guard(call id) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.of(call); c != nil {
		c.guarded = true
	}
}

// Note adds a line between the arrows.
func (t *Tape) Note(call id, at time.Duration, text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.of(call); c != nil {
		noWay(t.entry(call, c, kindNote, at, text))
	}
}

// entry writes one entry of a call and returns its head; c is nil when the call has
// no ladder.
func (t *Tape) entry(call id, c *talk, kind uint8, at time.Duration, text []byte) []byte {
	cut := len(text) > maxText
	if cut {
		text = text[:maxText]
	}
	t.busy = c // its own entries may be the oldest
	position, place := t.ring.room(len(text), t.gone)
	t.busy = nil
	back := uint64(0)
	if c != nil {
		if !c.tracked && !c.passed {
			c.tracked = true
			t.tracked.push(track{c, position})
		}
		if c.last > max(c.from, t.ring.first) {
			back = position + 1 - c.last
		}
		c.last = position + 1
		c.entries++
	}
	e := t.ring.head(position)
	putHead(e, call, kind, at, uint32(back))
	if cut {
		e[atFlags] = flagCut
	}
	copy(place, text)
	return e
}

// Decided notes the decision; text is the line between the arrows.
func (t *Tape) Decided(call id, d *Decided, text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.of(call); c != nil {
		c.decided = *d
		noWay(t.entry(call, c, kindNote, d.At, text))
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
	c.turn(Failed)
	if f.Answered {
		c.turn(Answered)
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
		c.ended, c.hungUp = at, by
		c.turn(Ended)
	}
}

// Refusal is an INVITE that was turned away before a decision, or a message that
// could not be taken for what it wanted to be.
type Refusal struct {
	Start
	Because  string
	Code     int
	Reason   string  // one sentence
	Request  Message // without Raw: there was none
	Response []byte  // nil: silence
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
	if r.Request.Raw != nil {
		t.message(call, c, &r.Request)
	}
	c.reason = r.Reason
	c.turn(Refused)
	c.decided = Decided{At: r.At, Kind: "refuse", Because: r.Because, To: r.To}
	c.final = Final{At: r.At, Outcome: "refused", Code: r.Code}
	if r.Reason != "" {
		noWay(t.entry(call, c, kindNote, r.At, append([]byte(r.Because+": "), r.Reason...)))
	}
	if r.Response != nil {
		m := r.Request
		m.Out, m.Raw = true, r.Response
		t.message(call, c, &m)
	}
	t.finished(c)
	one := t.summary(c)
	t.mu.Unlock()
	if t.store.following.Load() {
		t.store.tell(one)
	}
}
