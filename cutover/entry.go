package cutover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Kind says what an Entry of the edge's journal made true.
type Kind string

const (
	KindBegun     Kind = "begun"     // the first entry: whose journal this is
	KindPromised  Kind = "promised"  // every lower generation is refused for ever (rule 11)
	KindPrepared  Kind = "prepared"  // Revision is in force as the one that may come
	KindCommitted Kind = "committed" // the prepared revision of that ID holds (rule 10)
	KindAborted   Kind = "aborted"   // the prepared revision of that ID never will (rule 10)
	KindLeft      Kind = "left"      // final for this identity (rule 1)
	KindOff       Kind = "off"       // the store says that this identity was declared off
	KindStanding  Kind = "standing"  // in a shortened journal: what was committed
	KindFloor     Kind = "floor"     // in a shortened journal: one settled cutover
	KindForgone   Kind = "forgone"   // in a shortened journal: one aborted ID still of use
)

// Entry is one line of the edge's own durable journal, by which a restart knows
// what was promised. Which fields an entry has depends on its Kind; Encode
// refuses one that lacks what its kind needs.
type Entry struct {
	Kind       Kind       `json:"kind"`
	Self       MemberID   `json:"self,omitempty"`      // begun
	Generation Generation `json:"generation,omitzero"` // promised
	Revision   *Revision  `json:"revision,omitempty"`  // prepared, standing
	Base       *Revision  `json:"base,omitempty"`      // prepared by a joiner: the committed body it joins on
	ID         RevisionID `json:"id,omitempty"`        // committed, aborted, forgone
	Number     uint64     `json:"number,omitempty"`    // forgone
	At         time.Time  `json:"at,omitzero"`         // left: no call was taken from then on
	Floor      *Floor     `json:"floor,omitempty"`     // floor
}

// Floor is what a settled cutover leaves behind: no number record may contradict
// it, so that a record from an older store does not undo a port.
type Floor struct {
	Cutover   ID                       `json:"cutover"`
	List      ListID                   `json:"list"`
	Authority routing.RoutingAuthority `json:"routing_authority"`
}

// MaxFloors is how many settled cutovers an edge remembers; beyond them the
// oldest go. By then their records have been read again and again.
const MaxFloors = 4096

// Encode writes an entry in one line without a line end.
func (e *Entry) Encode() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

// DecodeEntry reads what Encode wrote.
func DecodeEntry(text []byte) (Entry, error) {
	var e Entry
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Entry{}, fmt.Errorf("journal entry: %w", err)
	}
	if d.More() {
		return Entry{}, errors.New("journal entry: more than one in a line")
	}
	return e, e.check()
}

func (e *Entry) check() error {
	lacks := func(what string) error { return fmt.Errorf("journal entry %s: %s is missing", e.Kind, what) }
	switch e.Kind {
	case KindBegun:
		return e.Self.Check()
	case KindPromised:
		if e.Generation == (Generation{}) {
			return lacks("generation")
		}
	case KindPrepared, KindStanding:
		if e.Revision == nil {
			return lacks("revision")
		}
	case KindCommitted, KindAborted, KindForgone:
		if e.ID == "" {
			return lacks("id")
		}
	case KindFloor:
		if e.Floor == nil {
			return lacks("floor")
		}
	case KindLeft, KindOff:
	default:
		return fmt.Errorf("journal entry: kind %.20q is none of this program's; it was written by a newer one", e.Kind)
	}
	return nil
}

// Replay is the edge that wrote these entries, as it was when the last of them
// was durable. The first entry must be of KindBegun. An entry that does not
// follow from those before it is refused: such a journal is not believed, and
// the edge comes back under a new identity.
func Replay(entries []Entry) (Edge, error) {
	if len(entries) == 0 || entries[0].Kind != KindBegun {
		return Edge{}, errors.New("journal: the first entry does not say whose it is")
	}
	e := Edge{Self: entries[0].Self}
	for i, entry := range entries[1:] {
		var err error
		if err = entry.check(); err == nil {
			e, err = e.applied(entry)
		}
		if err != nil {
			return Edge{}, fmt.Errorf("journal: entry %d: %w", i+2, err)
		}
	}
	return e, nil
}

// Entries is the shortest journal that Replay turns into the durable part of e.
// It is asked for only while nothing is on its way to the disk (see Idle).
func (e Edge) Entries() []Entry {
	all := []Entry{{Kind: KindBegun, Self: e.Self}}
	if e.Generation != (Generation{}) {
		all = append(all, Entry{Kind: KindPromised, Generation: e.Generation})
	}
	if e.Pair.Committed != nil {
		all = append(all, Entry{Kind: KindStanding, Revision: e.Pair.Committed})
	}
	for i := range e.Floors {
		all = append(all, Entry{Kind: KindFloor, Floor: &e.Floors[i]})
	}
	for _, id := range slices.Sorted(maps.Keys(e.Aborted)) {
		all = append(all, Entry{Kind: KindForgone, ID: id, Number: e.Aborted[id]})
	}
	if e.Pair.Prepared != nil {
		all = append(all, Entry{Kind: KindPrepared, Revision: e.Pair.Prepared})
	}
	if e.Left {
		all = append(all, Entry{Kind: KindLeft, At: e.Stopped})
	}
	if e.Off {
		all = append(all, Entry{Kind: KindOff})
	}
	return all
}

// applied is e with an entry that has become durable in force.
func (e Edge) applied(entry Entry) (Edge, error) {
	prepared := e.Pair.Prepared
	switch entry.Kind {
	case KindPromised:
		if !entry.Generation.Above(e.Generation) {
			return e, fmt.Errorf("promises generation %s after %s", entry.Generation, e.Generation)
		}
		e.Generation = entry.Generation
	case KindStanding:
		e.Pair.Committed = entry.Revision
	case KindFloor:
		e.Floors = append(slices.Clip(e.Floors), *entry.Floor)
	case KindForgone:
		e.Aborted = with(e.Aborted, entry.ID, entry.Number)
	case KindPrepared:
		if prepared != nil {
			return e, fmt.Errorf("prepares %s while the outcome of %s is unknown", entry.Revision.ID, prepared.ID)
		}
		if entry.Base != nil {
			e.Pair.Committed = entry.Base
		}
		e.Pair.Prepared = entry.Revision
	case KindCommitted, KindAborted:
		if prepared.id() != entry.ID {
			return e, fmt.Errorf("the outcome of %s, but %q is what is prepared", entry.ID, prepared.id())
		}
		if entry.Kind == KindCommitted {
			return e.committed(), nil
		}
		e.Aborted = with(e.Aborted, prepared.ID, prepared.Number)
		e.Pair.Prepared = nil
		if !e.Pair.Committed.Has(e.Self) {
			// A joiner whose joining came to nothing knows no chain: what it was to join
			// on is the store's word of then, and the store may have lost it.
			e.Pair.Committed = nil
		}
	case KindLeft:
		e.Left, e.Stopped = true, entry.At
	case KindOff:
		e.Off = true
	default:
		return e, fmt.Errorf("kind %q in the middle", entry.Kind)
	}
	return e, nil
}

// committed is e with what it has prepared in force.
func (e Edge) committed() Edge {
	prev, next := e.Pair.Committed, e.Pair.Prepared
	if dropped := Dropped(prev, next); len(dropped) > 0 {
		e.Floors = slices.Clone(e.Floors)
		for _, c := range dropped {
			e.Floors = append(e.Floors, Floor{c.ID, c.List, c.Final()})
		}
		if over := len(e.Floors) - MaxFloors; over > 0 {
			e.Floors = e.Floors[over:]
		}
	}
	e.Pair = Pair{Committed: next}
	// An aborted revision that could only have come before this one can never be
	// prepared again: its predecessor is behind.
	kept := map[RevisionID]uint64{}
	for id, number := range e.Aborted {
		if number > next.Number {
			kept[id] = number
		}
	}
	e.Aborted = kept
	return e
}

func with(set map[RevisionID]uint64, id RevisionID, number uint64) map[RevisionID]uint64 {
	more := make(map[RevisionID]uint64, len(set)+1)
	maps.Copy(more, set)
	more[id] = number
	return more
}
