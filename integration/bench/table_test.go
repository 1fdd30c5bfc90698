package main

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/bench/site"
)

// fast is a rung of a system that costs us microseconds where the generators cost 100.
func fast(system string, rate int, us float64, change func(*site.Rung)) site.Rung {
	r := site.Rung{System: system, Rate: rate, Calls: 1000, UserUS: us, GeneratorUS: 100, Ringing: site.Quantiles{N: 100, P99: us / 50}}
	if change != nil {
		change(&r)
	}
	return r
}

var run = Results{Machine: "a machine <of & tests>", Numbers: 10, Rungs: []site.Rung{
	fast("kamailio-table", 1000, 80, nil),
	fast("edge", 1000, 60, nil),
	fast("edge", 1000, 62, nil),
	fast("edge", 1000, 70, func(r *site.Rung) { r.Foreign = 0.5 }),
	fast("edge", 1000, 64, nil),
	fast("edge", 2000, 50, func(r *site.Rung) { r.Retransmissions = 3 }),
}}

func TestTheMiddleOfTheQuietRounds(t *testing.T) {
	m, ok := median(run, "edge", 1000)
	if !ok || m.CPU() != 62 {
		t.Errorf("median %v, %v; want 62 of 60, 62 and 64: the loud round does not count", m.CPU(), ok)
	}
	if _, ok := median(run, "edge", 3000); ok {
		t.Error("a rung nobody ran has a median")
	}
}

func TestOneRetransmissionMakesARungUnclean(t *testing.T) {
	if got := highest(run, "edge"); got != "1000 calls/s" {
		t.Errorf("highest clean rung %s, want 1000 calls/s", got)
	}
}

func TestTheTableComparesWithKamailiosTable(t *testing.T) {
	text := table(run, site.Systems("", ""))
	if !strings.Contains(text, "| edge | 1000 | 0 | 0 | 62.0 | 0.62 | 0.77 |") {
		t.Errorf("no line of edge at 1000 with 0.62 of the generators and 0.77 of Kamailio in\n%s", text)
	}
}

func TestThePlotIsXML(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(string(plot(run))))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatGrewIsSeen(t *testing.T) {
	base := map[string]figure{"a": {100, 1, 16}, "b": {100, 0, 0}, "c": {100, 0, 0}}
	for name, now := range map[string]map[string]figure{
		"":            {"a": {200, 1, 16}, "b": {200, 0, 0}, "c": {200, 0, 0}}, // another machine
		"a allocates": {"a": {100, 2, 16}, "b": {100, 0, 0}, "c": {100, 0, 0}},
		"b takes":     {"a": {100, 1, 16}, "b": {300, 0, 0}, "c": {100, 0, 0}},
		"c is in":     {"a": {100, 1, 16}, "b": {100, 0, 0}},
		"d has no":    {"a": {100, 1, 16}, "b": {100, 0, 0}, "c": {100, 0, 0}, "d": {}},
	} {
		err := (&micro{Slower: 1.4}).compare(base, now)
		if (err == nil) != (name == "") || err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
