package order

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// decoder fills values from nodes by the json tags of their types. Unlike the
// library it goes on after a mistake and says where each one is.
type decoder struct {
	report report
	strict bool // JSON: text where text belongs, and nothing else
	lines  map[string]int
}

func newDecoder(strict bool) *decoder {
	d := &decoder{report: newReport(), strict: strict, lines: map[string]int{}}
	d.report.line = d.line
	return d
}

// line is that of a path, or of the nearest thing around it.
func (d *decoder) line(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return d.lines[""]
}

func (d *decoder) fail(n *node, path, problem, remedy string) {
	d.report.at(n.line, path, problem, remedy)
}

func (d *decoder) value(n *node, path string, v reflect.Value) {
	if _, ok := d.lines[path]; !ok {
		d.lines[path] = n.line
	}
	if n.kind == nullNode {
		d.fail(n, path, "has no value", "give one or remove the key")
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Numbers:
		*p = d.numbers(n, path)
		return
	case *Wall:
		if n.kind != mapNode {
			d.wall(n, path, p)
			return
		}
	case *time.Time:
		d.instant(n, path, p)
		return
	case encoding.TextUnmarshaler:
		if d.text(n, path) {
			if err := p.UnmarshalText([]byte(n.text)); err != nil {
				problem, remedy, _ := strings.Cut(err.Error(), "; ")
				d.fail(n, path, quote(n.text)+": "+problem, remedy)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem())
	case reflect.Struct:
		d.fields(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	default:
		d.plain(n, path, v)
	}
}

// text says whether a node may stand for text.
func (d *decoder) text(n *node, path string) bool {
	switch {
	case n.kind == listNode || n.kind == mapNode:
		d.fail(n, path, "wants one value, got "+n.kind.String(), "write a single value")
	case d.strict && n.kind != textNode:
		d.fail(n, path, quote(n.text)+" is not a text", "put it in quotes")
	default:
		return true
	}
	return false
}

func (d *decoder) plain(n *node, path string, v reflect.Value) {
	if v.Kind() == reflect.String {
		if !d.text(n, path) {
			return
		}
		v.SetString(n.text)
		if w, ok := v.Interface().(worded); ok && !known(w, n.text) {
			d.fail(n, path, quote(n.text)+" is not known here", oneOf(w))
		}
		return
	}
	if n.kind != scalarNode {
		d.fail(n, path, "wants a bare value, got "+n.kind.String(), "write it without quotes")
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		if n.text != "true" && n.text != "false" {
			d.fail(n, path, quote(n.text)+" is neither true nor false", "write true or false")
		}
		v.SetBool(n.text == "true")
	case reflect.Int:
		i, err := strconv.ParseInt(n.text, 10, 32)
		if err != nil {
			d.fail(n, path, quote(n.text)+" is not a whole number", "write digits only")
		}
		v.SetInt(i)
	case reflect.Uint64:
		i, err := strconv.ParseUint(n.text, 10, 63)
		if err != nil {
			d.fail(n, path, quote(n.text)+" is not a count", "write digits only")
		}
		v.SetUint(i)
	default:
		panic("order: no decoding for " + v.Type().String())
	}
}

// instant reads RFC 3339, as package time does but for its range.
func (d *decoder) instant(n *node, path string, into *time.Time) {
	if !d.text(n, path) {
		return
	}
	t, err := time.Parse(time.RFC3339Nano, n.text)
	if err != nil || t.Year() < 2000 || t.Year() > 9000 {
		d.fail(n, path, quote(n.text)+" is no instant", "write 2026-03-03T16:00:00Z, with an offset or Z")
		return
	}
	*into = t.UTC()
}

func (d *decoder) wall(n *node, path string, into *Wall) {
	if !d.text(n, path) {
		return
	}
	w, err := ParseWall(n.text)
	if err != nil {
		e := err.(*WallError)
		d.fail(n, path, e.Problem, e.Remedy)
		return
	}
	*into = w
}

func (d *decoder) list(n *node, path string, v reflect.Value) {
	if n.kind != listNode {
		d.fail(n, path, "wants a list, got "+n.kind.String(), "write [ ... ]")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i := range n.items {
		d.value(&n.items[i], path+"["+strconv.Itoa(i)+"]", v.Index(i))
	}
}

// numbers reads a list of numbers and ranges, and brings it into order; a number
// given twice is a typing mistake until its author says otherwise.
func (d *decoder) numbers(n *node, path string) Numbers {
	if n.kind != listNode {
		d.fail(n, path, "wants a list of numbers, got "+n.kind.String(), `write [ "+12025550100", ... ]`)
		return nil
	}
	type item struct {
		number routing.PublicNumber
		at     int
	}
	all := make([]item, 0, len(n.items))
	for i := range n.items {
		c, at := &n.items[i], func() string { return path + "[" + strconv.Itoa(i) + "]" }
		if c.kind != textNode && (d.strict || c.kind != scalarNode) {
			d.fail(c, at(), "is no number in quotes", `write "+12025550100"`)
			continue
		}
		first, last, err := numberRange(c.text)
		switch {
		case err != nil:
			d.fail(c, at(), quote(c.text)+" is no number and no range", `write "+12025550100", or "+12025550100 - +12025550199"`)
		case last < first || last-first >= MaxNumbers || len(all)+int(last-first) >= MaxNumbers:
			d.fail(c, at(), fmt.Sprintf("%s is backwards, or makes more than %d numbers", quote(c.text), MaxNumbers), "write the lower number first, or make several orders")
		default:
			for number := first; number <= last; number++ {
				all = append(all, item{number, i})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y item) int {
		switch {
		case x.number < y.number:
			return -1
		case x.number > y.number:
			return 1
		}
		return 0
	})
	list := make(Numbers, 0, len(all))
	for i, x := range all {
		if i > 0 && x.number == all[i-1].number {
			c := &n.items[x.at]
			d.fail(c, fmt.Sprintf("%s[%d]", path, x.at), x.number.String()+" is given twice", "keep it once; was another number meant?")
			continue
		}
		list = append(list, x.number)
	}
	return list
}

func numberRange(s string) (first, last routing.PublicNumber, err error) {
	from, to, isRange := strings.Cut(s, " - ")
	if first, err = e164.Parse(from); err != nil || !isRange {
		return first, first, err
	}
	last, err = e164.Parse(to)
	return first, last, err
}

func (d *decoder) fields(n *node, path string, v reflect.Value) {
	if n.kind != mapNode {
		d.fail(n, path, "wants keys below it, got "+n.kind.String(), "known here: "+strings.Join(keysOf(v.Type()), ", "))
		return
	}
	given := map[string]int{}
	for i := range n.fields {
		f := &n.fields[i]
		at := join(path, f.key)
		if first, twice := given[f.key]; twice {
			d.report.at(f.line, at, "given twice, first on line "+strconv.Itoa(first), "keep one of them")
			continue
		}
		given[f.key] = f.line
		into, ok := fieldOf(v, f.key)
		if !ok {
			d.report.at(f.line, bounded(at), "unknown key", "known here: "+strings.Join(keysOf(v.Type()), ", "))
			continue
		}
		d.lines[at] = f.line
		d.value(&f.value, at, into)
	}
}

// bounded keeps a path that strangers wrote fit for a terminal.
func bounded(path string) string {
	if q := quote(path); len(q) != len(path)+2 {
		return q
	}
	return path
}

// fieldOf finds a field by its key, those of embedded structs included.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			if inner, ok := fieldOf(v.Field(i), key); ok {
				return inner, true
			}
		} else if keyOf(f) == key && key != "" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous {
			keys = append(keys, keysOf(f.Type)...)
		} else if key := keyOf(f); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if key == "-" {
		return ""
	}
	return key
}
