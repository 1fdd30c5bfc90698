package model

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// run is one search of the whole state space.
type run struct {
	name  string
	flags string
	finds string // the codes a broken rule may lead to; "" is a promise kept
	long  bool   // only in a nightly run
}

const any4 = "1001 1002 1003 1004"

// Every property, and every rule broken. REVS is the number of proposals; two
// edges and two lives of the store unless said otherwise. The clock goes to 5.
var runs = []run{
	{name: "two proposals", flags: "-DREVS=2"},
	{name: "three edges", flags: "-DN=3 -DREVS=1"},
	{name: "an edge joins", flags: "-DREVS=2 -DFIRST=1"},
	{name: "an edge leaves and is removed", flags: "-DREVS=2 -DLEAVING -DGENS=1"},
	{name: "an edge leaves before a failover", flags: "-DREVS=1 -DLEAVING"},
	{name: "an edge is declared off, and the store emptied", flags: "-DREVS=1 -DEVICTING -DEMPTYING"},
	{name: "an edge is declared off, and three lives of the store", flags: "-DREVS=1 -DEVICTING -DGENS=3"},
	{name: "the store is emptied", flags: "-DREVS=2 -DEMPTYING"},
	{name: "an edge joins, and the store is emptied", flags: "-DREVS=2 -DFIRST=1 -DEMPTYING"},
	{name: "proposals are refused", flags: "-DREVS=1 -DREFUSING"},
	{name: "a cutover settles", flags: "-DREVS=2 -DSETTLING"},
	{name: "every outcome is learned", flags: "-DREVS=2 -DLIVE -DNOOPERATOR"},
	{name: "every outcome is learned, the store emptied", flags: "-DREVS=2 -DLIVE -DNOOPERATOR -DEMPTYING"},
	{name: "every outcome is learned, an edge joining", flags: "-DREVS=2 -DFIRST=1 -DLIVE -DNOOPERATOR"},
	{name: "every outcome is learned, a cutover settling", flags: "-DREVS=2 -DSETTLING -DLIVE -DNOOPERATOR"},

	// What is safe without, and why it is there all the same: lead leaves time to
	// agree in; reports of aborted ids, and refusing to prepare them, are two locks
	// on one door; recovery that always aborts loses proposals, not promises.
	{name: "without lead", flags: "-DREVS=2 -DLEAD=-50", long: true},
	{name: "with a forgetful recovery", flags: "-DREVS=2 -DFORGETFUL", long: true},
	{name: "preparing again what was aborted", flags: "-DREVS=2 -DREPREPARE", long: true},
	{name: "always aborting in recovery", flags: "-DREVS=2 -DALWAYSABORT", long: true},

	{name: "three edges, one declared off, and three lives", flags: "-DN=3 -DREVS=1 -DEVICTING -DGENS=3", long: true},
	{name: "three proposals", flags: "-DREVS=3 -DGENS=1", long: true},
	{name: "three edges, two proposals", flags: "-DN=3 -DREVS=2 -DGENS=1", long: true},
	{name: "two proposals refused", flags: "-DREVS=2 -DREFUSING -DGENS=1", long: true},
	{name: "two proposals, an edge declared off", flags: "-DREVS=2 -DEVICTING", long: true},
	{name: "two proposals, an edge leaves", flags: "-DREVS=2 -DLEAVING", long: true},
	{name: "a third edge joins", flags: "-DN=3 -DREVS=1 -DFIRST=3", long: true},
	{name: "three edges, one leaves", flags: "-DN=3 -DREVS=1 -DLEAVING -DGENS=1", long: true},
	{name: "a cutover settles, the store emptied", flags: "-DREVS=2 -DSETTLING -DEMPTYING", long: true},
	{name: "a cutover settles, an edge leaves", flags: "-DREVS=2 -DSETTLING -DLEAVING -DGENS=1", long: true},

	{name: "broken: no guard", flags: "-DREVS=2 -DNOSTOREGUARD -DNOEDGEGUARD", finds: any4},
	{name: "broken: a clock without interval", flags: "-DREVS=2 -DNOINTERVAL", finds: any4},
	{name: "broken: answering by the committed revision alone", flags: "-DREVS=2 -DIGNOREPREPARED", finds: any4},
	{name: "broken: answering by the prepared revision", flags: "-DREVS=2 -DBELIEVEPREPARED", finds: any4},
	{name: "broken: a majority commits", flags: "-DN=3 -DREVS=2 -DMAJORITY", finds: any4},
	{name: "broken: acknowledged before it is durable", flags: "-DREVS=2 -DACKFIRST", finds: any4},
	{name: "broken: the journal loses a prepare", flags: "-DREVS=2 -DVOLATILE", finds: any4},
	{name: "broken: no recovery", flags: "-DREVS=2 -DNOBARRIER", finds: any4},
	{name: "broken: no recovery of an emptied store", flags: "-DREVS=2 -DEMPTYING -DNOBARRIER", finds: any4},
	{name: "broken: recovery without one member", flags: "-DN=3 -DREVS=1 -DQUORUM", finds: any4},
	{name: "broken: an older generation is believed", flags: "-DREVS=2 -DOLDGENERATION", finds: any4},
	{name: "broken: an unrecovered store works", flags: "-DREVS=2 -DUNRECOVERED", finds: any4},
	{name: "broken: absence is taken for an abort", flags: "-DREVS=2 -DABSENCE", finds: any4},
	{name: "broken: a second prepare, on any base", flags: "-DREVS=2 -DOVERWRITE -DANYBASE", finds: any4},
	{name: "broken: aborted ids are forgotten and prepared again", flags: "-DREVS=2 -DREPREPARE -DFORGETFUL", finds: any4},
	{name: "broken: an edge adopts what the store shows", flags: "-DREVS=2 -DNAIVE -DNOBARRIER", finds: any4},
	{name: "broken: a prepare is dropped when it is late", flags: "-DREVS=2 -DDROPLATE", finds: any4},
	{name: "broken: an abort after the commit", flags: "-DREVS=2 -DABORTLATE", finds: any4},
	{name: "broken: declared off while it serves", flags: "-DREVS=2 -DEVICTING -DNOFENCE", finds: any4},
	{name: "broken: declaring off completes a commit too late", flags: "-DREVS=2 -DEVICTING -DLATEOFF", finds: any4},
	{name: "broken: recovery guesses an abort", flags: "-DREVS=2 -DEVICTING -DGUESSABORT", finds: any4},
	{name: "broken: recovery guesses a commit", flags: "-DREVS=2 -DEVICTING -DLATEFORGIVEN", finds: any4},
	{name: "broken: an edge that left takes calls", flags: "-DREVS=2 -DLEAVING -DTAKESCALLS", finds: any4},
	{name: "broken: a live member is removed", flags: "-DREVS=2 -DREMOVELIVE", finds: any4},
	{name: "broken: settled before every table has it", flags: "-DREVS=2 -DSETTLING -DEARLYDROP", finds: any4},
	{name: "broken: a settled number has no floor", flags: "-DREVS=2 -DSETTLING -DNOFLOOR", finds: any4},
	{name: "broken: an emptied store begins a chain by itself", flags: "-DREVS=2 -DFIRST=1 -DEMPTYING -DSELFINIT", finds: any4},
	{name: "broken: joiners commit among themselves", flags: "-DREVS=2 -DFIRST=1 -DEVICTING -DNOWITNESS", finds: any4},
	{name: "broken: an abort decides alone", flags: "-DN=3 -DREVS=1 -DGENS=3 -DEVICTING -DEVICTIONS=2 -DABORTDECIDES", finds: any4, long: true},
	{name: "broken: no deadline", flags: "-DREVS=2 -DLIVE -DNOOPERATOR -DNODEADLINE", finds: "2001"},
}

// TestModel needs spin and gcc; ./integration/test installs them. MODEL=all runs
// everything, which takes many minutes.
func TestModel(t *testing.T) {
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: apt-get install spin gcc libc6-dev, or run ./integration/test", err)
		}
	}
	// Two searches at a time: each wants a core, and up to some gigabytes.
	turn := make(chan struct{}, min(2, runtime.NumCPU()))
	for _, r := range runs {
		if r.long && os.Getenv("MODEL") != "all" {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			turn <- struct{}{}
			defer func() { <-turn }()
			r.search(t)
		})
	}
}

var (
	errorsFound = regexp.MustCompile(`errors: (\d+)`)
	stored      = regexp.MustCompile(`(\d+) states, stored`)
	code        = regexp.MustCompile(`([12]00\d)==0`)
	cutShort    = regexp.MustCompile(`(?i)out of memory|max search depth too small|not exhaustive|Search not completed`)
)

func (r *run) search(t *testing.T) {
	dir := t.TempDir()
	source, err := filepath.Abs("cutover.pml")
	if err != nil {
		t.Fatal(err)
	}
	limit, optimise := 10*time.Minute, "-O1"
	switch {
	case r.long:
		limit, optimise = time.Hour, "-O2"
	case r.finds != "":
		optimise = "-O0" // found in no time; the compiler is what takes it
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := func(name string, args ...string) string {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err != nil && name != "./pan" {
			t.Fatalf("%s: %v\n%s", name, err, out.String())
		}
		return out.String()
	}
	command("spin", append(append([]string{"-a"}, strings.Fields(r.flags)...), source)...)
	command("gcc", optimise, "-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=1024", "-DMEMLIM=6000", "-o", "pan", "pan.c")
	out := command("./pan", "-m100000", "-E")
	if ctx.Err() != nil {
		t.Fatalf("no end after %s; make it smaller", limit)
	}
	found := errorsFound.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("the search said nothing:\n%s", out)
	}
	if r.finds == "" {
		states := stored.FindStringSubmatch(out)
		switch {
		case found[1] != "0":
			t.Errorf("a promise is broken (%s)\n%s\nthe way there:\n%s", r.flags, out, command("./pan", "-r"))
		case cutShort.MatchString(out) || states == nil || len(states[1]) < 4:
			t.Errorf("the state space was not searched to its end:\n%s", out)
		default:
			t.Logf("%s states", states[1])
		}
		return
	}
	if what := code.FindStringSubmatch(out); what == nil || !strings.Contains(r.finds, what[1]) {
		t.Errorf("the rule is broken (%s) and nothing comes of it, want one of %s:\n%s", r.flags, r.finds, out)
	}
}
