package order

import (
	"bytes"
	"os"
	"testing"
	"time"
)

// What is read is written, and read again is the same; nothing panics, and
// nothing that Check refuses is let in.
func FuzzOrder(f *testing.F) {
	o := goodOrder()
	o.Live = &Live{Cutover: "c-1", Purpose: Return, Revision: "r2", Phase: Arming, Before: &Live{Cutover: "c-1", Purpose: Arrive, FOC: "v1", Revision: "r1", Phase: Flipped}}
	text, _ := Encode(&o)
	f.Add(text)
	f.Add([]byte(`{"numbers":["+12025550100 - +12025550109"],"foc":{"due":"2026-11-01T01:30:00-06:00 America/Chicago"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := DecodeOrder(data, time.LoadLocation)
		if err != nil {
			return
		}
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
		again(t, &o, func(b []byte) (*Order, error) { o, err := DecodeOrder(b, nil); return &o, err })
	})
}

func FuzzPlan(f *testing.F) {
	for _, p := range []Plan{goodPlan(), evidencePlan()} {
		text, _ := Encode(&p)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := DecodePlan(data, time.LoadLocation)
		if err != nil {
			return
		}
		again(t, &p, func(b []byte) (*Plan, error) { p, err := DecodePlan(b, nil); return &p, err })
		o, facts := goodOrder(), goodFacts()
		Lint(&o, &p, &facts)
		ToArm(&o, &p).Digest()
	})
}

func FuzzFile(f *testing.F) {
	text, err := os.ReadFile("testdata/plan.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("order: &a {id: x}\ncutover: *a\nzone: UTC\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := ParseFile(data, time.LoadLocation)
		if err != nil && err.Error() == "" {
			t.Fatal("an error without words")
		}
		if err == nil && file.Order != nil && file.Order.PortingState != 0 {
			t.Fatal("a file claims a state")
		}
	})
}

func FuzzEvent(f *testing.F) {
	for name := range events {
		f.Add([]byte(`{"event":"` + name + `","to":"draft","foc":{"version":"v2","due":"2026-03-04T11:00 UTC"},"kind":"jeopardy","reason":"x"}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, err := DecodeEvent(data, time.LoadLocation)
		if err != nil {
			return
		}
		text, err := EncodeEvent(ev)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeEvent(text, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if second, _ := EncodeEvent(back); !bytes.Equal(text, second) {
			t.Fatalf("%s\n%s", text, second)
		}
		o := goodOrder()
		if next, _, err := o.Step(ev, at("2026-03-02T15:00:00Z")); err == nil {
			if err := next.Check(); err != nil {
				t.Fatalf("%s left an order that is none: %v", text, err)
			}
		}
	})
}

func again[T any](t *testing.T, v T, decode func([]byte) (T, error)) {
	t.Helper()
	text, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	back, err := decode(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if second, _ := Encode(back); !bytes.Equal(text, second) {
		t.Fatalf("%s\n%s", text, second)
	}
}
