package cutover

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// FuzzExploration is the exploration with the fuzzer choosing fleet and seed.
func FuzzExploration(f *testing.F) {
	names := slices.Sorted(maps.Keys(fleets))
	for i := range names {
		f.Add(uint64(i+1), uint8(i))
	}
	f.Fuzz(func(t *testing.T, seed uint64, which uint8) {
		o := fleets[names[int(which)%len(names)]]
		o.guard = 2 * epsilon
		w := newWorld(seed, o)
		w.run()
		if len(w.failures) > 0 {
			t.Fatalf("-run 'TestExploration/%s' -seed %d\n%s", names[int(which)%len(names)], seed, strings.Join(w.failures, "\n"))
		}
	})
}

// FuzzTimeline changes one cutover again and again, each time as far ahead as the
// bytes say, and looks back: what was answered stays what is answered.
func FuzzTimeline(f *testing.F) {
	f.Add([]byte{2, 3, 0, 9, 1, 1, 250, 7, 4, 4})
	f.Add([]byte{0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0})
	f.Fuzz(func(t *testing.T, changes []byte) {
		now := noon
		prev := &Revision{Number: 1, Schedule: []Cutover{{ID: "c", First: routing.Legacy}}}
		type given struct {
			at     time.Time
			holder routing.RoutingAuthority
		}
		var answers []given
		for len(changes) >= 2 && len(answers) < 1000 {
			kept, ahead := int(changes[0]), time.Duration(changes[1])*time.Second/8
			changes = changes[2:]
			c := prev.Schedule[0]
			c.Turns = slices.Clone(c.Turns[:min(kept%4, len(c.Turns))])
			if at := now.Add(ahead); kept&4 == 0 && at.After(c.Last()) {
				c.Turns = append(c.Turns, routing.Turn{At: at, Authority: c.Final().Other()})
			}
			next := &Revision{Number: prev.Number + 1, Schedule: []Cutover{c}}
			if now = now.Add(time.Second / 4); before(now, Differs(prev, next)) {
				prev = next // accepted: it lies ahead
			}
			for _, a := range answers {
				if got := prev.Schedule[0].At(a.at); got != a.holder {
					t.Fatalf("at %v it was %s, and revision %d says %s", a.at, a.holder, prev.Number, got)
				}
			}
			answers = append(answers, given{now, prev.Schedule[0].At(now)})
		}
	})
}

// FuzzEntries reads journals: any bytes give an edge or an error, and an edge
// gives entries that are read as the same edge.
func FuzzEntries(f *testing.F) {
	w := newWorld(1, options{edges: 2, members: 2, steps: 60, guard: 2 * time.Second})
	w.run()
	for _, n := range w.edges {
		f.Add(lines(f, n.journal))
		f.Add(lines(f, n.edge.Entries()))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var entries []Entry
		for line := range strings.Lines(string(text)) {
			e, err := DecodeEntry([]byte(strings.TrimSuffix(line, "\n")))
			if err != nil {
				return
			}
			entries = append(entries, e)
		}
		e, err := Replay(entries)
		if err != nil {
			return
		}
		again, err := Replay(e.Entries())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := lines(t, again.Entries()), lines(t, e.Entries()); string(got) != string(want) {
			t.Fatalf("\n%s\n%s", got, want)
		}
	})
}

func lines(t testing.TB, entries []Entry) []byte {
	t.Helper()
	var text []byte
	for _, e := range entries {
		line, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		text = append(append(text, line...), '\n')
	}
	return text
}

// A store is fed whatever comes, and never commits without every member.
func FuzzStore(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, orders []byte) {
		s := &Store{Life: "l"}
		_ = s.Begin(Generation{1, "x"}, Generation{}, "l")
		_ = s.Recover(noon, true)
		members := []MemberID{"a~1", "b~1"}
		now, drawn := noon, uint64(0)
		for _, order := range orders[:min(len(orders), 200)] {
			m, pending, was := members[order&1], s.Pending, s.Committed
			now = now.Add(time.Duration(order>>6) * time.Second)
			switch order >> 1 & 7 {
			case 0, 1:
				drawn++
				next := &Revision{ID: id(int(drawn)), Previous: s.Committed.id(), Number: s.Committed.number() + 1, Members: members, Fleet: fleetOf(1)}
				_, _ = s.Propose(next, now)
			case 2, 3, 4:
				_ = s.Ack(m, s.Pending.id(), now)
			case 5:
				_ = s.Refuse(m, s.Pending.id(), "no")
			case 6:
				_ = s.Abort(s.Pending.id(), now, order&32 != 0)
			case 7:
				if s.Life != "l" && order&32 != 0 {
					_ = s.Report(Report{Member: m, Generation: s.Generation, Committed: s.Committed, Prepared: s.Pending})
					_ = s.Recover(now, false)
				} else {
					s.Life = string(binary.AppendUvarint([]byte("l"), drawn))
					_ = s.Begin(Generation{s.Generation.Number + 1, "x"}, s.Generation, s.Life)
				}
			}
			if s.Committed != was && s.Committed != pending {
				t.Fatalf("%s is committed, and was not pending", s.Committed.ID)
			}
			if _, aborted := s.Aborted[s.Committed.id()]; aborted {
				t.Fatalf("%s is committed and aborted", s.Committed.ID)
			}
		}
	})
}
