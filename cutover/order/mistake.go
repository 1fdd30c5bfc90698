package order

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mistake is one thing wrong in a document: where, what, and what to do.
type Mistake struct {
	Line    int    `json:"line,omitempty"` // 1 is the first; 0 when the document as a whole is meant, or was never text
	Path    string `json:"path"`           // keys from the top: order.numbers[4]
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
}

// String is one line for a terminal.
func (m Mistake) String() string {
	s := m.Problem
	if m.Path != "" {
		s = m.Path + ": " + s
	}
	if m.Remedy != "" {
		s += "; " + m.Remedy
	}
	if m.Line > 0 {
		s = "line " + strconv.Itoa(m.Line) + ": " + s
	}
	return s
}

// Mistakes is everything wrong in a document, by line. It is the error of every
// decoder and check of this package.
type Mistakes []Mistake

// Error is all of them, one per line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i := range m {
		lines[i] = m[i].String()
	}
	return strings.Join(lines, "\n")
}

// maxMistakes bounds what a document of 100,000 faults can say.
const maxMistakes = 100

// report collects mistakes under a path. Copies made by under share the list.
type report struct {
	path string
	list *[]Mistake
	line func(path string) int // nil: there never was a text
}

func newReport() report { return report{list: new([]Mistake)} }

// under is the same report one key deeper.
func (r report) under(key string) report {
	r.path = join(r.path, key)
	return r
}

func join(path, key string) string {
	if path == "" || key == "" || key[0] == '[' {
		return path + key
	}
	return path + "." + key
}

func (r report) add(key, problem, remedy string) {
	path, line := join(r.path, key), 0
	if r.line != nil {
		line = r.line(path)
	}
	r.at(line, path, problem, remedy)
}

func (r report) addf(key, remedy, problem string, args ...any) {
	r.add(key, fmt.Sprintf(problem, args...), remedy)
}

// at keeps one more than the bound, so that err can say that there are more.
func (r report) at(line int, path, problem, remedy string) {
	if len(*r.list) <= maxMistakes {
		*r.list = append(*r.list, Mistake{line, path, problem, remedy})
	}
}

func (r report) none() bool { return len(*r.list) == 0 }

// err is nil when nothing was wrong.
func (r report) err() error {
	if r.none() {
		return nil
	}
	all := Mistakes(slices.Clone(*r.list))
	if len(all) > maxMistakes {
		all = append(all[:maxMistakes], Mistake{Problem: fmt.Sprintf("more than %d mistakes", maxMistakes), Remedy: "put these right first"})
	}
	slices.SortStableFunc(all, func(a, b Mistake) int { return cmp.Compare(nonzero(a.Line), nonzero(b.Line)) })
	return all
}

// nonzero sorts what has no line behind what has.
func nonzero(line int) int {
	if line == 0 {
		return 1 << 30
	}
	return line
}

// quote shows a value as written, bounded, with nothing a terminal would act on.
func quote(s string) string {
	if len(s) > 80 {
		s = s[:77] + "..."
	}
	return strconv.Quote(s)
}
