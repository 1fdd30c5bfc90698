package fleet

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/speakops/sipedge/integration/fleet/judge"
	"github.com/speakops/sipedge/integration/internal/lab"
)

// load starts a gateway for each side and a caller for each edge, rate calls a
// second in all, for at most so long.
func (w *town) load(rate int, most time.Duration, injected string) {
	w.t.Helper()
	bound := []string{"-i", here, "-timeout", strconv.Itoa(int(most.Seconds())+120) + "s", "-l", "8000",
		"-default_behaviors", "none"} // what nobody expects is left alone, and comes again
	w.gateways = map[string]*lab.Sipp{}
	for side, id := range map[string]string{"legacy": "legacy-a", "speakops": "speakops-a"} {
		w.gateways[side] = w.edges[0].lab.Gateway(id, "uas_fleet", 0, append(bound, "-r", "1000")...)
	}
	each := rate / len(w.edges)
	for _, e := range w.edges {
		w.callers = append(w.callers, e.lab.CallAt(e.house.place.Host, "uac_fleet", append(bound, "-inf", injected, "-key", "edge", e.name,
			"-r", strconv.Itoa(each), "-m", strconv.Itoa(each*int(most.Seconds())))...))
	}
}

// mix is an injection file: most calls are short, some last over a flip or over a
// restart, and either side hangs up.
func (w *town) mix(longest time.Duration) string {
	var b strings.Builder
	b.WriteString("RANDOM\n")
	per := min(max(2000/w.count, 2), 20) // lines for each number
	for i := range w.count * per {
		up, by := 200*time.Millisecond, [...]string{"caller", "gateway"}[i%2]
		switch i / 2 % 10 {
		case 0:
			up = longest
		case 1, 2:
			up = longest / 4
		}
		fmt.Fprintf(&b, "%s;%d;%s\n", number(i/per), up.Milliseconds(), by)
	}
	return w.file("calls.csv", b.String())
}

// hangUp lets no new call begin, waits for the last to end, and stops the gateways.
func (w *town) hangUp() {
	w.t.Helper()
	for _, c := range w.callers {
		c.Signal(syscall.SIGUSR1) // ends when its calls have
	}
	for _, c := range w.callers {
		w.until(c.Name+" to end its calls", c.Ended)
	}
	for _, g := range w.gateways {
		g.Signal(syscall.SIGUSR1)
	}
	for _, g := range w.gateways {
		w.until(g.Name+" to end", g.Ended)
	}
}

// evidence is everything that was written down. Edges may still run.
func (w *town) evidence() judge.Evidence {
	w.t.Helper()
	e := judge.Evidence{Numbers: map[string]string{}, Silent: map[string]bool{}}
	for i := range w.count {
		e.Numbers[number(i)] = fmt.Sprintf("c-%d", i/(w.count/w.orders))
	}
	for i, c := range w.callers {
		e.Calls = append(e.Calls, w.called(c.Log, w.edges[i].name)...)
	}
	for side, g := range w.gateways {
		e.Deliveries = append(e.Deliveries, w.delivered(g.Log, side)...)
	}
	for _, x := range w.edges {
		w.records(x, &e)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.outages {
		said := judge.Outage{Edge: o.edge, From: o.from, To: o.to, Why: o.why}
		e.Trouble = append(e.Trouble, said)
		if o.deaf {
			e.Outages = append(e.Outages, said)
		}
	}
	return e
}

// turn is one line of a SIPp log: its own date and time, then the instant in
// seconds, a word, and what belongs to it.
type turn struct {
	at               time.Time
	word, id, number string
	rest             string
}

func (w *town) turns(file string) []turn {
	w.t.Helper()
	var all []turn
	w.lines(file, func(_ int, line string) {
		f := strings.Fields(line)
		if len(f) < 6 {
			w.t.Fatalf("%s: %q is no line of a call", file, line)
		}
		seconds, micros, _ := strings.Cut(f[2], ".")
		s, err := strconv.ParseInt(seconds, 10, 64)
		us, err2 := strconv.ParseInt(micros, 10, 64)
		if err != nil || err2 != nil {
			w.t.Fatalf("%s: %q has no instant", file, line)
		}
		t := turn{at: time.UnixMicro(s*1e6 + us), word: f[3], id: f[4], number: f[5]}
		if len(f) > 6 {
			t.rest = f[6]
		}
		all = append(all, t)
	})
	return all
}

func (w *town) lines(file string, each func(n int, line string)) {
	w.t.Helper()
	f, err := os.Open(file)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4<<20)
	for n := 1; s.Scan(); n++ {
		each(n, s.Text())
	}
	if err := s.Err(); err != nil {
		w.t.Fatalf("%s: %v", file, err)
	}
}

// called reads a caller's log. Call-IDs of two SIPp differ by their pids.
func (w *town) called(file, edge string) []judge.Call {
	at, all := map[string]int{}, []judge.Call{}
	for _, t := range w.turns(file) {
		if t.word == "INVITE" {
			at[t.id] = len(all)
			all = append(all, judge.Call{ID: t.id, Number: t.number, Edge: edge, Asked: t.at})
			continue
		}
		i, known := at[t.id]
		if !known {
			w.t.Fatalf("%s: %s of a call that never began: %s", file, t.word, t.id)
		}
		switch c := &all[i]; t.word {
		case "UP":
			c.Up, c.By = t.at, t.rest
		case "DOWN":
			c.Down = t.at
		case "REFUSED":
			c.Refused = t.at
			c.Code, _ = strconv.Atoi(t.rest)
		}
	}
	return all
}

func (w *town) delivered(file, side string) []judge.Delivery {
	at, all := map[string]int{}, []judge.Delivery{}
	for _, t := range w.turns(file) {
		switch i := at[t.id]; t.word {
		case "INVITE":
			at[t.id] = len(all)
			all = append(all, judge.Delivery{ID: t.id, Number: t.number, Side: side, At: t.at})
		case "DOWN":
			all[i].Down = t.at
		}
	}
	return all
}

// records reads what an edge has in its data directory: decisions, and its copy of
// the journal. A line that a kill cut short is none.
func (w *town) records(x *edge, e *judge.Evidence) {
	w.t.Helper()
	err := filepath.WalkDir(filepath.Join(x.lab.Dir, x.name+".data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch name := d.Name(); {
		case strings.HasPrefix(name, "store-journal.jsonl"):
			w.lines(path, func(_ int, line string) {
				var entry judge.Entry
				if json.Unmarshal([]byte(line), &entry) == nil {
					e.Entries = append(e.Entries, entry)
				}
			})
		case strings.HasSuffix(name, ".jsonl"):
			w.lines(path, func(n int, line string) {
				if id, ok := silent(line); ok {
					e.Silent[id] = true
				}
				if one, ok := decision(line); ok {
					one.Where, one.Edge = fmt.Sprintf("%s %s:%d", x.name, name, n), x.name
					e.Decisions = append(e.Decisions, one)
				}
			})
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func decision(line string) (judge.Decision, bool) {
	var l struct {
		Kind      string    `json:"kind"`
		SIPCallID string    `json:"sip_call_id"`
		Number    string    `json:"public_number"`
		Decision  string    `json:"decision"`
		Authority string    `json:"routing_authority"`
		Because   string    `json:"because"`
		Revision  uint64    `json:"revision"`
		Code      int       `json:"code"`
		Earliest  time.Time `json:"earliest"`
		Latest    time.Time `json:"latest"`
		HeldMS    float64   `json:"held_ms"`
	}
	if json.Unmarshal([]byte(line), &l) != nil || l.Kind != "decision" {
		return judge.Decision{}, false
	}
	return judge.Decision{ID: l.SIPCallID, Number: l.Number, Kind: l.Decision, Authority: l.Authority, Because: l.Because, Revision: l.Revision, Code: l.Code,
		Earliest: l.Earliest, Latest: l.Latest, Held: time.Duration(l.HeldMS * float64(time.Millisecond))}, true
}

// silent reads the call detail record of a call for which every gateway was silent.
func silent(line string) (id string, yes bool) {
	var l struct {
		Kind      string `json:"kind"`
		SIPCallID string `json:"sip_call_id"`
		Outcome   string `json:"outcome"`
		Attempts  []struct {
			Result string `json:"result"`
		} `json:"attempts"`
	}
	if json.Unmarshal([]byte(line), &l) != nil || l.Kind != "cdr" || l.Outcome != "gateways_failed" {
		return "", false
	}
	for _, a := range l.Attempts {
		if a.Result != "silent" {
			return "", false
		}
	}
	return l.SIPCallID, len(l.Attempts) > 0
}
