package feed

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Row is one number as a file gives it: the fields that were given, and no
// others. What a file leaves out stays as it is in the store.
type Row struct {
	Line   int // of the file, from 1
	Number routing.PublicNumber
	Expect Expect // from the column revision: write only over that one; Any without
	fields packed // as stored
}

// RowError is one mistake in a file of numbers.
type RowError struct {
	File            string
	Line            int    // from 1
	Column          string // word of the vocabulary; "" when the row as a whole is wrong
	Found, Expected string // for people; what was found is escaped and cut short
}

func (e *RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("%s:%d: found %s, expected %s", e.File, e.Line, e.Found, e.Expected)
	}
	return fmt.Sprintf("%s:%d: %s: found %s, expected %s", e.File, e.Line, e.Column, e.Found, e.Expected)
}

// RowErrors is every mistake of a file, in order, at most MaxRowErrors of them.
type RowErrors struct {
	All  []*RowError
	More int // mistakes beyond those
}

func (e *RowErrors) Error() string {
	shown := e.All[:min(len(e.All), maxShown)]
	lines := make([]string, 0, len(shown)+1)
	for _, r := range shown {
		lines = append(lines, r.Error())
	}
	if more := len(e.All) - len(shown) + e.More; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// MaxRowErrors bounds the mistakes of one file that are kept, and maxShown those
// that RowErrors.Error tells.
const (
	MaxRowErrors = 10_000
	maxShown     = 100
)

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

func (r *rowReader) wrong(line int, column, found, expected string) {
	if len(r.errs.All) == MaxRowErrors {
		r.errs.More++
		return
	}
	r.errs.All = append(r.errs.All, &RowError{r.file, line, column, found, expected})
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
	row, set := Row{Line: line}, make([]string, 0, 2*len(cells))
	var n routing.Number
	wrong := false
	fail := func(column, found, expected string) {
		wrong = true
		r.wrong(line, column, found, expected)
	}
	for _, c := range cells {
		switch c.name {
		case fieldPublicNumber:
			n.PublicNumber = c.dialable(fail)
			row.Number = n.PublicNumber
			continue
		case fieldRevision:
			row.Expect = c.revision(fail)
			continue
		}
		value, skip, err := c.stored()
		if err == nil {
			err = named[c.name].read(&n, value)
		}
		if err != nil {
			fail(c.name, foundOf(c.value, err), expectedOf(named[c.name], err))
			continue
		}
		if !skip {
			set = append(set, c.name, value)
		}
	}
	has := func(name string) bool {
		return slices.ContainsFunc(cells, func(c cell) bool { return c.name == name })
	}
	if !has(fieldPublicNumber) {
		fail(fieldPublicNumber, "nothing", wantNumber)
	}
	if !has(fieldRoutingAuthority) {
		fail(fieldRoutingAuthority, "nothing", named[fieldRoutingAuthority].want)
	}
	if !has(fieldOverride) && slices.ContainsFunc(cells, func(c cell) bool { return strings.HasPrefix(c.name, fieldOverride+"_") }) {
		fail(fieldOverride, "nothing beside other columns of an override", named[fieldOverride].want)
	}
	if !wrong {
		contradictions(&n, fail)
	}
	if first, twice := r.lines[row.Number]; twice && row.Number != 0 {
		fail(fieldPublicNumber, fmt.Sprintf("%s, which is on line %d already", row.Number, first), "each number once; keep one of them")
	} else if row.Number != 0 {
		r.lines[row.Number] = line
	}
	if !wrong {
		row.fields = pack(set)
		r.rows = append(r.rows, row)
	}
}

// stored is a cell as the store keeps it; skip says that it asks for nothing.
func (c cell) stored() (value string, skip bool, err error) {
	value = c.value
	switch c.name {
	case fieldRoutingAuthority:
		if value == "" {
			return "", false, errMissing
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
			return "", false, errNoInstant
		}
		var n routing.Number
		n.Override.Until = at
		value = named[fieldOverrideUntil].show(&n)
	}
	return value, skip, nil
}

// change is what the script is asked to do for a row.
func (row *Row) change(verb, operation string) *change {
	c := &change{verb: verb, number: row.Number, operation: operation, expect: row.Expect, set: row.fields.set()}
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
