package cutover

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/routing"
)

func TestListsAreNamedByTheirContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.Map(rapid.Uint64Range(12025550100, 12025550150), func(n uint64) routing.PublicNumber { return routing.PublicNumber(n) })
		numbers := rapid.SliceOfNDistinct(draw, 1, 20, rapid.ID[routing.PublicNumber]).Draw(t, "numbers")
		l, err := NewList(numbers)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(numbers)
		if m, err := NewList(numbers); err != nil || m.ID() != l.ID() {
			t.Fatalf("another order is another list: %v", err)
		}
		back, err := DecodeList(l.ID(), l.Encode())
		if err != nil || back.ID() != l.ID() || !slices.Equal(slices.Collect(back.All), slices.Collect(l.All)) {
			t.Fatal(err)
		}
		n := draw.Draw(t, "one")
		if l.Contains(n) != slices.Contains(numbers, n) {
			t.Fatalf("contains %s: %v", n, l.Contains(n))
		}
		other, err := NewList([]routing.PublicNumber{n, 12025559999})
		if err != nil {
			t.Fatal(err)
		}
		if at, meet := l.Meets(other); meet != l.Contains(n) || meet && at != n {
			t.Fatalf("meets at %s: %v", at, meet)
		}
	})
}

func TestWhatIsNoList(t *testing.T) {
	for says, numbers := range map[string][]routing.PublicNumber{
		"want 1 to":     nil,
		"twice":         {12025550143, 12025550144, 12025550143},
		"public number": {12025550143, 5},
		"split":         make([]routing.PublicNumber, MaxList+1),
	} {
		if _, err := NewList(numbers); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want it to say %q", err, says)
		}
	}
	l := list(0)
	if _, err := DecodeList(list(1).ID(), l.Encode()); err == nil {
		t.Error("the bytes of another list are taken")
	}
}

func TestAnIndexFindsWhatWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOfN(rapid.Uint64Range(1_000_000, 999_999_999_999_999), rapid.Uint16Range(0, maxValue), 0, 200).Draw(t, "entries")
		x := newIndex(len(want))
		for n, v := range want {
			x.put(routing.PublicNumber(n), v)
		}
		for n, v := range want {
			if got, found := x.get(routing.PublicNumber(n)); !found || got != v {
				t.Fatalf("%d: %d %v, want %d", n, got, found, v)
			}
		}
		if n := rapid.Uint64Range(1_000_000, 999_999_999_999_999).Draw(t, "other"); true {
			_, known := want[n]
			if _, found := x.get(routing.PublicNumber(n)); found != known {
				t.Fatalf("%d is found", n)
			}
		}
	})
	if 999_999_999_999_999 > math.MaxUint64>>valueBits {
		t.Error("a number and a value do not fit in a word")
	}
}

type records map[routing.PublicNumber]routing.RoutingAuthority

func (r records) Get(n routing.PublicNumber) (routing.Number, bool) {
	a, known := r[n]
	return routing.Number{PublicNumber: n, RoutingAuthority: a}, known
}

func TestRule08TheTableMustAgree(t *testing.T) {
	l := list(0)
	of := Lists(func(ListID) (List, bool) { return l, true })
	live := &Revision{Schedule: []Cutover{{ID: "c", List: l.ID(), Count: 10, First: routing.Legacy, Turns: []routing.Turn{{At: noon, Authority: routing.SpeakOps}}}}}
	none := &Revision{}
	all := func(a routing.RoutingAuthority) records {
		r := records{}
		for n := range l.All {
			r[n] = a
		}
		return r
	}
	missing := all(routing.Legacy)
	delete(missing, l.At(3))
	floors, err := CompileFloors([]Floor{{"old", l.ID(), routing.SpeakOps}}, of)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		base, next *Revision
		records    records
		floors     *Floors
		says       string
	}{
		"begins, and all agree":           {none, live, all(routing.Legacy), nil, ""},
		"begins, recorded otherwise":      {none, live, all(routing.SpeakOps), nil, "10 of 10 numbers: +12025550000 is held by speakops"},
		"begins, one is not here":         {none, live, missing, nil, "+12025550003 is not in this edge's table"},
		"begins, settled otherwise":       {none, live, all(routing.Legacy), floors, "is held by speakops"},
		"goes on, whatever the table has": {live, live, all(routing.AuthorityNone), nil, ""},
		"dropped, and all is recorded":    {live, none, all(routing.SpeakOps), nil, ""},
		"dropped, not recorded yet":       {live, none, all(routing.Legacy), nil, "settle its record first"},
		"dropped, a number is deleted":    {live, none, records{}, nil, ""},
	} {
		err := Check(c.base, c.next, c.records, c.floors, of)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Check(none, live, all(routing.Legacy), nil, func(ListID) (List, bool) { return List{}, false }); err == nil {
		t.Error("a list that is not here is agreed to")
	}
}
