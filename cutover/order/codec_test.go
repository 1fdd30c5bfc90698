package order

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

// Every mistake at once, each with its path, and in YAML its line.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.wrong.yaml")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ParseFile(text, time.LoadLocation)
		if err == nil {
			t.Errorf("%s is taken", file)
			continue
		}
		golden := strings.TrimSuffix(file, ".yaml") + ".txt"
		if *update {
			if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, _ := os.ReadFile(golden); err.Error()+"\n" != string(want) {
			t.Errorf("%s:\n%v\nwant\n%s", file, err, want)
		}
	}
}

func TestFileIsRead(t *testing.T) {
	text, err := os.ReadFile("testdata/plan.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseFile(text, time.LoadLocation)
	if err != nil {
		t.Fatal(err)
	}
	o, p := f.Order, f.Cutover
	if len(o.Numbers) != 102 || o.Numbers[0] != 12025550100 || o.Numbers[101] != 12025550290 || o.NumberType != routing.Local || o.LOA == nil {
		t.Errorf("%+v", o)
	}
	if p.Order != "o-2026-114" || p.FOC != "v2" || p.Mode != OnEvidence || p.OnClose != FlipOnClose || p.Rollback.Within.Duration() != 4*time.Hour {
		t.Errorf("%+v", p)
	}
	if want := at("2026-03-03T16:00:00Z"); !p.WindowOpen.UTC.Equal(want) || p.WindowOpen.Zone != "America/Chicago" {
		t.Error(p.WindowOpen)
	}
	if e := p.Evidence; e.Need != NeedAny || e.NativeIngress == nil || e.NativeIngress.Originators != 2 || e.LRNs[0] != 12025550000 {
		t.Errorf("%+v", e)
	}
	// The stored form needs no zone.
	stored, err := Encode(o)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeOrder(stored, nil); err != nil || !back.FOC.Due.Same(o.FOC.Due) {
		t.Error(err, back.FOC)
	}
	p.Author = "anna"
	stored, _ = Encode(p)
	if back, err := DecodePlan(stored, nil); err != nil || !back.WindowClose.Same(p.WindowClose) {
		t.Error(err)
	}
}

func TestJSONIsStrict(t *testing.T) {
	for text, want := range map[string][]string{
		``:        {"is empty"},
		`{`:       {"line 1: not JSON: it ends too early"},
		`{} {}`:   {"something follows"},
		`[]`:      {"wants keys below it, got a list"},
		`{"a":1}`: {"a: unknown key; known here: id, kind,"},
		`{"id":1,"kind":"port","numbers":["+1202555010"," +12025550100",12025550101,"+12025550105 - +12025550102"],"revision":"x",
			"loa":{"version":"1","signed":"yesterday"},"foc":{"due":"2026-03-08T02:30 America/Chicago"},"live":null}`: {
			`line 1: id: "1" is not a text; put it in quotes`, `line 1: kind: "port" is not known here; write one of port_in, port_out`,
			`line 1: numbers[1]: " +12025550100" is no number`, `line 1: numbers[2]: is no number in quotes`,
			`line 1: numbers[3]: "+12025550105 - +12025550102" is backwards`, `line 1: revision: wants a bare value`,
			`line 2: loa.signed: "yesterday" is no instant`, `line 2: foc.due: clocks in America/Chicago skip`, `line 2: live: has no value`,
		},
		`{"id":"o","id":"o"}`:                         {"id: given twice, first on line 1"},
		`{"porting_state":"flying"}`:                  {`porting_state: "flying": porting_state "flying" is not one of`},
		`{"numbers":["+12025550100","+12025550100"]}`: {"numbers[1]: +12025550100 is given twice"},
		strings.Repeat(`[`, 40):                       {"too deep"},
	} {
		_, err := DecodeOrder([]byte(text), time.LoadLocation)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s\n%v\nwant %s", text, err, w)
			}
		}
	}
	if _, err := DecodeOrder(bytes.Repeat([]byte(" "), maxDocument+1), nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Error(err)
	}
	many := []byte(`{"id":1` + strings.Repeat(`,"x":1`, 500) + `}`)
	if err := func() error { _, err := DecodeOrder(many, nil); return err }(); len(err.(Mistakes)) != maxMistakes+1 {
		t.Error(len(err.(Mistakes)))
	}
}

func TestBounds(t *testing.T) {
	long := strings.Repeat("x", maxText+1)
	for want, spoil := range map[string]func(*Order, *Plan){
		"numbers: 100001 numbers": func(o *Order, p *Plan) { o.Numbers = span(12020000000, MaxNumbers+1) },
		"numbers: is empty":       func(o *Order, p *Plan) { o.Numbers = nil },
		"numbers[1]: +12025550100 does not come after +12025550101": func(o *Order, p *Plan) { o.Numbers = Numbers{12025550101, 12025550100} },
		"numbers[0]: 7 is no E.164 number":                          func(o *Order, p *Plan) { o.Numbers = Numbers{7} },
		"numbers: 6 numbers of 6 do not belong":                     func(o *Order, p *Plan) { o.Numbers = span(18005550100, 6) },
		"note: has 1001 bytes":                                      func(o *Order, p *Plan) { o.Note = long },
		"id: has 65 letters":                                        func(o *Order, p *Plan) { o.ID = ID(long[:65]) },
		`losing_provider: "a b" has a character`:                    func(o *Order, p *Plan) { o.LosingProvider = "a b" },
		"gaining_provider: is the losing provider too":              func(o *Order, p *Plan) { o.GainingProvider = o.LosingProvider },
		"number_type: is missing":                                   func(o *Order, p *Plan) { o.NumberType = 0 },
		"new_billing_number: nothing stays behind":                  func(o *Order, p *Plan) { o.NewBillingNumber = 12025550190 },
		"new_billing_number: +12025550101 leaves with this order":   func(o *Order, p *Plan) { o.Scope, o.NewBillingNumber = Partial, 12025550101 },
		"checklist.e911: \"perhaps\" is not known":                  func(o *Order, p *Plan) { o.Checklist.Emergency = "perhaps" },
		"foc.until: is not after due":                               func(o *Order, p *Plan) { o.FOC = &FOC{Version: "v1", Due: o.FOC.Due, Until: o.FOC.Due} },
		"exceptions[1].kind: given twice": func(o *Order, p *Plan) {
			e := Exception{Kind: JeopardyOf, Reason: "x"}
			o.Exceptions = []Exception{e, e}
		},
		"porting_state: nothing is armed": func(o *Order, p *Plan) { o.PortingState = routing.Armed },
		"porting_state: jeopardy suspends a flip": func(o *Order, p *Plan) {
			o.PortingState, o.Live = routing.Jeopardy, &Live{Cutover: "c", Purpose: Arrive, Phase: Armed, Revision: "r"}
		},
		"live.before: is no cutover that has flipped": func(o *Order, p *Plan) {
			o.Live = &Live{Cutover: "c", Purpose: Arrive, Phase: Flipped, Revision: "r", Before: &Live{}}
		},
		"window_close: ": func(o *Order, p *Plan) { p.WindowClose = p.WindowOpen },
		"window_close: the window is open for 339h": func(o *Order, p *Plan) { p.WindowClose.UTC = p.WindowOpen.UTC.Add(339 * time.Hour) },
		"at: is missing":                          func(o *Order, p *Plan) { p.At = Wall{} },
		"at: 2026":                                func(o *Order, p *Plan) { p.At.UTC = p.WindowClose.UTC.Add(1) },
		"on_close: means nothing":                 func(o *Order, p *Plan) { p.OnClose = FlipOnClose },
		"evidence: is not asked":                  func(o *Order, p *Plan) { p.Evidence = &Rules{} },
		"evidence: is missing":                    func(o *Order, p *Plan) { p.Mode = OnEvidence },
		"evidence: names no rule":                 func(o *Order, p *Plan) { *p = evidencePlan(); p.Evidence = &Rules{Need: NeedAny} },
		"evidence.lrns: is missing":               func(o *Order, p *Plan) { *p = evidencePlan(); p.Evidence.LRNs = nil },
		"evidence.native_ingress: proves nothing": func(o *Order, p *Plan) { *p = evidencePlan(); p.Purpose = Return },
		"evidence.native_ingress.originators: 0":  func(o *Order, p *Plan) { *p = evidencePlan(); p.Evidence.NativeIngress = &Threshold{0, 1, Span(1e9)} },
		"evidence.native_ingress.within: 48h0m0s": func(o *Order, p *Plan) {
			*p = evidencePlan()
			p.Evidence.NativeIngress = &Threshold{1, 1, Span(48e9 * 3600)}
		},
		"rollback.within: -1s":                              func(o *Order, p *Plan) { p.Rollback.Within = Span(-1e9) },
		"acknowledged[0].warning: edge_missing is an error": func(o *Order, p *Plan) { p.Acknowledged = []Ack{{"edge_missing", "a", "b"}} },
		"acknowledged[0].warning: \"x\" is no finding":      func(o *Order, p *Plan) { p.Acknowledged = []Ack{{"x", "a", "b"}} },
		"acknowledged[0].because: is missing":               func(o *Order, p *Plan) { p.Acknowledged = []Ack{{"no_replica", "a", ""}} },
	} {
		o, p := goodOrder(), goodPlan()
		if o.Check() != nil || p.Check() != nil {
			t.Fatal(o.Check(), p.Check())
		}
		spoil(&o, &p)
		text := ""
		for _, err := range []error{o.Check(), p.Check()} {
			if err != nil {
				text += err.Error() + "\n"
			}
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q", want, text)
		}
	}
}

func span(from routing.PublicNumber, count int) Numbers {
	l := make(Numbers, count)
	for i := range l {
		l[i] = from + routing.PublicNumber(i)
	}
	return l
}

// bigOrder is as large as they come, every record of it in a map.
func bigOrder() (Order, Plan, Facts) {
	o, p, f := goodOrder(), goodPlan(), goodFacts()
	o.Numbers = span(12025000000, MaxNumbers)
	o.BillingNumber = o.Numbers[0]
	f.Record = func(n routing.PublicNumber) (routing.Number, bool) {
		return routing.Number{PublicNumber: n, NumberType: routing.Local, PortingState: routing.FOCConfirmed, RoutingAuthority: routing.Legacy,
			LosingProvider: "north", CustomerAssignment: "acme"}, true
	}
	f.InCutover = func(routing.PublicNumber) (cutover.ID, bool) { return "", false }
	f.InOrder = func(routing.PublicNumber) (ID, bool) { return "", false }
	for _, n := range o.Numbers {
		r, _ := f.Record(n)
		f.Customer = append(f.Customer, r)
	}
	return o, p, f
}

func TestTheLargestOrder(t *testing.T) {
	o, p, f := bigOrder()
	if found := Lint(&o, &p, &f).Findings; len(found) > 0 {
		t.Fatal(found)
	}
	text, err := Encode(&o)
	if err != nil || len(text) > maxDocument {
		t.Fatal(len(text), err)
	}
	if back, err := DecodeOrder(text, nil); err != nil || len(back.Numbers) != MaxNumbers {
		t.Fatal(err)
	}
	f.Record = func(routing.PublicNumber) (routing.Number, bool) { return routing.Number{}, false }
	found := Lint(&o, &p, &f).Findings
	if len(found) != 1 || found[0].Count != MaxNumbers || len(found[0].Numbers) != examples {
		t.Fatal(found)
	}
}

func BenchmarkLint100000(b *testing.B) {
	o, p, f := bigOrder()
	for b.Loop() {
		Lint(&o, &p, &f)
	}
}

func BenchmarkDigest100000(b *testing.B) {
	o, p, _ := bigOrder()
	for b.Loop() {
		ToArm(&o, &p).Digest()
	}
}

func BenchmarkDecode100000(b *testing.B) {
	o, _, _ := bigOrder()
	text, _ := Encode(&o)
	for b.Loop() {
		if _, err := DecodeOrder(text, nil); err != nil {
			b.Fatal(err)
		}
	}
}
