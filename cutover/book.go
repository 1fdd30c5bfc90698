package cutover

import (
	"fmt"
	"math/bits"

	"github.com/speakops/sipedge/routing"
)

// Book is a Pair made ready for decisions: for every number, what the committed
// and the prepared revision say of it. It is immutable; nil says nothing of any
// number. A lookup takes no lock, allocates nothing and touches one line of
// memory, and a Book without numbers costs a comparison.
type Book struct {
	Pair   Pair
	live   index
	say    []routing.Schedule // by the value in live
	floors *Floors
}

// Lists finds the numbers of a list, false when this edge does not have it.
type Lists func(ListID) (List, bool)

// Compile makes the Book of a pair. floors are those of Publish, compiled; nil
// for none. It fails when a list is missing.
func Compile(p Pair, floors *Floors, lists Lists) (*Book, error) {
	b := &Book{Pair: p, floors: floors}
	count := 0
	for _, r := range []*Revision{p.Committed, p.Prepared} {
		if r == nil {
			continue
		}
		for i := range r.Schedule {
			count += r.Schedule[i].Count
		}
	}
	b.live = newIndex(count)
	groups := map[[2]ID]uint16{}
	if r := p.Committed; r != nil {
		for i := range r.Schedule {
			c := &r.Schedule[i]
			if err := b.enter(c, [2]ID{c.ID, ""}, groups, lists); err != nil {
				return nil, err
			}
		}
	}
	if r := p.Prepared; r != nil {
		for i := range r.Schedule {
			c := &r.Schedule[i]
			if err := b.enter(c, [2]ID{"", c.ID}, groups, lists); err != nil {
				return nil, err
			}
		}
	}
	return b, b.speak(groups)
}

// enter puts the numbers of one cutover under its group: the pair of cutovers a
// number is in by the committed and by the prepared revision.
func (b *Book) enter(c *Cutover, group [2]ID, groups map[[2]ID]uint16, lists Lists) error {
	l, here := lists(c.List)
	if !here || l.Len() != c.Count {
		return fmt.Errorf("cutover %s: list %.12s of %d numbers is not here", c.ID, c.List, c.Count)
	}
	names := make([][2]ID, len(groups), len(groups)+1)
	for name, at := range groups {
		names[at] = name
	}
	place := func(name [2]ID) uint16 {
		at, known := groups[name]
		if !known {
			at = uint16(len(groups))
			groups[name] = at
			names = append(names, name)
		}
		return at
	}
	for n := range l.All {
		mine := group
		if at, known := b.live.get(n); known {
			if mine = names[at]; group[1] != "" {
				mine[1] = group[1]
			}
		}
		at := place(mine)
		if at > maxValue {
			return fmt.Errorf("cutover %s: more than %d groups of numbers change at once; plan some of them apart", c.ID, maxValue)
		}
		b.live.put(n, at)
	}
	return nil
}

// speak words the schedule of every group.
func (b *Book) speak(groups map[[2]ID]uint16) error {
	b.say = make([]routing.Schedule, len(groups))
	for name, at := range groups {
		s := routing.Schedule{Open: b.Pair.Prepared != nil}
		var err error
		if s.Committed, err = timeline(b.Pair.Committed, name[0]); err != nil {
			return err
		}
		if s.Prepared, err = timeline(b.Pair.Prepared, name[1]); err != nil {
			return err
		}
		b.say[at] = s
	}
	return nil
}

// timeline is the timeline of a cutover by a revision, nil when it has none.
func timeline(r *Revision, id ID) (*routing.Timeline, error) {
	c := r.Cutover(id)
	if c == nil {
		return nil, nil
	}
	line, err := routing.NewTimeline(r.Number, c.First, c.Turns...)
	if err != nil {
		return nil, fmt.Errorf("cutover %s: %w", id, err)
	}
	return &line, nil
}

// Schedule is what the revisions say of n, false when they say nothing. It fits
// routing.World.Schedules.
func (b *Book) Schedule(n routing.PublicNumber) (routing.Schedule, bool) {
	if b == nil {
		return routing.Schedule{}, false
	}
	var s routing.Schedule
	at, live := b.live.get(n)
	if live {
		s = b.say[at]
	}
	s.Floor.Authority, s.Floor.Settled = b.floors.Get(n)
	return s, live || s.Floor.Settled
}

// Floors are the settled cutovers of an edge, ready for lookups. nil has none.
type Floors struct{ index }

// CompileFloors makes them; of two that settle one number the later holds.
func CompileFloors(floors []Floor, lists Lists) (*Floors, error) {
	if len(floors) == 0 {
		return nil, nil
	}
	count := 0
	for _, f := range floors {
		l, here := lists(f.List)
		if !here {
			return nil, fmt.Errorf("settled cutover %s: list %.12s is not here", f.Cutover, f.List)
		}
		count += l.Len()
	}
	all := &Floors{newIndex(count)}
	for _, f := range floors {
		l, _ := lists(f.List)
		for n := range l.All {
			all.put(n, uint16(f.Authority))
		}
	}
	return all, nil
}

// Get is the floor of n, false when it has none.
func (f *Floors) Get(n routing.PublicNumber) (routing.RoutingAuthority, bool) {
	if f == nil {
		return routing.AuthorityNone, false
	}
	v, found := f.get(n)
	return routing.RoutingAuthority(v), found
}

// index finds a small value by number: open addressing, number and value in one
// word, at most two thirds full. A public number is below 10^15 < 2^50.
type index struct {
	slots []uint64
	shift uint
}

const (
	valueBits = 14
	maxValue  = 1<<valueBits - 1
)

func newIndex(count int) index {
	if count == 0 {
		return index{}
	}
	size := bits.Len(uint(count + count/2))
	return index{make([]uint64, 1<<size), uint(64 - size)}
}

// spot is the slot of n, or the empty one where it would be. Fibonacci hashing
// spreads the runs that numbers come in.
func (x *index) spot(n routing.PublicNumber) int {
	mask := len(x.slots) - 1
	for i := int(uint64(n) * 0x9E3779B97F4A7C15 >> x.shift); ; i = (i + 1) & mask {
		if w := x.slots[i]; w == 0 || w>>valueBits == uint64(n) {
			return i
		}
	}
}

func (x *index) get(n routing.PublicNumber) (uint16, bool) {
	if len(x.slots) == 0 || n == 0 {
		return 0, false
	}
	w := x.slots[x.spot(n)]
	return uint16(w & maxValue), w != 0
}

func (x *index) put(n routing.PublicNumber, v uint16) {
	x.slots[x.spot(n)] = uint64(n)<<valueBits | uint64(v)
}
