package routing

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/*.story")

// TestStories reads testdata/*.story, a porting desk's notebook. A line states a
// fact, or asks a question before "->" and gives its answer behind it:
//
//	number +12025550143 porting_state=armed routing_authority=legacy ...
//	override +12025550143 force_legacy from=10:00 until=11:00
//	cutover c-7 revision=1 legacy until 10:00:00 then speakops     of the last number
//	prepared c-7 revision=2 legacy                                 the same, outcome unknown
//	prepared nothing / outcome committed / outcome aborted / settled speakops
//	route elsewhere legacy target=pstn_same_tn gateways=p1,p2 rescue
//	default legacy elsewhere
//	dark l1,l2 / alive l1
//	table confirmed=09:00 max_age=15m
//	clock max_hold=500ms
//	10:00:00.000 +-0.5ms to=+1.. forced=speakops psap looped -> hold until=...
//
// Unless said otherwise legacy goes by l1,l2 and speakops by s1,s2, in that
// order, everything is alive, and the table is fresh.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.story")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".story"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newStory()
			var out strings.Builder
			for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
				got, err := s.line(line)
				if err != nil {
					t.Fatalf("%s:%d: %s\n%v", file, i+1, line, err)
				}
				if got != line && !*update {
					t.Errorf("%s:%d:\n got %s\nwant %s", file, i+1, got, line)
				}
				out.WriteString(got + "\n")
			}
			if s.asked == 0 {
				t.Errorf("%s asks nothing", file)
			}
			if *update {
				if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// story is the world of one notebook.
type story struct {
	world     *World
	schedules map[PublicNumber]Schedule
	gateways  []GatewayID
	dark      map[GatewayID]bool
	last      PublicNumber
	numbers   map[PublicNumber]Number
	always    bool // the table is confirmed at every question
	revision  uint64
	asked     int
}

func newStory() *story {
	s := &story{
		schedules: map[PublicNumber]Schedule{},
		numbers:   map[PublicNumber]Number{},
		dark:      map[GatewayID]bool{},
		always:    true,
	}
	s.world = &World{Table: &Table{}, Freshness: &Freshness{}, MaxAge: 15 * time.Minute, Routes: map[RouteID]*Route{}}
	s.world.Schedules = func(n PublicNumber) (Schedule, bool) { l, ok := s.schedules[n]; return l, ok }
	s.world.Health = func(i int) bool { return !s.dark[s.gateways[i]] }
	for _, line := range []string{
		"route legacy-main legacy gateways=l1,l2", "default legacy legacy-main",
		"route speakops-main speakops gateways=s1,s2", "default speakops speakops-main",
	} {
		if _, err := s.line(line); err != nil {
			panic(err)
		}
	}
	return s
}

// line takes one line in and gives it back, a question with its answer.
func (s *story) line(line string) (string, error) {
	f := strings.Fields(line)
	if len(f) == 0 || strings.HasPrefix(f[0], "#") {
		return line, nil
	}
	facts := map[string]func([]string) error{
		"number": s.number, "override": s.override, "cutover": s.cutover, "prepared": s.prepared, "outcome": s.outcome, "settled": s.settled, "route": s.route,
		"default": s.fallback, "dark": s.health, "alive": s.health, "table": s.table, "clock": s.clock, "forget": s.forget,
	}
	if fact := facts[f[0]]; fact != nil {
		return line, fact(f)
	}
	question, _, ok := strings.Cut(line, "->")
	if !ok {
		return "", fmt.Errorf("neither a fact nor a question")
	}
	answer, err := s.ask(strings.Fields(question))
	return strings.TrimRight(question, " ") + " -> " + answer, err
}

const day = "2026-03-01"

func instant(s string) (time.Time, error) {
	if len(s) == len("10:00") {
		s += ":00"
	}
	return time.Parse("2006-01-02T15:04:05.999999999", day+"T"+s)
}

func (s *story) ask(f []string) (string, error) {
	s.asked++
	read, err := instant(f[0])
	if err != nil || len(f) < 2 {
		return "", fmt.Errorf("want an instant and +-error: %v", err)
	}
	wrong, err := time.ParseDuration(strings.TrimPrefix(f[1], "+-"))
	if err != nil {
		return "", err
	}
	call := Call{To: s.last, Trunk: "t"}
	for _, word := range f[2:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "to":
			if call.To = 0; value != "nobody" {
				err = call.To.UnmarshalText([]byte(value))
			}
		case "forced":
			call.Forced, err = ParseRoutingAuthority(value)
		case "psap":
			call.PSAP = true
		case "looped":
			call.Looped = true
		default:
			err = fmt.Errorf("%q means nothing here", word)
		}
		if err != nil {
			return "", err
		}
	}
	at := Around(read, wrong)
	if s.always {
		s.world.Freshness.Confirm(at.Latest)
	}
	d := Decide(s.world, at, call)
	steps := Explain(s.world, at, call)
	if end := steps[len(steps)-1]; end.Rule != "decision" || end.Says != d.String() {
		return "", fmt.Errorf("explained as %s, decided %s", end.Says, d)
	}
	if d.Kind == KindHold && (d.Wait(at) <= 0 || d.Wait(at) > at.Width()) {
		return "", fmt.Errorf("held for %s with a clock of +-%s", d.Wait(at), wrong)
	}
	text := d.String()
	if i := strings.Index(text, day+"T"); i >= 0 {
		text = strings.Replace(text, day+"T", "", 1)
		text = strings.Replace(text, "Z", "", 1)
	}
	return text, nil
}

func (s *story) number(f []string) error {
	var n Number
	if err := n.PublicNumber.UnmarshalText([]byte(f[1])); err != nil {
		return err
	}
	for _, word := range f[2:] {
		key, v, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "number_type":
			n.NumberType, err = ParseNumberType(v)
		case "porting_state":
			n.PortingState, err = ParsePortingState(v)
		case "routing_authority":
			n.RoutingAuthority, err = ParseRoutingAuthority(v)
		case "current_serving_provider":
			n.CurrentServingProvider = ProviderID(v)
		case "losing_provider":
			n.LosingProvider = ProviderID(v)
		case "customer_assignment":
			n.CustomerAssignment = CustomerID(v)
		case "legacy_route":
			n.LegacyRoute = RouteID(v)
		case "speakops_route":
			n.SpeakOpsRoute = RouteID(v)
		default:
			err = fmt.Errorf("%q means nothing here", word)
		}
		if err != nil {
			return err
		}
	}
	s.last = n.PublicNumber
	return s.put(n)
}

func (s *story) put(n Number) error {
	s.revision++
	n.Revision = s.revision
	s.numbers[n.PublicNumber] = n
	if !s.world.Table.Put(n) {
		return fmt.Errorf("the table did not take %s", n.PublicNumber)
	}
	return nil
}

func (s *story) forget(f []string) error {
	s.revision++
	if !s.world.Table.Delete(s.last, s.revision) {
		return fmt.Errorf("the table did not forget %s", s.last)
	}
	return nil
}

func (s *story) override(f []string) error {
	var to PublicNumber
	if err := to.UnmarshalText([]byte(f[1])); err != nil {
		return err
	}
	n, ok := s.numbers[to]
	if !ok {
		return fmt.Errorf("no such number")
	}
	n.Override = Override{Reason: "story", Author: "anna"}
	var err error
	if n.Override.Kind, err = ParseOverrideKind(f[2]); err != nil {
		return err
	}
	for _, word := range f[3:] {
		key, v, _ := strings.Cut(word, "=")
		switch key {
		case "from":
			n.Override.From, err = instant(v)
		case "until":
			n.Override.Until, err = instant(v)
		default:
			err = fmt.Errorf("%q means nothing here", word)
		}
		if err != nil {
			return err
		}
	}
	return s.put(n)
}

// cutover NAME revision=N AUTHORITY (until INSTANT then AUTHORITY)*
func (s *story) cutover(f []string) error {
	line, err := timelineOf(f)
	s.schedules[s.last] = Schedule{Committed: line}
	return err
}

func (s *story) prepared(f []string) error {
	schedule := s.schedules[s.last]
	schedule.Open = true
	var err error
	if f[1] != "nothing" {
		schedule.Prepared, err = timelineOf(f)
	}
	s.schedules[s.last] = schedule
	return err
}

func (s *story) outcome(f []string) error {
	schedule := s.schedules[s.last]
	if f[1] == "committed" {
		schedule.Committed = schedule.Prepared
	}
	schedule.Open, schedule.Prepared = false, nil
	s.schedules[s.last] = schedule
	return nil
}

func (s *story) settled(f []string) error {
	floor, err := ParseRoutingAuthority(f[1])
	s.schedules[s.last] = Schedule{Floor: Floor{true, floor}}
	return err
}

func timelineOf(f []string) (*Timeline, error) {
	revision, err := strconv.ParseUint(strings.TrimPrefix(f[2], "revision="), 10, 64)
	if err != nil {
		return nil, err
	}
	first, err := ParseRoutingAuthority(f[3])
	if err != nil {
		return nil, err
	}
	var turns []Turn
	for rest := f[4:]; len(rest) > 0; rest = rest[4:] {
		if len(rest) < 4 || rest[0] != "until" || rest[2] != "then" {
			return nil, fmt.Errorf("want: until INSTANT then AUTHORITY")
		}
		at, err := instant(rest[1])
		if err != nil {
			return nil, err
		}
		to, err := ParseRoutingAuthority(rest[3])
		if err != nil {
			return nil, err
		}
		turns = append(turns, Turn{at, to})
	}
	line, err := NewTimeline(revision, first, turns...)
	return &line, err
}

func (s *story) route(f []string) error {
	r := &Route{ID: RouteID(f[1])}
	var err error
	if r.Authority, err = ParseRoutingAuthority(f[2]); err != nil {
		return err
	}
	for _, word := range f[3:] {
		key, v, _ := strings.Cut(word, "=")
		switch key {
		case "target":
			r.Target, err = ParseLegacyTarget(v)
		case "builtin":
			r.Builtin = v
		case "rescue":
			r.Rescue = true
		case "gateways":
			for i, id := range strings.Split(v, ",") {
				r.Gateways = append(r.Gateways, Gateway{ID: GatewayID(id), Index: len(s.gateways), Priority: i + 1, Weight: 1})
				s.gateways = append(s.gateways, GatewayID(id))
			}
		default:
			err = fmt.Errorf("%q means nothing here", word)
		}
		if err != nil {
			return err
		}
	}
	s.world.Routes[r.ID] = r
	return nil
}

func (s *story) fallback(f []string) error {
	r := s.world.Routes[RouteID(f[2])]
	if r == nil && f[2] != "none" {
		return fmt.Errorf("no such route")
	}
	if f[1] == "legacy" {
		s.world.Legacy = r
	} else {
		s.world.SpeakOps = r
	}
	return nil
}

func (s *story) health(f []string) error {
	for _, id := range strings.Split(f[1], ",") {
		s.dark[GatewayID(id)] = f[0] == "dark"
	}
	return nil
}

func (s *story) table(f []string) error {
	s.always = false
	for _, word := range f[1:] {
		key, v, _ := strings.Cut(word, "=")
		switch key {
		case "confirmed":
			s.world.Freshness = &Freshness{}
			if v == "never" {
				continue
			}
			at, err := instant(v)
			if err != nil {
				return err
			}
			s.world.Freshness.Confirm(at)
		case "max_age":
			age, err := time.ParseDuration(v)
			if err != nil {
				return err
			}
			s.world.MaxAge = age
		}
	}
	return nil
}

func (s *story) clock(f []string) (err error) {
	s.world.HoldFor, err = time.ParseDuration(strings.TrimPrefix(f[1], "max_hold="))
	return err
}
