package cutover

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/speakops/sipedge/routing"
)

func TestTheFormOfABody(t *testing.T) {
	r := &Revision{
		ID: id(2), Previous: id(1), Number: 2, Members: []MemberID{"a~1", "b~1"},
		Schedule: []Cutover{{ID: "c-7", List: list(1).ID(), Count: list(1).Len(), First: routing.Legacy, Turns: []routing.Turn{{At: noon, Authority: routing.SpeakOps}, {Authority: routing.Legacy}}}},
		Fleet:    fleetOf(2),
	}
	want := `{"id":"` + string(id(2)) + `","previous":"` + string(id(1)) + `","number":2,"schedule":[{"id":"c-7","list":"` + string(list(1).ID()) +
		`","count":10,"first":"legacy","turns":[{"at":"1772366400000000","authority":"speakops"},{"at":"now+lead","authority":"legacy"}]}],` +
		`"members":["a~1","b~1"],"fleet":{"guard_us":2000000,"lead_us":4000000,"prepare_timeout_us":5000000}}`
	got, err := r.Encode()
	if err != nil || string(got) != want {
		t.Fatalf("%v\n got %s\nwant %s", err, got, want)
	}
	// What the store does to it is what Filled does.
	d := noon.Add(time.Hour)
	filled, err := DecodeRevision([]byte(strings.Replace(want, NowPlusLead, "1772370000000000", 1)))
	if err != nil || !reflect.DeepEqual(filled, r.Filled(d)) || !r.Floats() || filled.Floats() {
		t.Fatalf("%v: %+v", err, filled)
	}
	for what, text := range map[string]string{
		"a space":        strings.Replace(want, ",", ", ", 1),
		"an unknown key": strings.Replace(want, `"number":2`, `"number":2,"since":3`, 1),
		"another order":  strings.Replace(want, `"a~1","b~1"`, `"b~1","a~1"`, 1),
		"a plus":         strings.Replace(want, `"1772366400000000"`, `"+1772366400000000"`, 1),
		"more behind it": want + "\n",
	} {
		if _, err := DecodeRevision([]byte(text)); err == nil {
			t.Errorf("%s is read", what)
		}
	}
}

func TestBodiesSurviveTheirForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRevision(t)
		text, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeRevision(text)
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("%v\n%+v\n%+v", err, back, r)
		}
	})
}

func TestGenerationsSurviveTheirForm(t *testing.T) {
	for _, g := range []Generation{{}, {3, "abc"}} {
		text, err := json.Marshal(g)
		var back Generation
		if err != nil || json.Unmarshal(text, &back) != nil || back != g {
			t.Errorf("%v: %s, %v", g, text, err)
		}
	}
	for _, bad := range []string{"3", "3~", "03~a", "-1~a", "~a", "99999999999999999999~a"} {
		if err := new(Generation).UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
	if g, h := (Generation{3, "a"}), (Generation{3, "b"}); g.Above(h) || h.Above(g) || !(Generation{4, "a"}).Above(g) {
		t.Error("only a higher number is above")
	}
}

func FuzzRevision(f *testing.F) {
	text, err := (&Revision{ID: id(1), Number: 1, Members: []MemberID{"a~1"}, Fleet: fleetOf(1)}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := DecodeRevision(text)
		if err != nil {
			return
		}
		if again, err := r.Encode(); err != nil || string(again) != string(text) {
			t.Fatalf("%v\n%s\n%s", err, text, again)
		}
	})
}
