// Package verdict answers: did anybody see a cutover happen twice, early, late,
// or differently?
//
// It is told what the fleet agreed to, what operators were told of it, and what
// every call was answered at which true instant, and knows nothing of how edges
// and store come to any of that. A number's history is one step function of time,
// put together from the bodies of the chain; every answer ever given must be the
// function's at that instant (P1), no answer may go back behind a step that
// another answer, finished before it began, has passed (P2), and so never do two
// authorities hold a number at once (P5).
package verdict

import (
	"fmt"
	"slices"
	"sort"
	"sync"
	"time"
)

// Number is a public number.
type Number uint64

// Turn is one step: from At on (inclusive, store time) Holder holds.
type Turn struct {
	At     time.Time
	Holder string
}

// Cutover is the schedule of some numbers in one body.
type Cutover struct {
	ID      string
	First   string
	Turns   []Turn
	Numbers []Number
}

// Body is one revision that was agreed to.
type Body struct {
	ID, Previous string
	Number       uint64
	Cutovers     []Cutover
}

// Answer is one call that was given to a side.
type Answer struct {
	Edge   string
	Holder string
	// The decision began at Start and was there at End, in true time. Early is the
	// earliest that store time may have been at Start, Late the latest at End, by
	// any clock that a store in use had then.
	Start, End, Early, Late time.Time
}

// Verdict collects evidence. It is safe for use by many goroutines.
type Verdict struct {
	mu       sync.Mutex
	base     string // who holds a number that never was in a cutover
	bodies   map[string]Body
	chain    map[uint64]string
	answers  map[Number][]Answer
	promised map[string]string // ids that an operator was told to be armed
	refused  map[string]string // ids that an operator was told to be off
	faults   []string
}

// Most is how many faults are kept; the first ones tell the most.
const Most = 20

// New makes one. base holds every number to begin with.
func New(base string) *Verdict {
	return &Verdict{base: base, bodies: map[string]Body{}, chain: map[uint64]string{}, answers: map[Number][]Answer{},
		promised: map[string]string{}, refused: map[string]string{}}
}

// Fault notes something that must not be.
func (v *Verdict) Fault(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fault(format, args...)
}

func (v *Verdict) fault(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); len(v.faults) < Most && !slices.Contains(v.faults, text) {
		v.faults = append(v.faults, text)
	}
}

// Failed says that something must not be already.
func (v *Verdict) Failed() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.faults) > 0
}

// Learned is told of every body that somebody has in force as committed; early is
// the earliest that store time may have been then. There is one chain, a number
// is in one cutover of a body, and none is dropped while a step of it is ahead.
func (v *Verdict) Learned(who string, b Body, early time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.bodies[b.ID]; known {
		return
	}
	if other, taken := v.chain[b.Number]; taken {
		v.fault("fork: %s has %.8s as revision %d, and others %.8s", who, b.ID, b.Number, other)
	}
	if prev, known := v.chain[b.Number-1]; known && prev != b.Previous {
		v.fault("fork: %s has %.8s as revision %d after %.8s, and revision %d is %.8s", who, b.ID, b.Number, b.Previous, b.Number-1, prev)
	}
	v.bodies[b.ID], v.chain[b.Number] = b, b.ID
	in := map[Number]string{}
	live := map[string]bool{}
	for _, c := range b.Cutovers {
		live[c.ID] = true
		for _, n := range c.Numbers {
			if other, twice := in[n]; twice {
				v.fault("revision %d: %d is in %s and in %s", b.Number, n, other, c.ID)
			}
			in[n] = c.ID
		}
	}
	prev := v.bodies[b.Previous]
	for _, c := range prev.Cutovers {
		if n := len(c.Turns); !live[c.ID] && n > 0 && early.Before(c.Turns[n-1].At) {
			v.fault("revision %d drops %s, whose last step is at %s, and it may be %s", b.Number, c.ID, stamp(c.Turns[n-1].At), stamp(early))
		}
	}
	for id, why := range v.refused {
		if id == b.ID {
			v.fault("%s has revision %d (%.8s) in force, of which an operator was told: %s", who, b.Number, id, why)
		}
	}
}

// Chain is how many bodies anybody had in force.
func (v *Verdict) Chain() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.bodies)
}

// Answered is told of every call that was given to a side.
func (v *Verdict) Answered(n Number, a Answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.answers[n] = append(v.answers[n], a)
}

// Promised is told that an operator was told that a revision is armed.
func (v *Verdict) Promised(id, what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.promised[id] = what
}

// Refused is told that an operator was told that a revision will never hold.
func (v *Verdict) Refused(id, why string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refused[id] = why
	if b, known := v.bodies[id]; known {
		v.fault("an operator was told that %.8s is off (%s), and it is revision %d", id, why, b.Number)
	}
}

// Count is how many answers there are.
func (v *Verdict) Count() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	count := 0
	for _, all := range v.answers {
		count += len(all)
	}
	return count
}

// Judge holds every answer against the chain as it is now, and returns all that
// must not be.
func (v *Verdict) Judge() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, what := range v.promised {
		if _, known := v.bodies[id]; !known {
			v.fault("an operator was told that %.8s is armed (%s), and nobody has it", id, what)
		}
	}
	var numbers []Number
	for n := range v.answers {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		v.judge(n)
	}
	return slices.Clone(v.faults)
}

// History is the step function of a number: who holds it first, and every step.
// What a later body of the chain says of a cutover is what holds.
func (v *Verdict) history(n Number) []Turn {
	var heights []uint64
	for h := range v.chain {
		heights = append(heights, h)
	}
	slices.Sort(heights)
	var order []string
	lines := map[string]Cutover{}
	for _, h := range heights {
		for _, c := range v.bodies[v.chain[h]].Cutovers {
			if !slices.Contains(c.Numbers, n) {
				continue
			}
			if _, known := lines[c.ID]; !known {
				order = append(order, c.ID)
			}
			lines[c.ID] = c
		}
	}
	all := []Turn{{Holder: v.base}}
	for _, id := range order {
		c := lines[id]
		if last := all[len(all)-1]; c.First != last.Holder {
			v.fault("%s begins with %s for %d, which %s holds since %s", id, c.First, n, last.Holder, stamp(last.At))
		}
		all = append(all, c.Turns...)
	}
	return all
}

// judge gives every answer about a number its place in the number's history: not
// before what every clock has passed, not behind what any clock has reached, and
// not before the place of an answer that was there before this one was asked for.
func (v *Verdict) judge(n Number) {
	line := v.history(n)
	answers := v.answers[n]
	sort.SliceStable(answers, func(i, j int) bool { return answers[i].End.Before(answers[j].End) })
	passed := func(t time.Time) int {
		return sort.Search(len(line), func(i int) bool { return i > 0 && line[i].At.After(t) }) - 1
	}
	// places[i] is the furthest place of the answers up to i.
	places := make([]int, len(answers))
	for i := range answers {
		a := &answers[i]
		least, most := passed(a.Early), passed(a.Late)
		before := sort.Search(i, func(j int) bool { return !answers[j].End.Before(a.Start) }) - 1
		floor := 0
		if before >= 0 {
			floor = places[before]
		}
		place := max(least, floor)
		for place < len(line) && line[place].Holder != a.Holder {
			place++
		}
		if place > most {
			v.wrong(n, a, line, least, most, floor)
			place = max(least, floor)
		}
		places[i] = place
		if i > 0 {
			places[i] = max(place, places[i-1])
		}
	}
}

func (v *Verdict) wrong(n Number, a *Answer, line []Turn, least, most, floor int) {
	rule := "P1"
	if floor > least {
		rule = "P2"
	}
	around := ""
	for i := max(0, min(least, floor)-1); i < min(len(line), most+3); i++ {
		around += fmt.Sprintf(" %s from %s;", line[i].Holder, stamp(line[i].At))
	}
	v.fault("%s: %s gave %d to %s at %s (asked at %s; by the stores' clocks between %s and %s, others were at step %d before), where the chain says:%s",
		rule, a.Edge, n, a.Holder, stamp(a.End), stamp(a.Start), stamp(a.Early), stamp(a.Late), floor, around)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "ever"
	}
	return t.UTC().Format("15:04:05.000000")
}
