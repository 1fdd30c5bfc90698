package site

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// System is one proxy to compare: how it is started between the gateways.
type System struct {
	Name  string
	Note  string // what it does beside carrying calls
	argv  func(s *Site, dir string) (env, argv []string, err error)
	ready func(s *Site, dir string) bool // listens, and is ready beyond that; nil: as soon as it listens
	// prepare does what does not count, before the start.
	prepare func(ctx context.Context, s *Site, dir string) error
}

// Systems are all that can be compared, the reference first. sipedge and floor
// are paths of built programs.
func Systems(sipedge, floor string) []System {
	return []System{
		kamailio("kamailio-table", "table in memory, -x fm", "WITH_TABLE"),
		kamailio("kamailio-redis", "one Redis lookup per call, -x fm"),
		kamailio("kamailio-duties", "table in memory, sanity checks and accounting, -x fm", "WITH_TABLE", "WITH_DUTIES"),
		Edge("edge", "all features, decision records, CDRs and metrics", sipedge, Settings{}),
		Floor(floor, ""),
	}
}

// Floor is the bare datagrams, with the trunk by a transport.
func Floor(bin, transport string) System {
	return System{Name: "floor", Note: "the bytes alone, no SIP", argv: func(s *Site, dir string) ([]string, []string, error) {
		argv := []string{bin, addr(s.Proxy), addr(s.Legacy), addr(s.SpeakOps)}
		switch transport {
		case "tcp":
			argv = append(argv, "tcp")
		case "tls":
			argv = append(argv, "tls", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
			return nil, argv, certificate(dir)
		}
		return nil, argv, nil
	}}
}

func kamailio(name, note string, defines ...string) System {
	return System{Name: name, Note: note, prepare: seed, argv: func(s *Site, dir string) ([]string, []string, error) {
		argv := []string{"kamailio", "-DD", "-E", "-x", "fm", "-m", "4096", "-M", "16", "-b", "8388608",
			"-f", filepath.Join(s.Dir, "kamailio.cfg"), "-w", dir, "-Y", dir, "-P", filepath.Join(dir, "pid"),
			"-A", "CHILDREN=2", "-A", "PORT=" + strconv.Itoa(s.Proxy), "-A", "LEGACY=" + strconv.Itoa(s.Legacy),
			"-A", "SPEAKOPS=" + strconv.Itoa(s.SpeakOps), "-A", "REDIS=" + strconv.Itoa(s.Redis)}
		for _, d := range defines {
			argv = append(argv, "-A", d)
		}
		return nil, argv, nil
	}}
}

// Settings are what a measurement may change about the edge.
type Settings struct {
	Transport  string        // of the trunk: "udp" (or ""), "tcp", "tls"
	Trunks     int           // further trunks, each with two source ranges of its own
	Gateways   int           // further gateways, on a route nobody takes
	Extra      string        // YAML of further top-level sections
	QueueDelay time.Duration // target_queue_delay of overload control; 0: so long that it never interferes
	Operator   string        // token that the admin listener lets in, "" for none
	Env        []string
}

// Edge is sipedge with the numbers of the site imported.
func Edge(name, note, bin string, set Settings) System {
	return System{
		Name: name, Note: note,
		prepare: func(ctx context.Context, s *Site, dir string) error {
			if err := set.write(s, dir); err != nil {
				return err
			}
			if err := s.newFleet(ctx); err != nil {
				return err
			}
			out, err := exec.CommandContext(ctx, bin, "numbers", "import", "--config", filepath.Join(dir, "edge.yaml"), s.Records).CombinedOutput()
			if err != nil {
				return fmt.Errorf("sipedge numbers import: %w\n%s", err, out)
			}
			return nil
		},
		ready: loaded,
		argv: func(s *Site, dir string) ([]string, []string, error) {
			return set.Env, []string{bin, "serve", "--config", filepath.Join(dir, "edge.yaml")}, nil
		},
	}
}

// loaded says that an edge has its whole table and has kept it on disk, which it
// does once: only then a call costs what it costs all day.
func loaded(s *Site, dir string) bool {
	answer, err := http.Get("http://" + addr(s.Admin) + "/readyz")
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	kept, _ := filepath.Glob(filepath.Join(dir, "data", "*", "*.snapshot"))
	return answer.StatusCode == http.StatusOK && len(kept) > 0
}

// Running is a system in its place, its gateways beside it.
type Running struct {
	*System
	site     *Site
	dir      string
	proxy    *Process
	gateways []*gateway
}

// Start starts gateways and system in a folder of their own and waits until the
// system listens. Stop ends them.
func (s *Site) Start(ctx context.Context, sys System) (*Running, error) {
	s.runs++
	dir := filepath.Join(s.Dir, fmt.Sprintf("%02d-%s", s.runs, sys.Name))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	r := &Running{System: &sys, site: s, dir: dir}
	if err := r.start(ctx); err != nil {
		r.Stop()
		return nil, err
	}
	return r, nil
}

func (r *Running) start(ctx context.Context) error {
	s, sys, dir := r.site, r.System, r.dir
	for name, port := range map[string]int{"legacy": s.Legacy, "speakops": s.SpeakOps} {
		g, err := s.gateway(ctx, dir, name, port)
		if err != nil {
			return err
		}
		r.gateways = append(r.gateways, g)
	}
	if sys.prepare != nil {
		if err := sys.prepare(ctx, s, dir); err != nil {
			return fmt.Errorf("%s: %w", sys.Name, err)
		}
	}
	env, argv, err := sys.argv(s, dir)
	if err != nil {
		return err
	}
	if r.proxy, err = Start("proxy", dir, env, argv...); err != nil {
		return err
	}
	err = until(ctx, 5*time.Minute, sys.Name, func() bool { return r.proxy.Ended() || bound(s.Proxy) && (sys.ready == nil || sys.ready(s, dir)) })
	if err != nil {
		return err
	}
	if r.proxy.Ended() {
		return fmt.Errorf("%s ended at once; its log is %s", sys.Name, r.proxy.Log)
	}
	return pause(ctx, time.Second) // children fork
}

// Stop ends system and gateways and waits until their ports are free again.
func (r *Running) Stop() {
	if r.proxy != nil {
		r.proxy.Stop()
	}
	for _, g := range r.gateways {
		g.Stop()
	}
	_ = until(context.Background(), 5*time.Second, "free ports", func() bool {
		return !bound(r.site.Proxy) && !bound(r.site.Legacy) && !bound(r.site.SpeakOps)
	})
}

// Memory is what the system holds now, in bytes (PSS).
func (r *Running) Memory() int64 { return pss(family(r.proxy.PID())) }

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
