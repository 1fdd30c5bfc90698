// Command tally answers: how many tests passed, and which did not?
//
// It reads the output of go test -json on standard input, prints a line per
// package and everything a failed test said, and adds its counts to the file
// named by its argument. tally total FILE prints the closing line and ends with
// exit code 1 when anything failed or nothing passed.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "tally:", err)
		}
		os.Exit(1)
	}
}

var errFailed = errors.New("tests failed")

func run(args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "total":
		return total(args[1], out)
	case len(args) == 1:
		return count(args[0], in, out)
	}
	return errors.New("usage: go test -json ... | tally FILE, or tally total FILE")
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// counts is what one run came to.
type counts struct{ passed, failed, skipped int }

type reader struct {
	out  io.Writer
	all  counts
	of   map[string]*counts  // by package
	said map[string][]string // output by package and test, until it passes
}

// maxSaid bounds the lines kept of one test.
const maxSaid = 2000

func count(file string, in io.Reader, out io.Writer) error {
	r := &reader{out: out, of: map[string]*counts{}, said: map[string][]string{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(out, lines.Text()) // not from a test: go itself speaks
			continue
		}
		r.take(e)
	}
	if err := lines.Err(); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	fmt.Fprintln(f, r.all.passed, r.all.failed, r.all.skipped)
	if err := f.Close(); err != nil {
		return err
	}
	if r.all.failed > 0 {
		return errFailed
	}
	return nil
}

func (r *reader) take(e event) {
	if r.of[e.Package] == nil {
		r.of[e.Package] = &counts{}
	}
	mine, key := r.of[e.Package], e.Package+" "+e.Test
	switch e.Action {
	case "output":
		if len(r.said[key]) < maxSaid {
			r.said[key] = append(r.said[key], e.Output)
		}
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "skip":
		if e.Test == "" {
			r.pkg(e, mine)
			return
		}
		delete(r.said, key)
		if e.Action == "skip" {
			mine.skipped++
			r.all.skipped++
			return
		}
		mine.passed++
		r.all.passed++
	case "fail":
		if e.Test == "" && mine.failed > 0 {
			r.pkg(e, mine)
			return
		}
		// A package that fails without a failed test did not build, ran out of
		// time or broke down: that counts as one.
		mine.failed++
		r.all.failed++
		r.show(e, key)
		if e.Test == "" {
			r.pkg(e, mine)
		}
	}
}

func (r *reader) show(e event, key string) {
	name := e.Test
	if name == "" {
		name = "(the package as a whole)"
	}
	fmt.Fprintf(r.out, "FAILED %s %s\n", e.Package, name)
	for _, line := range r.said[key] {
		fmt.Fprint(r.out, "    ", line)
	}
	delete(r.said, key)
}

func (r *reader) pkg(e event, mine *counts) {
	if mine.passed+mine.failed+mine.skipped == 0 {
		return // no tests there
	}
	word := "ok    "
	if mine.failed > 0 {
		word = "FAILED"
	}
	line := fmt.Sprintf("%s %s %d passed", word, e.Package, mine.passed)
	if mine.failed > 0 {
		line += fmt.Sprintf(", %d failed", mine.failed)
	}
	if mine.skipped > 0 {
		line += fmt.Sprintf(", %d skipped", mine.skipped)
	}
	fmt.Fprintf(r.out, "%s (%.1f s)\n", line, e.Elapsed)
}

func total(file string, out io.Writer) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var sum counts
	for line := range strings.Lines(string(b)) {
		var c counts
		if _, err := fmt.Sscan(line, &c.passed, &c.failed, &c.skipped); err != nil {
			return fmt.Errorf("%s: %q: %w", file, line, err)
		}
		sum.passed, sum.failed, sum.skipped = sum.passed+c.passed, sum.failed+c.failed, sum.skipped+c.skipped
	}
	if sum.skipped > 0 {
		fmt.Fprintf(out, "(%d skipped)\n", sum.skipped)
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", sum.passed, sum.failed)
	if sum.failed > 0 || sum.passed == 0 {
		return errFailed
	}
	return nil
}
