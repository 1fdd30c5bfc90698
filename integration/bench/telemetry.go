package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/integration/bench/site"
	"github.com/speakops/sipedge/sipedge/admin"
)

type telemetry struct {
	Rate    int           `default:"2000" help:"Calls per second."`
	For     time.Duration `default:"8s" help:"Length of a turn."`
	Rounds  int           `default:"3" help:"Turns of each."`
	Bound   float64       `default:"10" help:"Percent that all of it may cost; 0: no bound."`
	Each    bool          `help:"Also each part by itself."`
	Only    []string      `help:"Instead of all: these parts (log, metrics, ladders, traces, homer, homer_udp, all, down), each by itself."`
	Profile string        `type:"path" help:"Folder for a CPU profile of each turn of the last round."`
}

// part is one thing an edge does for those who look at it.
type part struct {
	name, off, on string
	down          string // instead of on, where its backend is not there; "": it has none
	apart         bool   // not in "all": it does what another part does
}

// parts are all of them, as YAML below telemetry. Records are written in every
// turn: they are evidence, not telemetry.
func parts(otlp, homer string) []part {
	const nobody = "127.0.0.1:9"
	traces := func(at string) string { return fmt.Sprintf("otlp: { endpoint: \"http://%s\", sample: 0.01 }", at) }
	mirror := func(at string) string { return fmt.Sprintf("hep: { address: \"tcp://%s\" }", at) }
	return []part{
		{name: "log", off: "log: { level: warn, format: json }", on: "log: { level: info, format: json }"},
		{name: "metrics", off: "prometheus: false", on: "prometheus: true"},
		{name: "ladders", off: "ladders: { memory: 0 }"},
		{name: "traces", on: traces(otlp), down: traces(nobody)},
		{name: "homer", on: mirror(homer), down: mirror(nobody)},
	}
}

// config is the telemetry of an edge that does what is named, or "all", or all of
// it for backends that are "down".
func config(all []part, name string) string {
	var b strings.Builder
	b.WriteString("telemetry:\n")
	for _, p := range all {
		text := p.off
		switch {
		case name == "down" && p.down != "":
			text = p.down
		case name == p.name || (name == "all" || name == "down") && !p.apart:
			text = p.on
		}
		if text != "" {
			b.WriteString("  " + text + "\n")
		}
	}
	return b.String()
}

// Run compares an edge that logs, traces, mirrors and keeps everything with one
// that does none of it, and with one whose backends are down, turn by turn.
func (t *telemetry) Run(ctx context.Context, b *bench) error {
	homer, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer homer.Close()
	go swallow(homer)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	datagrams, err := net.ListenPacket("udp4", "127.0.0.1:0") // never read
	if err != nil {
		return err
	}
	defer datagrams.Close()
	all := append(parts(collector.Listener.Addr().String(), homer.Addr().String()), part{name: "homer_udp", on: fmt.Sprintf("hep: { address: %q }", datagrams.LocalAddr()), apart: true})
	turns := append([]string{"off"}, t.Only...)
	for _, name := range t.Only {
		if name != "all" && name != "down" && !slices.ContainsFunc(all, func(p part) bool { return p.name == name }) {
			return fmt.Errorf("telemetry has no part %q", name)
		}
	}
	if len(t.Only) == 0 {
		turns = append(turns, "all", "down")
	}
	for _, p := range all {
		if t.Each {
			turns = append(turns, p.name)
		}
	}
	costs := map[string][]float64{}
	for round := range t.Rounds {
		for _, name := range slices.Clone(turns) {
			cost, err := t.turn(ctx, b, name, config(all, name), round == t.Rounds-1)
			if err != nil {
				return err
			}
			costs[name] = append(costs[name], cost)
		}
		slices.Reverse(turns) // whoever goes first has the cooler machine
	}
	more := map[string]float64{}
	for name, list := range costs {
		slices.Sort(list)
		slices.Sort(costs["off"])
		more[name] = 100 * (list[len(list)/2]/costs["off"][len(list)/2] - 1)
	}
	for _, p := range append(all, part{name: "all"}, part{name: "down"}) {
		if list := costs[p.name]; list != nil {
			fmt.Printf("%-9s x_gen %.3f, off %.3f: %+.1f %%\n", p.name, list[len(list)/2], costs["off"][len(list)/2], more[p.name])
		}
	}
	if t.Bound > 0 && more["all"] > t.Bound {
		return fmt.Errorf("all telemetry costs %.1f %% CPU a call, more than %.0f", more["all"], t.Bound)
	}
	if costs["all"] != nil && more["down"] > more["all"]+noise {
		return fmt.Errorf("with its backends down telemetry costs %.1f %% CPU a call, %.1f when they are there", more["down"], more["all"])
	}
	return nil
}

// noise is how far two edges that do the same lie apart in one run, in percent.
const noise = 5

// swallow is a Homer that reads and forgets. It works in the bench's own process,
// whose time nobody counts.
func swallow(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}()
	}
}

// turn is one edge under load: its CPU over the generators'.
func (t *telemetry) turn(ctx context.Context, b *bench, name, extra string, profiled bool) (float64, error) {
	set := site.Settings{Extra: extra}
	var beside []func()
	if t.Profile != "" && profiled {
		set.Operator = admin.NewToken()
		beside = append(beside, func() { t.profile(ctx, b, name, set.Operator) })
	}
	rung, err := b.one(ctx, site.Edge("edge-"+name, "telemetry "+name, b.edge, set),
		site.Load{Rate: t.Rate, Calls: int(t.For.Seconds() * float64(t.Rate)), Hold: 50 * time.Millisecond}, beside...)
	if err == nil && (rung.Failed > rung.Calls/100 || name == "down" && rung.Failed > 0) {
		err = fmt.Errorf("telemetry %s: %d of %d calls failed", name, rung.Failed, rung.Calls)
	}
	return rung.XGen(), err
}

// profile takes a CPU profile of the edge's turn by way of its admin listener.
func (t *telemetry) profile(ctx context.Context, b *bench, name, token string) {
	url := fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", b.Admin, max(1, int(t.For.Seconds())-1))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+token)
		err = save(req, filepath.Join(t.Profile, name+".pprof"))
	}
	if err != nil {
		note("no profile: %v", err)
	}
}

func save(req *http.Request, file string) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o644)
}
