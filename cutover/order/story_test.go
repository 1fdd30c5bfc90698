package order

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the stories mean the same on a machine without zones

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/*.story")

// TestStories reads testdata/*.story, a porting desk's notebook. Every notebook
// begins with an order of three numbers whose plan lint has nothing to say
// about. A line changes that world, or asks, and gives the answer behind it:
//
//	now 2026-03-02T15:00:00Z
//	order scope="partial"                        any key of the order, as JSON
//	plan rollback={"when":"..."}                 or of the plan; null removes it
//	entered plan.at 2026-03-08 02:30 America/Chicago    a wall time, as a person enters it
//	record +12025550100 porting_state=armed      any key of the number's record
//	forget +12025550100
//	customer +12025550177 losing_provider=north  another record of the customer
//	in cutover c-9 +12025550100 / in order o-9 +12025550100
//	edge e1 error=300ms table=20m heartbeat=9s notready=... off legacy=0/2
//	route legacy-main target=pstn_same_tn rescue authority=speakops none
//	store unrecovered pending=r9 replicas=0
//	zone America/Chicago is UTC                  the rules change
//	lint -> ...                                  one line for each finding
//	EVENT {json} -> state, cutover, effects      or the refusal
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	told := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".story"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newStory()
			var out strings.Builder
			for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
				if strings.HasPrefix(line, "\t") {
					continue // an answer
				}
				answers, err := s.line(line)
				if err != nil {
					t.Fatalf("%s:%d: %s\n%v", file, i+1, line, err)
				}
				out.WriteString(line + "\n")
				for _, a := range answers {
					out.WriteString("\t" + strings.ReplaceAll(a, "\n", "\n\t") + "\n")
				}
			}
			for _, name := range s.told {
				told[name] = true
			}
			if s.asked == 0 {
				t.Errorf("%s asks nothing", file)
			}
			if *update {
				if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if out.String() != string(text) {
				t.Errorf("%s tells another story now:\n%s", file, diff(string(text), out.String()))
			}
		})
	}
	for _, k := range Catalogue() {
		if !told[k.Name] {
			t.Errorf("no story tells of %s", k.Name)
		}
	}
}

func diff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < len(w) && i < len(g); i++ {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\n got %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines instead of %d", len(g), len(w))
}

// story is the world of one notebook.
type story struct {
	o        Order
	p        Plan
	f        Facts
	records  map[routing.PublicNumber]routing.Number
	cutovers map[routing.PublicNumber]cutover.ID
	orders   map[routing.PublicNumber]ID
	zones    map[string]string
	asked    int
	told     []string
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

func wall(s string) Wall {
	w, err := ParseWall(s)
	if err == nil {
		w, err = w.Resolve(time.LoadLocation)
	}
	if err != nil {
		panic(err)
	}
	return w
}

// goodOrder and goodPlan are what lint has nothing to say about.
func goodOrder() Order {
	return Order{
		ID: "o-1", Kind: PortIn, NumberType: routing.Local, Scope: Full,
		Numbers:        Numbers{12025550100, 12025550101, 12025550102},
		BillingNumber:  12025550100,
		LosingProvider: "north", GainingProvider: "telnyx", CustomerAssignment: "acme",
		Checklist: Checklist{Done, Done, NotNeeded, Done, NotNeeded},
		Revision:  1,
		Standing: Standing{
			PortingState: routing.FOCConfirmed,
			Validation:   Validation{State: Validated, At: at("2026-02-20T12:00:00Z")},
			LOA:          &LOA{Version: "1", Signed: at("2026-02-18T12:00:00Z")},
			FOC:          &FOC{Version: "v1", Due: wall("2026-03-03T11:00 America/Chicago"), Received: at("2026-02-25T12:00:00Z")},
		},
	}
}

func goodPlan() Plan {
	return Plan{
		ID: "c-1", Order: "o-1", Revision: 1, Author: "anna", Purpose: Arrive, Mode: Scheduled, FOC: "v1",
		WindowOpen: wall("2026-03-03T10:00 America/Chicago"), WindowClose: wall("2026-03-03T14:00 America/Chicago"), At: wall("2026-03-03T11:00 America/Chicago"),
		Rollback: Rollback{Within: Span(4 * time.Hour), When: "no call on the new side in ten minutes", By: "bo"},
	}
}

func goodFacts() Facts {
	now := at("2026-03-02T15:00:00Z")
	edge := func(id cutover.MemberID) EdgeFacts {
		return EdgeFacts{ID: id, Member: true, Heartbeat: now, Error: 2 * time.Millisecond, Table: now,
			Health: map[routing.RouteID]RouteHealth{"legacy-main": {2, 2}, "speakops-main": {1, 1}}}
	}
	return Facts{
		Now: now, Zones: time.LoadLocation, Fleet: cutover.Fleet{Guard: time.Second, Lead: 3 * time.Second, PrepareTimeout: 5 * time.Second},
		MaxError: 250 * time.Millisecond, MaxTableAge: 15 * time.Minute, MaxHeartbeat: 5 * time.Second,
		Routes: map[routing.RouteID]*routing.Route{
			"legacy-main":   {ID: "legacy-main", Authority: routing.Legacy},
			"speakops-main": {ID: "speakops-main", Authority: routing.SpeakOps},
		},
		Legacy: "legacy-main", SpeakOps: "speakops-main",
		Edges: []EdgeFacts{edge("e1~1"), edge("e2~1"), edge("e3~1")},
		Store: StoreFacts{Recovered: true, Replicas: 1},
	}
}

func newStory() *story {
	s := &story{o: goodOrder(), p: goodPlan(), f: goodFacts(), records: map[routing.PublicNumber]routing.Number{},
		cutovers: map[routing.PublicNumber]cutover.ID{}, orders: map[routing.PublicNumber]ID{}, zones: map[string]string{}}
	for _, n := range s.o.Numbers {
		s.records[n] = routing.Number{PublicNumber: n, NumberType: routing.Local, PortingState: routing.FOCConfirmed, RoutingAuthority: routing.Legacy,
			CurrentServingProvider: "north", LosingProvider: "north", CustomerAssignment: "acme"}
	}
	s.f.Record = func(n routing.PublicNumber) (routing.Number, bool) { r, ok := s.records[n]; return r, ok }
	s.f.InCutover = func(n routing.PublicNumber) (cutover.ID, bool) { id, ok := s.cutovers[n]; return id, ok }
	s.f.InOrder = func(n routing.PublicNumber) (ID, bool) { id, ok := s.orders[n]; return id, ok }
	s.f.Zones = func(name string) (*time.Location, error) {
		if other := s.zones[name]; other != "" {
			name = other
		}
		return time.LoadLocation(name)
	}
	return s
}

// line takes one line in and gives back what answers it.
func (s *story) line(line string) ([]string, error) {
	word, rest, _ := strings.Cut(line, " ")
	facts := map[string]func([]string) error{
		"record": s.record, "customer": s.record, "forget": s.record, "in": s.in, "edge": s.edge, "route": s.route, "store": s.store, "zone": s.zone,
	}
	switch {
	case line == "" || line[0] == '#':
		return nil, nil
	case facts[word] != nil:
		return nil, facts[word](strings.Fields(line))
	case word == "now":
		s.f.Now = at(rest)
		for i := range s.f.Edges {
			s.f.Edges[i].Heartbeat, s.f.Edges[i].Table = s.f.Now, s.f.Now
		}
		return nil, nil
	case word == "order":
		return nil, change(&s.o, rest)
	case word == "plan":
		return nil, change(&s.p, rest)
	case word == "entered":
		return s.entered(rest)
	case line == "lint ->":
		return s.lint(), nil
	}
	body, asks := strings.CutSuffix(rest, "->")
	if !asks && word != "" {
		return nil, fmt.Errorf("neither a fact nor a question")
	}
	return s.event(strings.TrimSuffix(word, "->"), strings.TrimSpace(body))
}

// change sets one key of a document, "key=json".
func change[T any](v *T, set string) error {
	text, err := Encode(v)
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	key, value, _ := strings.Cut(set, "=")
	if all[key] = json.RawMessage(value); value == "null" {
		delete(all, key)
	}
	if text, err = json.Marshal(all); err != nil {
		return err
	}
	*v, err = Decode[T](text)
	return err
}

func (s *story) entered(rest string) ([]string, error) {
	s.asked++
	key, text, _ := strings.Cut(strings.TrimSuffix(rest, " ->"), " ")
	into := s.p.walls()[strings.TrimPrefix(key, "plan.")]
	if into == nil {
		return nil, fmt.Errorf("%s is no wall time", key)
	}
	w, err := ParseWall(text)
	if err == nil {
		w, err = w.Resolve(s.f.Zones)
	}
	if err != nil {
		return []string{err.Error()}, nil
	}
	*into = w
	return []string{w.String()}, nil
}

func (s *story) lint() []string {
	s.asked++
	var lines []string
	for _, f := range Lint(&s.o, &s.p, &s.f).Findings {
		lines = append(lines, f.String())
		s.told = append(s.told, f.Name)
	}
	if len(lines) == 0 {
		lines = []string{"nothing"}
	}
	return lines
}

func (s *story) event(word, body string) ([]string, error) {
	s.asked++
	if body == "" {
		body = "{}"
	}
	text := `{"event":"` + word + `"}`
	if body != "{}" {
		text = `{"event":"` + word + `",` + body[1:]
	}
	ev, err := DecodeEvent([]byte(text), s.f.Zones)
	if err != nil {
		return []string{"not an event: " + err.Error()}, nil
	}
	next, effects, err := s.o.Step(ev, s.f.Now)
	if err != nil {
		return []string{"refused: " + err.Error()}, nil
	}
	s.o = next
	lines := []string{s.standing()}
	for _, e := range effects {
		lines = append(lines, describe(e))
	}
	return lines, nil
}

func (s *story) standing() string {
	o := &s.o
	line := "porting_state=" + orNone(o.PortingState)
	if o.FOC != nil {
		line += " foc=" + o.FOC.Version
	}
	for _, e := range o.Exceptions {
		line += " open=" + string(e.Kind)
	}
	if l := o.Live; l != nil {
		line += fmt.Sprintf(" %s=%s", l.Cutover, l.Phase)
	}
	return line
}

func describe(e Effect) string {
	switch e := e.(type) {
	case CancelCutover:
		return fmt.Sprintf("cancel %s because %s", e.Cutover, e.Because)
	case SetState:
		return "write " + strings.Join(spellings(e.Path), " -> ")
	case Tell:
		return "tell " + e.What + ": " + e.Text
	case Page:
		return "page " + e.What + ": " + e.Text
	}
	return fmt.Sprintf("%#v", e)
}

func (s *story) record(f []string) error {
	var n routing.PublicNumber
	if err := n.UnmarshalText([]byte(f[1])); err != nil {
		return err
	}
	r := s.records[n]
	if f[0] == "customer" {
		r = routing.Number{NumberType: routing.Local, RoutingAuthority: routing.Legacy, CustomerAssignment: "acme"}
	}
	r.PublicNumber = n
	for _, word := range f[2:] {
		key, v, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "number_type":
			r.NumberType, err = routing.ParseNumberType(v)
		case "porting_state":
			r.PortingState, err = routing.ParsePortingState(v)
		case "routing_authority":
			r.RoutingAuthority, err = routing.ParseRoutingAuthority(v)
		case "current_serving_provider":
			r.CurrentServingProvider = routing.ProviderID(v)
		case "losing_provider":
			r.LosingProvider = routing.ProviderID(v)
		case "underlying_carrier":
			r.UnderlyingCarrier = routing.CarrierID(v)
		case "customer_assignment":
			r.CustomerAssignment = routing.CustomerID(v)
		case "legacy_route":
			r.LegacyRoute = routing.RouteID(v)
		case "override":
			r.Override = routing.Override{Kind: routing.ForceLegacy, From: s.f.Now, Until: at(v), Reason: "test", Author: "cyd"}
		default:
			err = fmt.Errorf("%q means nothing here", word)
		}
		if err != nil {
			return err
		}
	}
	switch f[0] {
	case "forget":
		delete(s.records, n)
	case "customer":
		s.f.Customer = append(s.f.Customer, r)
	default:
		s.records[n] = r
	}
	return nil
}

func (s *story) in(f []string) error {
	var n routing.PublicNumber
	if f[1] == "cutover" {
		err := n.UnmarshalText([]byte(f[3]))
		s.cutovers[n] = cutover.ID(f[2])
		return err
	}
	err := n.UnmarshalText([]byte(f[3]))
	s.orders[n] = ID(f[2])
	return err
}

func (s *story) edge(f []string) (err error) {
	for i := range s.f.Edges {
		e := &s.f.Edges[i]
		if !strings.HasPrefix(string(e.ID), f[1]) && f[1] != "all" {
			continue
		}
		for _, word := range f[2:] {
			key, v, _ := strings.Cut(word, "=")
			var d time.Duration
			switch key {
			case "error":
				e.Error, err = time.ParseDuration(v)
			case "table":
				if v == "never" {
					e.Table = time.Time{}
					continue
				}
				d, err = time.ParseDuration(v)
				e.Table = s.f.Now.Add(-d)
			case "heartbeat":
				d, err = time.ParseDuration(v)
				e.Heartbeat = s.f.Now.Add(-d)
			case "notready":
				e.NotReady = v
			case "off":
				e.Off = true
			default:
				var h RouteHealth
				if v == "none" {
					delete(e.Health, routing.RouteID(key+"-main"))
					continue
				}
				_, err = fmt.Sscanf(v, "%d/%d", &h.Alive, &h.Of)
				e.Health[routing.RouteID(key+"-main")] = h
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *story) route(f []string) (err error) {
	r := s.f.Routes[routing.RouteID(f[1])]
	for _, word := range f[2:] {
		key, v, _ := strings.Cut(word, "=")
		switch key {
		case "target":
			r.Target, err = routing.ParseLegacyTarget(v)
		case "authority":
			r.Authority, err = routing.ParseRoutingAuthority(v)
		case "rescue":
			r.Rescue = true
		case "none":
			delete(s.f.Routes, r.ID)
		}
	}
	return err
}

func (s *story) store(f []string) error {
	for _, word := range f[1:] {
		key, v, _ := strings.Cut(word, "=")
		switch key {
		case "unrecovered":
			s.f.Store.Recovered = false
		case "pending":
			s.f.Store.Pending = cutover.RevisionID(v)
		case "replicas":
			if _, err := fmt.Sscan(v, &s.f.Store.Replicas); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *story) zone(f []string) error {
	s.zones[f[1]] = f[3]
	return nil
}
