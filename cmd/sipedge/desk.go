package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/records"
)

// desk is what an edge writes on: its records and the journal of its dialogs.
type desk struct {
	encoder         *records.Encoder
	decisions, cdrs sipedge.Lines
	logs            map[string]*records.Log
	journal         *records.Journal
	adopted         []records.Dialog
}

// openDesk opens the files under data_dir; also is told of every CDR too.
func openDesk(cfg *configs.Edge, also sipedge.Lines) (*desk, error) {
	d := &desk{encoder: &records.Encoder{Edge: cfg.Edge.ID}, logs: map[string]*records.Log{}}
	dir := filepath.Join(cfg.Edge.DataDir, "records")
	for _, one := range []struct {
		how, name string
		into      *sipedge.Lines
	}{{cfg.Records.Decisions, "decisions", &d.decisions}, {cfg.Records.CDR, "cdr", &d.cdrs}} {
		if one.how != "file" {
			continue
		}
		l, err := records.OpenLog(records.LogOptions{Dir: dir, Name: one.name, Edge: cfg.Edge.ID, MaxBytes: int64(cfg.Records.MaxBytes)})
		if err != nil {
			return nil, err
		}
		d.logs[one.name] = l
		*one.into = l
	}
	if also != nil {
		d.cdrs = both{also, d.cdrs}
	}
	var err error
	d.journal, d.adopted, err = records.OpenJournal(filepath.Join(cfg.Edge.DataDir, "journal"), records.JournalOptions{})
	return d, err
}

// both hands each line to two takers; the second may be nil.
type both [2]sipedge.Lines

// Append implements sipedge.Lines.
func (b both) Append(line []byte) bool {
	ok := b[0].Append(line)
	return (b[1] == nil || b[1].Append(line)) && ok
}

// lost yields what found no room in the records.
func (d *desk) lost(yield func(log string, n uint64)) {
	for name, l := range d.logs {
		yield(name, l.Stats().Lost)
	}
}

// trouble yields for each log and the journal why it cannot be written, "" while
// it can.
func (d *desk) trouble(yield func(log, why string)) {
	for name, l := range d.logs {
		s := l.Stats()
		yield(name, s.Trouble())
	}
	s := d.journal.Stats()
	if !s.Failing {
		s.Error = "" // of a compaction, which costs only room
	}
	yield("journal", s.Error)
}

// overseen is an edge's health, and that of its desk.
type overseen struct {
	edge admin.Health
	desk *desk
}

// Health implements admin.Health. Calls go on without records, so the edge stays
// ready: what it can no longer prove is for people to weigh.
func (o overseen) Health() admin.Report {
	r := o.edge.Health()
	o.desk.trouble(func(log, why string) {
		if why != "" {
			r.Degraded = append(r.Degraded, admin.Reason{Because: "records", Detail: log + " cannot be written, calls go on and lines wait in memory: " + why})
		}
	})
	return r
}

// watchEvery is how often the desk is looked at.
const watchEvery = time.Second

// watch says once when a log cannot be written, and once when it can again and
// how many lines found no room meanwhile.
func (d *desk) watch(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	down, before := map[string]bool{}, map[string]uint64{}
	for {
		lost := map[string]uint64{}
		d.lost(func(name string, n uint64) { lost[name] = n })
		d.trouble(func(name, why string) {
			switch {
			case why != "" && !down[name]:
				log.Error("records cannot be written: calls go on, lines wait in memory and are counted once that is full", "log", name, "error", why)
			case why == "" && down[name]:
				log.Info("records are written again", "log", name, "lost", lost[name]-before[name])
			}
			if down[name] = why != ""; why == "" {
				before[name] = lost[name]
			}
		})
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// close writes what waits, for at most five seconds.
func (d *desk) close(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := d.journal.Close(ctx)
	for _, l := range d.logs {
		err = errors.Join(err, l.Close(ctx))
	}
	if err != nil {
		log.Error("records are not all on disk", "error", err)
	}
}

// openAdmin opens the windows: health, metrics, status, and the few changes that
// are allowed while the edge runs.
func openAdmin(ctx context.Context, cfg *configs.Edge, edge *sipedge.Edge, fleet *party, d *desk, views *windows, r admin.Reloader, log *slog.Logger, more ...admin.Resource) (*admin.Server, error) {
	o := admin.Options{Address: cfg.Admin.Listen.String(), Insecure: cfg.Admin.Insecure, Version: readVersion()}
	var err error
	if o.Tokens, err = tokensOf(cfg); err != nil {
		return nil, badConfig{err}
	}
	if cfg.Admin.TLS != nil {
		if o.TLS, err = cfg.Admin.TLS.Config(); err != nil {
			return nil, badConfig{err}
		}
	}
	p := admin.Parts{
		Health: overseen{edge, d}, Log: log, Panicked: edge.Metrics().Panicked, Routes: admin.Profiles(),
		Resources: append(more,
			admin.StatusOf(edge), admin.GatewaysOf(edge), admin.TrunksOf(edge), admin.LimitsOf(edge), admin.OffendersOf(edge),
			admin.ReloadBy(r), admin.ExplainBy(edge), admin.BuildInfo()),
	}
	if views.ladders != nil {
		p.Resources = append(p.Resources, admin.CallsOf(views.ladders))
	}
	from := edge.Sources()
	from.RecordsLost = func(yield func(string, uint64)) { d.lost(yield); views.lost(yield) }
	from.RecordsDown = func(yield func(string, bool)) { d.trouble(func(name, why string) { yield(name, why != "") }) }
	fleet.sources(&from)
	exporter, err := observe.NewExporter(edge.Metrics(), from, views.more...)
	if err != nil {
		return nil, err
	}
	views.metrics = exporter
	if cfg.Telemetry.Prometheus {
		p.Routes = append(p.Routes, admin.Route{Method: http.MethodGet, Path: "/metrics", Role: admin.Viewer,
			Handle: func(w http.ResponseWriter, r *http.Request) error { exporter.ServeHTTP(w, r); return nil }})
	}
	return admin.Open(ctx, o, p)
}

// tokensOf are the tokens of a configuration.
func tokensOf(cfg *configs.Edge) ([]admin.Token, error) {
	var all []admin.Token
	for _, t := range cfg.Admin.Tokens {
		role, err := admin.ParseRole(t.Role)
		if err != nil {
			return nil, err
		}
		if !t.Usable() {
			t.Hash = admin.Hash(admin.NewToken()) // it was warned of: nobody has this token
		}
		all = append(all, admin.Token{Name: t.Name, Role: role, Hash: t.Hash})
	}
	return all, nil
}
