package cutover

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

// world is a fleet of edges, the lives of its store and the network between
// them, with a seeded die that decides what happens next. Nothing in it waits:
// simulated time moves when the die says so.
//
// Messages arrive at any later time, in any order, twice or never, and at any
// life of the store; replies come from the live store, from one that was
// replaced and does not know, or from a lagging copy.
type world struct {
	opt    options
	die    *rand.Rand
	now    time.Time
	edges  []*node
	stores []*box // the last one lives, the others are zombies
	copied *box   // what a replica has
	mail   []message
	drawn  int

	ghost    ghost
	dead     bool // no store answers any more
	healing  bool // nothing fails any more
	failures []string
	trace    func(format string, args ...any) // nil: nobody watches
}

// options is what a run is made of, and what is broken in it.
type options struct {
	edges, members int
	steps          int
	seed           uint64 // to begin with: one that is known to show something
	failovers      int
	guard          time.Duration
	broken         rules
	harness        harness
	off            bool // edges are stopped and declared off
	lost           bool // and their journals with them
	settle         bool
	slow           bool
	exact          bool // clocks are
	rough          bool // machines crash often, and disks are slow
}

// harness is what can be broken outside of this package: rule 9 and the ids.
type harness uint16

const (
	pointClock   harness = 1 << iota // 9: decide by a clock without error
	answerOld                        // 9: the prepared revision is not looked at
	answerNew                        // 9: the prepared revision is believed
	revisionOld                      // 9: the revision is read before the clock
	counterIDs                       // 1: ids are counted in the store
	offRuns                          // 5: a declared-off edge still runs
	memberGone                       // 5: a stopped edge is never declared off
	deadAnytime                      // the store dies before outcomes are learned
	forgetFloors                     // settled lists leave no floor
	abortAfter                       // 4: what is committed is aborted
)

type box struct {
	Store
	proposals int
}

func (b *box) clone() *box { return &box{*b.Store.Clone(), b.proposals} }

// node is one edge with its disk, its table and what is under way on it.
type node struct {
	name     string
	lives    int // identities so far
	edge     Edge
	journal  []Entry
	old      []Report // of identities that are over
	unsynced *Keep
	inspects *Inspect
	book     *Book
	serving  bool
	stopped  time.Time // really: for ever
	table    *routing.Table
	routing  *routing.World
	revision uint64
	slow     *slowDecision
}

// slowDecision is one that was overtaken between its two reads.
type slowDecision struct {
	at   routing.Interval
	when time.Time
	book *Book
}

// message is an edge's StoreSeen or an order to a store.
type message struct {
	to    *node
	seen  StoreSeen
	order func(b *box, now time.Time) error
}

const (
	epsilon = time.Second // of every clock
	tick    = time.Second / 2
)

var (
	lists  = []List{oneNumber(0), oneNumber(1)}
	listOf = Lists(func(id ListID) (List, bool) {
		i := slices.IndexFunc(lists, func(l List) bool { return l.ID() == id })
		return lists[max(i, 0)], i >= 0
	})
	routeTo = map[routing.RoutingAuthority]*routing.Route{
		routing.Legacy:   {ID: "l", Authority: routing.Legacy, Gateways: []routing.Gateway{{ID: "l1"}}},
		routing.SpeakOps: {ID: "s", Authority: routing.SpeakOps, Gateways: []routing.Gateway{{ID: "s1"}}},
	}
)

func oneNumber(i int) List {
	l, err := NewList([]routing.PublicNumber{12025550143 + routing.PublicNumber(i)})
	if err != nil {
		panic(err)
	}
	return l
}

func newWorld(seed uint64, opt options) *world {
	w := &world{opt: opt, die: rand.New(rand.NewPCG(seed, 1)), now: noon}
	first := &Revision{ID: id(1), Previous: id(0), Number: 2, Fleet: Fleet{Guard: opt.guard, Lead: opt.guard, PrepareTimeout: 4 * time.Second}}
	first.Schedule = []Cutover{{ID: "c-0", List: lists[0].ID(), Count: 1, First: routing.Legacy}}
	for i := range opt.members {
		first.Members = append(first.Members, MemberID(fmt.Sprintf("%c~1", 'a'+i)))
	}
	one := Generation{1, "n1"}
	b := &box{Store: Store{Life: "s0", Begun: "s0", Generation: one, Recovered: true, Committed: first, broken: opt.broken}}
	for _, l := range lists {
		b.Put(l)
	}
	w.stores, w.copied = []*box{b}, b.clone()
	w.ghost = ghost{truth: first, chain: map[uint64]RevisionID{2: first.ID}, aborted: map[RevisionID][]*node{}, bodies: map[RevisionID]*Revision{first.ID: first}, answers: map[routing.PublicNumber][]answer{}, base: map[routing.PublicNumber]routing.RoutingAuthority{}}
	for _, l := range lists {
		w.ghost.base[l.At(0)] = routing.Legacy
	}
	for i := range opt.edges {
		n := &node{name: string(rune('a' + i))}
		w.edges = append(w.edges, n)
		n.journal = []Entry{{Kind: KindBegun, Self: MemberID(n.name + "~1")}}
		n.lives = 1
		if i < opt.members {
			n.journal = append(n.journal, Entry{Kind: KindPromised, Generation: one}, Entry{Kind: KindStanding, Revision: first})
		}
		w.furnish(n)
		w.restart(n)
	}
	return w
}

// furnish gives an edge its table and its View.
func (w *world) furnish(n *node) {
	n.table = &routing.Table{}
	for _, l := range lists {
		w.record(n, l.At(0), routing.Legacy)
	}
	fresh := &routing.Freshness{}
	fresh.Confirm(noon.Add(time.Hour))
	n.routing = &routing.World{Table: n.table, Freshness: fresh, MaxAge: time.Hour, Legacy: routeTo[routing.Legacy], SpeakOps: routeTo[routing.SpeakOps]}
}

func (w *world) record(n *node, number routing.PublicNumber, a routing.RoutingAuthority) {
	n.revision++
	n.table.Put(routing.Number{PublicNumber: number, RoutingAuthority: a, Revision: n.revision})
}

// restart is what a crash leaves: the journal.
func (w *world) restart(n *node) {
	e, err := Replay(n.journal)
	if w.opt.broken.breaks(volatile | overwrite) { // no journal would read like that
		e, err = n.edge, nil
		if e.Self == "" || len(n.journal) == 1 {
			e, err = Replay(n.journal)
		}
		e.writing, e.checking = nil, Inspect{}
		if w.opt.broken.breaks(volatile) {
			e.Pair.Prepared = nil
		}
	}
	if err != nil {
		w.fail("%s: %v", n.name, err)
		return
	}
	e.broken = w.opt.broken
	n.edge, n.unsynced, n.inspects, n.slow = e, nil, nil, nil
	w.grant(n, []Effect{e.publish()})
}

func (w *world) live() *box { return w.stores[len(w.stores)-1] }

func (w *world) fail(format string, args ...any) {
	w.failures = append(w.failures, fmt.Sprintf(format, args...))
}

// clock is an edge's reading: an honest interval around the true instant.
func (w *world) clock() routing.Interval {
	if w.opt.exact {
		return routing.Exactly(w.now)
	}
	wide := func() time.Duration { return time.Duration(w.die.IntN(5)) * epsilon / 4 }
	return routing.Interval{Earliest: w.now.Add(-wide()), Latest: w.now.Add(wide())}
}

// storeClock is wrong by at most epsilon.
func (w *world) storeClock() time.Time {
	if w.opt.exact {
		return w.now
	}
	return w.now.Add(time.Duration(w.die.IntN(5)-2) * epsilon / 2)
}

// step gives an edge an event and grants what it wishes.
func (w *world) step(n *node, ev Event) {
	next, effects := n.edge.Step(ev, w.clock())
	n.edge = next
	if w.trace != nil {
		w.trace("%s %s %T%+v -> %s", w.now.Format("05.0"), n.name, ev, told(ev), strings.Join(tell(effects), " "))
	}
	w.grant(n, effects)
}

// told is an event in a few words, and tell are effects.
func told(ev Event) string {
	if s, ok := ev.(StoreSeen); ok {
		return fmt.Sprintf(" gen=%s recovered=%v changed=%v committed=%s#%d pending=%s acked=%v aborted=%d off=%v missing=%v", s.Generation, s.Recovered, s.Changed,
			short(s.Committed), s.Committed.number(), short(s.Pending), s.Acked, len(s.Aborted), s.Off, s.Missing)
	}
	return ""
}

func tell(effects []Effect) []string {
	var all []string
	for _, effect := range effects {
		switch f := effect.(type) {
		case Keep:
			all = append(all, fmt.Sprintf("keep(%s %s%s%s)", f.Entry.Kind, short(f.Entry.Revision), f.Entry.ID, f.Entry.Generation))
		case Publish:
			all = append(all, fmt.Sprintf("publish(%s,%s serving=%v)", short(f.Pair.Committed), short(f.Pair.Prepared), f.Serving))
		case Ack, Refuse, Abort, Begin, Recover, DeclareOff, Retire:
			all = append(all, fmt.Sprintf("%T%+v", f, f))
		default:
			all = append(all, fmt.Sprintf("%T", f))
		}
	}
	return all
}

func short(r *Revision) string {
	id := strings.TrimLeft(string(r.id()), "0")
	return id
}

func (w *world) grant(n *node, effects []Effect) {
	self := n.edge.Self
	var soon func(*node)
	for _, effect := range effects {
		switch f := effect.(type) {
		case Publish:
			w.publish(n, f)
		case Keep:
			n.unsynced = &f
			soon = w.sync
		case Inspect:
			n.inspects = &f
			soon = w.inspect
		case Ack:
			w.post(func(b *box, now time.Time) error { return b.Ack(self, f.ID, now) })
		case Refuse:
			w.post(func(b *box, now time.Time) error { return b.Refuse(self, f.ID, f.Reason) })
		case Abort:
			w.post(func(b *box, now time.Time) error { return b.Abort(f.ID, now, false) })
		case Begin:
			nonce := fmt.Sprintf("n%d", w.die.Uint32())
			w.post(func(b *box, now time.Time) error { return b.Begin(Generation{f.Number, nonce}, f.Over, f.Life) })
		case SendReport:
			w.post(func(b *box, now time.Time) error { return b.Report(f.Report) })
		case Recover:
			w.post(func(b *box, now time.Time) error { return b.Recover(now, false) })
		case Join:
			w.post(func(b *box, now time.Time) error { return w.joins(b, f, now) })
		case DeclareOff:
			w.post(func(b *box, now time.Time) error { return b.Leave(f.Self, f.Stopped, now) })
		case Retire:
			w.retire(n)
			return
		}
	}
	if soon != nil && w.die.IntN(2) == 0 && !w.opt.rough {
		soon(n)
	}
}

func (w *world) publish(n *node, f Publish) {
	floors, err := CompileFloors(f.Floors, listOf)
	if w.opt.harness&forgetFloors != 0 {
		floors = nil
	}
	if err == nil {
		n.book, err = Compile(f.Pair, floors, listOf)
	}
	if err != nil {
		w.fail("%s: %v", n.name, err)
	}
	n.serving = f.Serving
	if c := f.Pair.Committed; c.Has(n.edge.Self) { // a joiner has only heard of it, and takes no calls
		w.learned(n, c)
	}
	w.ask(n)
}

// retire ends an identity; its journal stays with whoever asks for it.
func (w *world) retire(n *node) {
	n.old = append(n.old, n.edge.Report())
	n.lives++
	n.journal = []Entry{{Kind: KindBegun, Self: MemberID(fmt.Sprintf("%s~%d", n.name, n.lives))}}
	for number, a := range w.ghost.base { // a new identity loads its table anew
		w.record(n, number, a)
	}
	w.restart(n)
}

func (w *world) post(order func(b *box, now time.Time) error) {
	if !w.healing && w.die.IntN(2) == 0 {
		w.hand(message{order: order}) // at once
		return
	}
	w.mail = append(w.mail, message{order: order})
}

// draw is a new id: random, unless ids are counted.
func (w *world) draw(b *box) RevisionID {
	w.drawn++
	if w.opt.harness&counterIDs != 0 {
		return id(100 + b.proposals)
	}
	return id(1000 + w.drawn)
}

func (w *world) joins(b *box, f Join, now time.Time) error {
	if b.Committed == nil || f.Base == nil || b.Committed.ID != f.Base.ID || b.Committed.Has(f.Self) || b.Pending != nil {
		return errNotPending
	}
	next := *b.Committed
	next.ID, next.Previous, next.Number = w.draw(b), b.Committed.ID, b.Committed.Number+1
	next.Members = append(slices.Clone(next.Members), f.Self)
	slices.Sort(next.Members)
	return w.proposed(b, &next, now)
}

func (w *world) proposed(b *box, next *Revision, now time.Time) error {
	body, err := b.Propose(next, now)
	if err == nil {
		b.proposals++
		w.ghost.bodies[body.ID] = body
	}
	return err
}
