package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type micro struct {
	Update bool    `help:"Write the figures down as the new baseline."`
	Count  int     `default:"5" help:"Runs of each benchmark; the fastest counts."`
	Time   string  `default:"0.3s" help:"Length of each run, or a count such as 1000x."`
	Slower float64 `default:"1.4" help:"Relative time from which a benchmark counts as slower; 0: look at allocations only."`
}

// onCallPath are the benchmarks of what every call passes.
var onCallPath = map[string]string{
	"./sipedge/transport/gate": "GateInvite",
	"./sipedge/message":        "Parse|AppendRequest|AppendResponse|Reply|CopyTo",
	"./sipedge/message/token":  "Seal|Open|Sum",
	"./sipedge/call":           "Step",
	"./sipedge":                "Deadlines",
	"./sipedge/profile":        "Called",
	"./sipedge/records":        "AppendDecision|AppendCDR|DialogAppend",
	"./sipedge/observe":        "Count",
	"./sipedge/gateway":        "CallPath",
	"./ratelimit":              "Limiter|Numbers",
	"./routing":                "Decide$",
	"./routing/e164":           "Normalise",
	"./cutover/clock":          "Now",
}

// figure is one benchmark's.
type figure struct {
	Nanoseconds float64 `json:"ns"`
	Allocs      int64   `json:"allocs"`
	Bytes       int64   `json:"bytes"`
}

// Run measures and compares. Machines differ, so times are compared after both
// sets are divided by their geometric mean: one benchmark that grew slower than
// the others stands out, a slower machine does not. Allocations must not grow.
func (m *micro) Run(ctx context.Context, root programRoot) error {
	now := map[string]figure{}
	for _, pkg := range slices.Sorted(maps.Keys(onCallPath)) {
		note("%s", pkg)
		if err := m.measure(ctx, string(root), pkg, now); err != nil {
			return err
		}
	}
	path := filepath.Join(string(root), "integration", "bench", "micro.json")
	if m.Update {
		text, err := json.MarshalIndent(now, "", " ")
		if err != nil {
			return err
		}
		return os.WriteFile(path, append(text, '\n'), 0o644)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	base := map[string]figure{}
	if err := json.Unmarshal(text, &base); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return m.compare(base, now)
}

var result = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op.*?(\d+) B/op\s+(\d+) allocs/op`)

func (m *micro) measure(ctx context.Context, root, pkg string, into map[string]figure) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^Benchmark("+onCallPath[pkg]+")", "-benchmem",
		"-count", strconv.Itoa(m.Count), "-benchtime", m.Time, pkg)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test -bench in %s: %w\n%s", pkg, err, out)
	}
	found := false
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		f := result.FindStringSubmatch(s.Text())
		if f == nil {
			continue
		}
		found = true
		ns, _ := strconv.ParseFloat(f[2], 64)
		size, _ := strconv.ParseInt(f[3], 10, 64)
		allocs, _ := strconv.ParseInt(f[4], 10, 64)
		name := strings.TrimPrefix(pkg, "./") + "." + f[1]
		if old, ok := into[name]; ok {
			ns, size, allocs = min(ns, old.Nanoseconds), min(size, old.Bytes), min(allocs, old.Allocs)
		}
		into[name] = figure{ns, allocs, size}
	}
	if !found {
		return fmt.Errorf("no benchmark of %s matches %s", pkg, onCallPath[pkg])
	}
	return nil
}

// compare prints both and fails for what grew.
func (m *micro) compare(base, now map[string]figure) error {
	var worse []error
	baseMean, nowMean := mean(base, now), mean(now, base)
	fmt.Printf("%-42s %10s %10s %8s %14s\n", "benchmark", "base ns", "now ns", "relative", "allocs")
	for _, name := range slices.Sorted(maps.Keys(base)) {
		b := base[name]
		n, ok := now[name]
		if !ok {
			worse = append(worse, fmt.Errorf("%s is in the baseline and not in the code: run bench micro --update when it is gone for good", name))
			continue
		}
		relative := n.Nanoseconds / nowMean / (b.Nanoseconds / baseMean)
		fmt.Printf("%-42s %10.1f %10.1f %8.2f %6d -> %d\n", name, b.Nanoseconds, n.Nanoseconds, relative, b.Allocs, n.Allocs)
		if n.Allocs > b.Allocs {
			worse = append(worse, fmt.Errorf("%s allocates %d times, %d in the baseline", name, n.Allocs, b.Allocs))
		}
		if m.Slower > 0 && relative > m.Slower {
			worse = append(worse, fmt.Errorf("%s takes %.2f of its share of time in the baseline", name, relative))
		}
	}
	for name := range now {
		if _, ok := base[name]; !ok {
			worse = append(worse, fmt.Errorf("%s has no baseline: run bench micro --update", name))
		}
	}
	return errors.Join(worse...)
}

// mean is the geometric mean of the times of what both sets have.
func mean(of, and map[string]figure) float64 {
	sum, n := 0.0, 0
	for name, f := range of {
		if _, ok := and[name]; ok {
			sum += math.Log(max(f.Nanoseconds, 0.1))
			n++
		}
	}
	if n == 0 {
		return 1
	}
	return math.Exp(sum / float64(n))
}
