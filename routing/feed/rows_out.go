package feed

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

// RowWriter writes records in the form that ReadRows reads.
type RowWriter struct {
	to        *bufio.Writer
	csv       *csv.Writer // nil: JSON Lines
	revisions bool
	cells     []string
}

// NewRowWriter writes CSV with a head line, or JSON Lines when name ends in
// .jsonl or .ndjson. With revisions each row says which revision it shows; a row
// that is imported with it is refused when its record has changed since.
func NewRowWriter(to io.Writer, name string, revisions bool) (*RowWriter, error) {
	w := &RowWriter{to: bufio.NewWriterSize(to, 64<<10), revisions: revisions}
	if jsonLines(name) {
		return w, nil
	}
	w.csv = csv.NewWriter(w.to)
	head := []string{fieldPublicNumber}
	for i := range vocabulary {
		head = append(head, vocabulary[i].name)
	}
	if revisions {
		head = append(head, fieldRevision)
	}
	return w, w.csv.Write(head)
}

func jsonLines(name string) bool {
	return strings.HasSuffix(name, ".jsonl") || strings.HasSuffix(name, ".ndjson")
}

// Write adds one record.
func (w *RowWriter) Write(n *routing.Number) error {
	if w.csv == nil {
		return w.object(n)
	}
	w.cells = append(w.cells[:0], n.PublicNumber.String())
	for i := range vocabulary {
		w.cells = append(w.cells, spell(&vocabulary[i], n))
	}
	if w.revisions {
		w.cells = append(w.cells, strconv.FormatUint(n.Revision, 10))
	}
	return w.csv.Write(w.cells)
}

// object writes the fields that say something, in the order of the vocabulary.
func (w *RowWriter) object(n *routing.Number) error {
	w.cells = append(w.cells[:0], fieldPublicNumber, n.PublicNumber.String())
	for i := range vocabulary {
		if value := spell(&vocabulary[i], n); value != "" {
			w.cells = append(w.cells, vocabulary[i].name, value)
		}
	}
	if w.revisions {
		w.cells = append(w.cells, fieldRevision, strconv.FormatUint(n.Revision, 10))
	}
	for i, cell := range w.cells {
		text, err := json.Marshal(cell)
		if err != nil {
			return err
		}
		before := ", "
		switch {
		case i == 0:
			before = "{"
		case i%2 == 1:
			before = ": "
		}
		_, _ = w.to.WriteString(before) // an error stays, and Flush tells it
		_, _ = w.to.Write(text)
	}
	_, err := w.to.WriteString("}\n")
	return err
}

// Flush writes what is still held. It is called once, at the end.
func (w *RowWriter) Flush() error {
	if w.csv != nil {
		w.csv.Flush()
		if err := w.csv.Error(); err != nil {
			return err
		}
	}
	return w.to.Flush()
}

// spell is a field as files have it: instants as people write them.
func spell(f *field, n *routing.Number) string {
	value := f.show(n)
	if value != "" && (f.name == fieldOverrideFrom || f.name == fieldOverrideUntil) {
		return spellInstant(value)
	}
	return value
}

// MakeRow is one row as ReadRows would read it, from assignments such as
// legacy_route=old; an empty value clears the field. The error is a *RowErrors
// that names no file.
func MakeRow(number string, assignments []string) (Row, error) {
	r := &rowReader{file: "set", lines: make(map[routing.PublicNumber]int)}
	cells := []cell{{fieldPublicNumber, number}}
	seen := map[string]bool{fieldPublicNumber: true}
	for _, a := range assignments {
		name, value, ok := strings.Cut(a, "=")
		switch {
		case !ok:
			r.wrong(1, "", quoted(a), "an assignment such as legacy_route=old")
		case !column(name) || name == fieldPublicNumber:
			r.wrong(1, "", "field "+quoted(name), "one of "+columns())
		case seen[name]:
			r.wrong(1, name, "it twice", "it once")
		default:
			cells = append(cells, cell{name, value})
		}
		seen[name] = true
	}
	if len(r.errs.All) == 0 {
		r.add(1, cells)
	}
	if len(r.errs.All) > 0 {
		return Row{}, &r.errs
	}
	return r.rows[0], nil
}

// LostOf reads a row as something the store has lost; its revision must be there.
func LostOf(row Row) (Lost, error) {
	n := routing.Number{PublicNumber: row.Number, Revision: uint64(row.Expect), PortingState: routing.Draft}
	if row.Expect == Any {
		return Lost{}, &RowError{Line: row.Line, Column: fieldRevision, Found: "nothing", Expected: "the revision that was lost, above which the record is applied again"}
	}
	change := row.change("", "")
	for _, c := range [][]string{change.defaults, change.set} {
		for i := 0; i+1 < len(c); i += 2 {
			if err := named[c[i]].read(&n, c[i+1]); err != nil {
				return Lost{}, &RowError{Line: row.Line, Column: c[i], Found: foundOf(c[i+1], err), Expected: expectedOf(named[c[i]], err)}
			}
		}
	}
	return Lost{Number: n}, nil
}

// shownAs is how a stored text of a field is told to people.
func shownAs(name, value string) string {
	switch {
	case value == "":
		return "empty"
	case name == fieldOverrideFrom || name == fieldOverrideUntil:
		if us, err := strconv.ParseInt(value, 10, 64); err == nil {
			return time.UnixMicro(us).UTC().Format(time.RFC3339Nano)
		}
	}
	return fmt.Sprintf("%q", value)
}

// Fields yields what a record says beside its number, in the order of the
// vocabulary, as files have it; fields that say nothing are left out.
func Fields(n *routing.Number) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for i := range vocabulary {
			if value := spell(&vocabulary[i], n); value != "" && !yield(vocabulary[i].name, value) {
				return
			}
		}
	}
}

// KnownField says whether a word of the vocabulary is a field of a record.
func KnownField(name string) bool { return named[name] != nil }
