package configs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// maxFile bounds a configuration, and everything it refers to, in bytes each.
const maxFile = 4 << 20

// Mistake is one thing wrong in a file: what, where, and what to do.
type Mistake struct {
	File    string
	Line    int    // 1 is the first; 0 when the file as a whole is meant
	Path    string // keys from the top, list elements by id, name or place: trunks[qa].profile
	Problem string
	Remedy  string
}

// String is one line for a terminal, in the form editors jump to.
func (m Mistake) String() string {
	return place(m.File, m.Line) + join(m.Path, ": ", join(m.Problem, "; ", m.Remedy))
}

// Mistakes is every mistake of a file, by line.
type Mistakes []Mistake

// Error is all of them, one per line.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i := range m {
		lines[i] = m[i].String()
	}
	return strings.Join(lines, "\n")
}

// Warning is something an operator should know about a file that loads.
type Warning struct {
	File string
	Line int
	Path string
	Text string
}

// String is one line for a terminal.
func (w Warning) String() string {
	return place(w.File, w.Line) + "warning: " + join(w.Path, ": ", w.Text)
}

func place(file string, line int) string {
	if line == 0 {
		return join(file, ": ", "")
	}
	return file + ":" + strconv.Itoa(line) + ": "
}

func join(a, between, b string) string {
	if a == "" || b == "" && between != ": " {
		return a + b
	}
	return a + between + b
}

// Load reads the configuration of one edge. References are resolved from the
// environment; relative paths begin at the folder of the file itself, and come
// back absolute. The error is Mistakes, or says that the file could not be read.
func Load(path string) (*Edge, []Warning, error) {
	data, err := readBounded(path)
	if err != nil {
		return nil, nil, fmt.Errorf("configs: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, nil, fmt.Errorf("configs: %w", err)
	}
	edge, warnings, err := Parse(path, data, os.LookupEnv, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return readBounded(name)
	})
	if edge != nil {
		edge.resolve(dir)
	}
	return edge, warnings, err
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read %s: %w", path, errTooLarge)
	}
	return data, nil
}

var errTooLarge = errors.New("larger than 4 MiB")

// Parse reads a configuration that is already in memory. name stands in every
// message; env looks up ${NAME}; readFile serves file: references and
// certificates. The error is Mistakes: all of them, sorted by line.
func Parse(name string, data []byte, env func(string) (string, bool), readFile func(string) ([]byte, error)) (*Edge, []Warning, error) {
	d := newDecoder(name, env, readFile)
	edge := Default()
	if d.document(data, edge) {
		edge.complete()
		(&checker{decoder: d, edge: edge}).all()
	}
	if len(d.mistakes) > 0 {
		slices.SortStableFunc(d.mistakes, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
		return nil, d.sortedWarnings(), Mistakes(slices.Compact(d.mistakes))
	}
	return edge, d.sortedWarnings(), nil
}

func (d *decoder) sortedWarnings() []Warning {
	slices.SortStableFunc(d.warnings, func(a, b Warning) int { return cmp.Compare(a.Line, b.Line) })
	return d.warnings
}
