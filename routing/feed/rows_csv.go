package feed

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine bounds a line of a file, in bytes.
const maxLine = 64 << 10

// byteOrderMark is what spreadsheets put before the first column's name.
const byteOrderMark = "\ufeff"

func (r *rowReader) readCSV(in io.Reader) error {
	c := csv.NewReader(in)
	c.FieldsPerRecord = -1 // told below, with the names of the columns
	head, err := c.Read()
	switch {
	case errors.Is(err, io.EOF):
		r.wrong(1, "", "an empty file", "a first line that names the columns: "+columns())
		return nil
	case err != nil:
		return r.unreadable(err)
	}
	head = append([]string(nil), head...)
	if !r.head(head) {
		return nil
	}
	cells := make([]cell, len(head))
	c.ReuseRecord = true
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return r.unreadable(err)
		}
		line, _ := c.FieldPos(0)
		if len(record) != len(head) {
			r.wrong(line, "", fmt.Sprintf("%d columns", len(record)), fmt.Sprintf("%d, as in the head line", len(head)))
			continue
		}
		for i, value := range record {
			cells[i] = cell{head[i], value}
		}
		r.add(line, cells)
	}
}

// head checks the names of the columns.
func (r *rowReader) head(head []string) bool {
	head[0] = strings.TrimPrefix(head[0], byteOrderMark)
	before := len(r.errs.All)
	seen := map[string]bool{}
	for _, name := range head {
		switch {
		case !column(name):
			r.wrong(1, "", "column "+quoted(name), "one of "+columns())
		case seen[name]:
			r.wrong(1, "", "column "+name+" twice", "it once")
		}
		seen[name] = true
	}
	for _, name := range []string{fieldPublicNumber, fieldRoutingAuthority} {
		if !seen[name] {
			r.wrong(1, "", "no column "+name, "it among the columns that the first line names")
		}
	}
	return len(r.errs.All) == before
}

// unreadable turns an error of syntax into a mistake with its line. It is the
// last one reported: what follows cannot be told apart into rows.
func (r *rowReader) unreadable(err error) error {
	var syntax *csv.ParseError
	if !errors.As(err, &syntax) {
		return fmt.Errorf("%s: %w", r.file, err)
	}
	r.wrong(syntax.Line, "", fmt.Sprintf("at byte %d what is no CSV (%v)", syntax.Column, syntax.Err), "CSV as in RFC 4180; what follows was not read")
	return nil
}

func (r *rowReader) readJSON(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	line := 1
	for ; lines.Scan(); line++ {
		text := lines.Bytes()
		if line == 1 {
			text = []byte(strings.TrimPrefix(string(text), byteOrderMark))
		}
		if len(strings.TrimSpace(string(text))) > 0 {
			r.object(line, text)
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			r.wrong(line, "", "a longer line", fmt.Sprintf("at most %d bytes; what follows was not read", maxLine))
			return nil
		}
		return fmt.Errorf("%s: %w", r.file, err)
	}
	return nil
}

const wantObject = "one JSON object of strings, such as {\"public_number\": \"+12025550143\", \"routing_authority\": \"legacy\"}"

// object reads a line of JSON: one object whose values are strings, in the
// order in which they are written, none twice.
func (r *rowReader) object(line int, text []byte) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		r.wrong(line, "", quoted(string(text)), wantObject)
		return
	}
	var cells []cell
	seen := map[string]bool{}
	good := true
	for d.More() {
		name, err := d.Token()
		if err != nil {
			r.wrong(line, "", "what is no JSON ("+err.Error()+")", wantObject)
			return
		}
		value, err := d.Token()
		if err != nil {
			r.wrong(line, "", "what is no JSON ("+err.Error()+")", wantObject)
			return
		}
		key, _ := name.(string)
		text, isText := value.(string)
		switch {
		case !column(key):
			r.wrong(line, "", "key "+quoted(key), "one of "+columns())
		case seen[key]:
			r.wrong(line, key, "it twice", "it once")
		case value == nil:
			cells = append(cells, cell{key, ""})
			seen[key] = true
			continue
		case !isText:
			r.wrong(line, key, fmt.Sprintf("%.40v", value), "a string")
		default:
			cells = append(cells, cell{key, text})
			seen[key] = true
			continue
		}
		good = false
		if _, nested := value.(json.Delim); nested {
			return // its insides would be taken for keys
		}
	}
	if _, err := d.Token(); err != nil {
		r.wrong(line, "", "what is no JSON ("+err.Error()+")", wantObject)
		return
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		r.wrong(line, "", "something after the object", wantObject)
		return
	}
	if good {
		r.add(line, cells)
	}
}
