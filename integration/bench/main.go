// Command bench answers: what does a call cost, beside Kamailio, in the same run?
//
// It builds the edge, starts a redis-server, two SIPp gateways and SIPp callers
// on the loopback, and lets the systems take turns between them. Every load is
// bounded; everything it starts ends with it. See --help.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/speakops/sipedge/integration/bench/site"
)

const about = `Side by side: the edge, Kamailio and the bare sockets, between the same SIPp
callers, gateways and Redis. Times of two runs do not compare; ratios of one run do.
Takes the whole machine while it runs. Needs sipp, redis-server, and kamailio with
kamailio-redis-modules (Debian packages).`

type command struct {
	Compare    compare    `cmd:"" default:"withargs" help:"A ladder of rates for each system in turn."`
	Transports transports `cmd:"" help:"The edge behind UDP, TCP and TLS trunks."`
	Scale      scale      `cmd:"" help:"The edge with 1,000 to 10 million numbers, and with 10 to 10,000 trunks, gateways and source ranges."`
	Memory     memory     `cmd:"" help:"Memory of the edge after a minute at a rate, and again after another."`
	Hold       hold       `cmd:"" help:"Memory of each established call while many are held."`
	Overload   overload   `cmd:"" help:"The edge at twice its capacity: what callers still get that ignore it, and such that speak RFC 7339 or 7415."`
	Telemetry  telemetry  `cmd:"" help:"The edge with all telemetry on, against all off."`
	Micro      micro      `cmd:"" help:"Go benchmarks of what every call passes, against the committed baseline."`

	Numbers int    `default:"100000" help:"Numbers in the store."`
	Called  int    `default:"4000" help:"Of these, how many are called."`
	Dir     string `help:"Scratch folder, kept; default: a temporary one, removed."`
	Edge    string `env:"SIPEDGE_BIN" help:"A built sipedge; default: build one."`
}

// bench is one run of the command: a site and the built programs.
type bench struct {
	*site.Site
	edge, floor string
	root        string
}

func main() {
	var c command
	k := kong.Parse(&c, kong.Name("bench"), kong.Description(about), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.FatalIfErrorf(c.run(ctx, k))
}

func (c *command) run(ctx context.Context, k *kong.Context) (err error) {
	k.BindTo(ctx, (*context.Context)(nil))
	if k.Command() == "micro" { // needs no site
		return k.Run(programRoot(root()))
	}
	dir := c.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "sipedge-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	b := &bench{root: root(), edge: c.Edge, floor: filepath.Join(dir, "floor")}
	for _, tool := range []string{"sipp", "redis-server"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: ./integration/test installs it", tool)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if b.edge == "" {
		b.edge = filepath.Join(dir, "sipedge")
		err = b.build(ctx, b.edge, "./cmd/sipedge")
	}
	if err = errors.Join(err, b.build(ctx, b.floor, "./integration/bench/floor")); err != nil {
		return err
	}
	note("%d numbers, of which %d are called", c.Numbers, c.Called)
	if b.Site, err = site.Open(ctx, filepath.Join(dir, "site"), c.Numbers, c.Called); err != nil {
		return err
	}
	defer b.Site.Close()
	return k.Run(b)
}

func (b *bench) build(ctx context.Context, out, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	cmd.Dir = b.root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// programRoot is the folder of go.mod.
type programRoot string

// root finds it.
func root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// note tells of progress, on standard error: figures go to standard output.
func note(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// machineLine is what a reader of figures must know of the machine.
func machineLine() string {
	model := "unknown processor"
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.SplitSeq(string(b), "\n") {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			model = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			break
		}
	}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s; %d × %s, Linux %s, %s", time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), model,
		strings.TrimSpace(string(release)), runtime.Version())
}
