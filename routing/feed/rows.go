package feed

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// Row is one number as a file gives it: the fields that were given, and no
// others. What a file leaves out stays as it is in the store.
type Row struct {
	Line   int // of the file, from 1
	Number routing.PublicNumber
	Expect Expect   // from the column revision: write only over that one; Any without
	set    []string // name, value, name, value, as stored
}

// RowError is one mistake in a file of numbers.
type RowError struct {
	File    string
	Line    int    // from 1
	Column  string // word of the vocabulary; "" when the row as a whole is wrong
	Problem string // what was found and what was expected
}

func (e *RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Problem)
	}
	return fmt.Sprintf("%s:%d: %s: %s", e.File, e.Line, e.Column, e.Problem)
}

// RowErrors is every mistake of a file, in order, at most maxRowErrors of them.
type RowErrors struct {
	All  []*RowError
	More int // mistakes beyond those
}

func (e *RowErrors) Error() string {
	lines := make([]string, 0, len(e.All)+1)
	for _, r := range e.All {
		lines = append(lines, r.Error())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// maxRowErrors bounds the report of one file.
const maxRowErrors = 100

// ReadRows reads a whole file of numbers: CSV with a head line that names the
// columns, or JSON Lines when name ends in .jsonl or .ndjson. Columns are words
// of the vocabulary in any order; public_number and routing_authority are
// mandatory. Instants are RFC 3339. A column revision holds the revision that was
// read: a record that has changed since is refused, not overwritten. An empty cell clears the field, except that
// an empty porting_state or override_from leaves it as it is.
//
// A mistake is a *RowErrors with all of them, and no rows. Other errors are of
// reading.
func ReadRows(r io.Reader, name string) ([]Row, error) {
	rows := &rowReader{file: name, lines: make(map[routing.PublicNumber]int)}
	var err error
	switch {
	case strings.HasSuffix(name, ".jsonl"), strings.HasSuffix(name, ".ndjson"):
		err = rows.readJSON(r)
	default:
		err = rows.readCSV(r)
	}
	if err != nil {
		return nil, err
	}
	if len(rows.errs.All) > 0 {
		return nil, &rows.errs
	}
	return rows.rows, nil
}

type rowReader struct {
	file  string
	rows  []Row
	lines map[routing.PublicNumber]int // where a number came first
	errs  RowErrors
}

func (r *rowReader) wrong(line int, column, format string, args ...any) {
	if len(r.errs.All) == maxRowErrors {
		r.errs.More++
		return
	}
	r.errs.All = append(r.errs.All, &RowError{r.file, line, column, fmt.Sprintf(format, args...)})
}

// cell is one named value of a row.
type cell struct{ name, value string }

// column says whether a file may have a column of that name.
func column(name string) bool {
	return name == fieldPublicNumber || name == fieldRevision || named[name] != nil
}

func columns() string {
	all := []string{fieldPublicNumber}
	for i := range vocabulary {
		all = append(all, vocabulary[i].name)
	}
	return strings.Join(append(all, fieldRevision), ", ")
}

// add checks a row and keeps it. All mistakes of the row are reported.
func (r *rowReader) add(line int, cells []cell) {
	row := Row{Line: line, set: make([]string, 0, 2*len(cells))}
	var n routing.Number
	wrong, authority := false, false
	fail := func(column, format string, args ...any) {
		wrong = true
		r.wrong(line, column, format, args...)
	}
	for _, c := range cells {
		if c.name == fieldPublicNumber {
			var err error
			if row.Number, err = e164.Parse(c.value); err != nil {
				fail(c.name, "%.40q is %v", c.value, err)
			}
			continue
		}
		if c.name == fieldRevision {
			revision, err := strconv.ParseUint(c.value, 10, 53)
			if c.value != "" && (err != nil || revision == 0) {
				fail(c.name, "%.40q is no revision; leave it empty, or take it from an export", c.value)
			}
			row.Expect = Expect(revision)
			continue
		}
		value, skip, err := c.stored()
		if err == nil {
			err = named[c.name].read(&n, value)
		}
		if err != nil {
			fail(c.name, "%v", err)
			continue
		}
		authority = authority || c.name == fieldRoutingAuthority
		if !skip {
			row.set = append(row.set, c.name, value)
		}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(cells, func(c cell) bool { return c.name == name })
	}
	if !has(fieldPublicNumber) {
		fail(fieldPublicNumber, "is missing")
	}
	if !authority && !has(fieldRoutingAuthority) {
		fail(fieldRoutingAuthority, "is missing; want legacy, speakops or none")
	}
	if !has(fieldOverride) && slices.ContainsFunc(cells, func(c cell) bool { return strings.HasPrefix(c.name, fieldOverride+"_") }) {
		fail(fieldOverride, "is missing, but other columns of an override are there")
	}
	if !wrong {
		if err := n.Override.Check(); err != nil {
			fail(fieldOverride, "%v", err)
		} else if n.Override != (routing.Override{}) && n.Override.Kind == routing.OverrideNone {
			fail(fieldOverride, "is empty, but other columns of an override are not")
		}
	}
	if first, twice := r.lines[row.Number]; twice && row.Number != 0 {
		fail(fieldPublicNumber, "%s is on line %d already; keep one of them", row.Number, first)
	} else if row.Number != 0 {
		r.lines[row.Number] = line
	}
	if !wrong {
		r.rows = append(r.rows, row)
	}
}

// stored is a cell as the store keeps it; skip says that it asks for nothing.
func (c cell) stored() (value string, skip bool, err error) {
	value = c.value
	switch c.name {
	case fieldRoutingAuthority:
		if value == "" {
			return "", false, fmt.Errorf("is empty; want legacy, speakops or none")
		}
	case fieldPortingState:
		skip = value == ""
	case fieldOverride:
		if value == routing.OverrideNone.String() {
			value = ""
		}
	case fieldOverrideFrom, fieldOverrideUntil:
		if value == "" {
			return "", c.name == fieldOverrideFrom, nil
		}
		at, err := time.Parse(time.RFC3339Nano, value)
		if err != nil || at.UnixMicro() <= 0 {
			return "", false, fmt.Errorf("%.40q is not an instant like 2026-03-01T10:00:00Z", value)
		}
		var n routing.Number
		n.Override.Until = at
		value = named[fieldOverrideUntil].show(&n)
	}
	return value, skip, nil
}

// change is what the script is asked to do for a row.
func (row *Row) change(verb, operation string) *change {
	c := &change{verb: verb, number: row.Number, operation: operation, expect: row.Expect, set: row.set}
	c.state = c.value(fieldPortingState)
	if c.state == "" {
		// A number we have never heard of: on the legacy side a port begins, on
		// ours it is over.
		state := routing.Draft
		if c.value(fieldRoutingAuthority) == routing.SpeakOps.String() {
			state = routing.Settled
		}
		c.defaults = []string{fieldPortingState, state.String()}
	}
	return c
}
