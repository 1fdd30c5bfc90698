package snapshot

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

const prefix = "speakops"

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func head() *Head {
	h := &Head{Prefix: prefix, Taken: noon.Add(time.Second), Fresh: noon}
	for i := range h.Positions {
		h.Positions[i] = Position{Incarnation: fmt.Sprintf("inc%d", i), Seq: uint64(i * 1000), Stream: fmt.Sprintf("17%d-%d", i, i%3), Known: i%7 != 0}
	}
	return h
}

// nth is one of many numbers, all fields of some of them set.
func nth(i int) routing.Number {
	n := routing.Number{
		PublicNumber: routing.PublicNumber(12025550000 + i), NumberType: routing.Mobile, PortingState: routing.Armed,
		RoutingAuthority: routing.Legacy, OriginalAssignee: "west", CurrentServingProvider: "north", LosingProvider: "nörth",
		UnderlyingCarrier: "fibre", CustomerAssignment: routing.CustomerID(fmt.Sprintf("customer %d", i/3)), LRN: "+12025550000",
		LegacyRoute: "l", SpeakOpsRoute: "s", Revision: 1760000000000000 + uint64(i),
	}
	if i%5 == 0 {
		n.Override = routing.Override{Kind: routing.Block, From: noon, Until: noon.Add(time.Hour), Reason: "fraud", Author: "anna"}
	}
	if i%4 == 0 {
		n.PortingState, n.CustomerAssignment, n.LRN = routing.NoPort, "", ""
	}
	return n
}

// filled is a table of so many numbers, every eleventh of them deleted.
func filled(count int) *routing.Table {
	t := new(routing.Table)
	for i := range count {
		n := nth(i)
		t.Put(n)
		if i%11 == 10 {
			t.Delete(n.PublicNumber, n.Revision+1)
		}
	}
	return t
}

func encoded(t testing.TB, h *Head, table *routing.Table, lost ...routing.PublicNumber) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, h, table, lost); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// entries is everything a table holds, tombstones too.
func entries(t *routing.Table) map[routing.PublicNumber]routing.Number {
	m := map[routing.PublicNumber]routing.Number{}
	for e := range t.Entries {
		m[e.PublicNumber] = e.Number()
	}
	return m
}
