package records

import (
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/media/quality"
)

type schemaOf struct {
	Type       string
	Format     string
	Const      any
	Items      *schemaOf
	Required   []string
	Properties map[string]schemaOf
	OneOf      []schemaOf
}

// everyField is one record of each kind with everything in it that there is.
func everyField() map[string][]byte {
	d := routed()
	d.Outcome, d.Code, d.Answer.Intent, d.Answer.Until = "busy", 486, routing.Busy, ten
	d.Forced, d.PSAP, d.Looped, d.Override = routing.SpeakOps, true, true, routing.Override{Kind: routing.ForceLegacy, From: ten, Until: ten.Add(time.Hour), Author: "anna"}
	other := *routed()
	other.PublicNumber, other.Dialled = 0, []byte("*98")
	c := CDR{
		Call: CallID{1}, SIPCallID: []byte("x"), CallKey: []byte("k"), Trunk: "t", Source: netip.MustParseAddrPort("192.0.2.1:1"), Route: "r", Gateway: "g",
		PublicNumber: 12025550143, Caller: 13055550100, RoutingAuthority: routing.Legacy, PortingState: routing.Armed, CurrentServingProvider: "p",
		UnderlyingCarrier: "u", CustomerAssignment: "c", Because: routing.Cut, Revision: 1, Interval: routing.Interval{Earliest: ten, Latest: ten},
		Outcome: "answered", Code: 200, Invited: ten, Ringing: ten, Answered: ten, Ended: ten.Add(time.Second), HungUpBy: ByCaller, Cause: 16, Readopted: true, ByToken: true,
		Attempts: []Attempt{{"g", netip.MustParseAddrPort("192.0.2.1:1"), 1, 1, 200, "answered"}},
	}
	heard := Heard{Missed: true, For: time.Second, Report: quality.Report{
		Packets: 5, Bytes: 5, Expected: 5, Lost: 1, Duplicates: 1, Reordered: 1, MeanJitter: time.Microsecond, MaxJitter: time.Microsecond, RoundTrip: time.Microsecond,
		FarReports: 1, FarLost: 0.5, FarJitter: time.Microsecond, SSRCChanges: 1, DTMF: 1, ComfortNoise: 1, PayloadTypes: []uint8{0, 101}, MOS: 4.1,
	}}
	c.Media = []Stream{{Line: 0, Audio: true, Secure: true, Caller: heard, Callee: heard}, {Line: 1}}
	l := &Log{o: LogOptions{Edge: "edge-1"}}
	return map[string][]byte{
		"decision": plain.AppendDecision(nil, d), "decision dialled": plain.AppendDecision(nil, &other), "cdr": plain.AppendCDR(nil, &c), "gap": l.gap(nil, 3, ten),
	}
}

// What is written is what schema.json says, and everything it says is written.
func TestSchemaIsWhatIsWritten(t *testing.T) {
	b, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var all schemaOf
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for name, line := range everyField() {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(all.OneOf, func(s schemaOf) bool { return s.Properties["kind"].Const == record["kind"] })
		if at < 0 {
			t.Fatalf("%s: no such kind in schema.json", name)
		}
		s := all.OneOf[at]
		if s.Properties["schema"].Const != float64(Schema) {
			t.Errorf("schema.json is of version %v, not %d", s.Properties["schema"].Const, Schema)
		}
		s.check(t, name, record)
		for key := range record {
			seen[record["kind"].(string)+"."+key] = true
		}
	}
	for _, s := range all.OneOf {
		for key := range s.Properties {
			if kind := s.Properties["kind"].Const.(string); !seen[kind+"."+key] {
				t.Errorf("schema.json has %s.%s, which nobody writes", kind, key)
			}
		}
	}
}

func (s schemaOf) check(t *testing.T, path string, v any) {
	t.Helper()
	ok := false
	switch v := v.(type) {
	case string:
		ok = s.Type == "string"
		if s.Format == "date-time" {
			_, err := time.Parse(time.RFC3339Nano, v)
			ok = ok && err == nil
		}
	case float64:
		ok = s.Type == "number" || s.Type == "integer" && v == float64(int64(v))
	case bool:
		ok = s.Type == "boolean"
	case []any:
		ok = s.Type == "array"
		for _, one := range v {
			s.Items.check(t, path+"[]", one)
		}
	case map[string]any:
		ok = s.Type == "object"
		for key, one := range v {
			p, known := s.Properties[key]
			if !known {
				t.Errorf("%s.%s is not in schema.json", path, key)
				continue
			}
			p.check(t, path+"."+key, one)
		}
		for _, key := range s.Required {
			if _, there := v[key]; !there {
				t.Errorf("%s lacks %s", path, key)
			}
		}
	}
	if !ok {
		t.Errorf("%s: %v is no %s", path, v, s.Type)
	}
}
