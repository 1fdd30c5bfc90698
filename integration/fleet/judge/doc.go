// Package judge answers: did a fleet keep its promises, by what others wrote down?
//
// It reads what callers and gateways logged about every call, the decision records
// of all edges, and every copy of the journal. It shares no code with the program
// it judges, nor with its audit: a judge that shared their mistakes would find none.
package judge

import (
	"fmt"
	"slices"
	"time"
)

// Call is what a caller knows of one call. Instants are of one machine's clock.
type Call struct {
	ID, Number string
	Edge       string    // that was called
	Asked      time.Time // before the INVITE went out
	Up, Down   time.Time // answered; ended by a BYE that was answered
	Code       int       // of a refusal
	Refused    time.Time
	By         string // who hangs up: caller, gateway
}

// Delivery is an INVITE that came to a gateway.
type Delivery struct {
	ID, Number string
	Side       string // legacy, speakops
	At         time.Time
	Down       time.Time // ended by a BYE, and its answer
}

// Decision is one decision record.
type Decision struct {
	Where            string // file and line
	Edge, ID, Number string
	Kind             string // route, refuse, hold
	Authority        string
	Because          string
	Revision         uint64
	Code             int
	Earliest, Latest time.Time // of store time, which is the machine's
	Held             time.Duration
}

// Outage is when an edge could not be expected to take calls.
type Outage struct {
	Edge     string
	From, To time.Time
	Why      string
}

// Evidence is everything there is about one run.
type Evidence struct {
	Calls      []Call
	Deliveries []Delivery
	Decisions  []Decision
	Entries    []Entry // of all copies of the journal, in any order, as often as they like
	Outages    []Outage
	Numbers    map[string]string // number -> cutover
	Silent     map[string]bool   // calls for which an edge says that its gateways were silent
	// Trouble is when edges may have lost sight of the store: a revision may stay
	// unresolved for so long.
	Trouble []Outage
}

// Verdict is what the judge found. Violations begin with the promise: P1, P2, P3, P4, P5.
type Verdict struct {
	Violations []string

	Calls, Answered, Ended int
	Unanswered             int            // BYEs that came and whose answer an outage swallowed
	Delivered              map[string]int // by side
	Refused                map[string]int // by because
	Excused                map[string]int // calls without an answer, by the outage that excuses them
	Held                   int
	LongestHold            time.Duration
	Decisions              int
	Revisions              int            // committed
	Aborted                map[string]int // by why
	Turns                  int            // steps that have happened
	Checked                int            // reads and writes that porcupine found linearizable
	Beyond                 int            // numbers whose history was too much for it
}

func (v *Verdict) breaks(promise, format string, args ...any) {
	v.Violations = append(v.Violations, promise+": "+fmt.Sprintf(format, args...))
}

// Judge reads the evidence.
func Judge(e Evidence) Verdict {
	v := Verdict{Delivered: map[string]int{}, Refused: map[string]int{}, Excused: map[string]int{}, Aborted: map[string]int{}, Calls: len(e.Calls), Decisions: len(e.Decisions)}
	s := v.schedule(e.Entries)
	slices.SortStableFunc(e.Decisions, func(a, b Decision) int { return a.Earliest.Compare(b.Earliest) })
	v.holders(&e, s)
	v.sides(&e)
	v.dialogs(&e)
	v.refusals(&e, s)
	v.registers(&e, s)
	return v
}
