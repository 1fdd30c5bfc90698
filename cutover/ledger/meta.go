package ledger

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// meta is what the scripts need of a revision. It is made from the body and the
// one before it, both immutable, so that no script has to understand a body.
// Numbers are text: a script's own hold only 14 digits when printed.
type meta struct {
	Previous cutover.RevisionID `json:"previous"`
	Number   string             `json:"number"`
	Members  []cutover.MemberID `json:"members"`
	Cutovers [][3]string        `json:"cutovers"` // id, list and count of every live one
	Guard    string             `json:"guard"`    // us, of this proposal
	Lead     string             `json:"lead"`     // us, of this proposal
	Timeout  string             `json:"timeout"`  // us
	Differs  string             `json:"differs"`  // us; "" for never
	After    string             `json:"after"`    // the instant that is filled in comes after this,
	Before   string             `json:"before"`   // and before this; "" for no bound
	Behind   string             `json:"behind"`   // us; must lie behind for certain
}

// metaOf is the meta of next after prev. prev is nil for a first revision, and
// for one that is committed already.
func metaOf(prev, next *cutover.Revision) string {
	m := meta{
		Previous: next.Previous,
		Number:   strconv.FormatUint(next.Number, 10),
		Members:  next.Members,
		Cutovers: make([][3]string, 0, len(next.Schedule)),
	}
	for _, c := range next.Schedule {
		m.Cutovers = append(m.Cutovers, [3]string{string(c.ID), string(c.List), strconv.Itoa(c.Count)})
	}
	fleet := next.Fleet
	if prev != nil {
		fleet = prev.Fleet // new settings hold from the revision after on
		m.Behind = micros(cutover.Behind(prev, next))
		if next.Floats() {
			after, before := cutover.Room(prev, next)
			m.After, m.Before = micros(after), micros(before)
		} else {
			m.Differs = micros(cutover.Differs(prev, next))
		}
	}
	m.Guard, m.Lead, m.Timeout = span(fleet.Guard), span(fleet.Lead), span(fleet.PrepareTimeout)
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // strings alone
	}
	return string(text)
}

func span(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }
