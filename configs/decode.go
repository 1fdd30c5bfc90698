package configs

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what aliases can multiply a file into.
const maxNodes = 200_000

// decoder fills values from YAML nodes. The library's own strict mode says the
// line of an unknown key and no more; here every mistake also gets its path, a
// remedy and the company of all the others.
type decoder struct {
	file     string
	env      func(string) (string, bool)
	readFile func(string) ([]byte, error)

	lines   map[string]int    // path by index -> line
	names   map[string]string // path of a list element -> its id or name
	written map[string]string // path -> text as written, where that is a reference
	broken  map[string]bool   // paths already reported: their values mean nothing
	nodes   int

	mistakes []Mistake
	warnings []Warning
}

func newDecoder(file string, env func(string) (string, bool), readFile func(string) ([]byte, error)) *decoder {
	return &decoder{
		file: file, env: env, readFile: readFile,
		lines: map[string]int{}, names: map[string]string{}, written: map[string]string{}, broken: map[string]bool{},
	}
}

// document decodes the one document of a file; false means that there is
// nothing whose meaning could be checked.
func (d *decoder) document(data []byte, into any) bool {
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	if err := reader.Decode(&root); err != nil {
		if err == io.EOF {
			d.add(0, "", "the file is empty", "start from configs/edge.example.yaml")
		} else {
			d.syntax(err, data)
		}
		return false
	}
	var second yaml.Node
	if err := reader.Decode(&second); err == nil {
		d.add(second.Line, "", "a second document begins", "keep one edge per file and remove the ---")
	} else if err != io.EOF {
		d.syntax(err, data)
	}
	d.value(root.Content[0], "", reflect.ValueOf(into).Elem())
	return root.Content[0].Kind == yaml.MappingNode && d.nodes <= maxNodes
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// syntax reports what the library could not read. Its line can be one short, or
// that of the construct in which the fault lies.
func (d *decoder) syntax(err error, data []byte) {
	line, text := 0, err.Error()
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = m[2]
	}
	remedy := "look at this line and the ones around it: indentation, quotes, brackets, a blank after each colon"
	switch {
	case strings.HasPrefix(text, "did not find expected"):
		line++ // the parser, unlike the scanner, counts from 0
	case strings.Contains(text, "cannot start any token"), strings.Contains(text, "tab character"):
		remedy = "indent with blanks, never with tabs, and quote values that begin with a special character"
		line = max(line, tabLine(data))
	}
	d.add(line, "", "not YAML: "+text, remedy)
}

// tabLine is the first line indented with a tab, 0 when there is none.
func tabLine(data []byte) int {
	for i, line := range bytes.Split(data, []byte("\n")) {
		if indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]; bytes.IndexByte(indent, '\t') >= 0 {
			return i + 1
		}
	}
	return 0
}

func (d *decoder) add(line int, path, problem, remedy string) {
	d.mistakes = append(d.mistakes, Mistake{d.file, line, d.display(path), problem, remedy})
}

// fail notes a mistake in decoding; later checks of this path keep silent.
func (d *decoder) fail(n *yaml.Node, path, problem, remedy string) {
	d.broken[path] = true
	d.add(n.Line, path, problem, remedy)
}

// value decodes one node of any kind.
func (d *decoder) value(n *yaml.Node, path string, v reflect.Value) {
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.fail(n, path, fmt.Sprintf("aliases make more than %d values of this file", maxNodes), "write the values out")
		}
		return
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if _, seen := d.lines[path]; !seen {
		d.lines[path] = n.Line
	}
	null := n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
	if parse, ok := parsers[v.Type()]; ok || isScalar(v.Kind()) {
		if null {
			d.fail(n, path, "has no value", "give one or remove the key")
			return
		}
		d.scalar(n, path, v, parse)
		return
	}
	if null {
		return // an empty section is all defaults
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(n, path, v.Elem())
	case reflect.Struct:
		d.mapping(n, path, v)
	case reflect.Slice:
		d.list(n, path, v)
	case reflect.Map:
		d.table(n, path, v)
	default:
		panic("configs: no decoding for " + v.Type().String())
	}
}

func isScalar(k reflect.Kind) bool {
	switch k {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Float64:
		return true
	}
	return false
}

func under(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// pairs yields a mapping's keys and values with merge keys resolved, the
// mapping's own keys first: what it says itself wins over what it merges.
func (d *decoder) pairs(n *yaml.Node, path string) map[string][2]*yaml.Node {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "wants keys below it, got "+kindName(n), "indent the keys under it, or write { key: value }")
		return nil
	}
	found := make(map[string][2]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.ShortTag() == "!!merge" {
			continue
		}
		if key.Kind != yaml.ScalarNode {
			d.fail(key, path, "a key is not a word", "write key: value")
			continue
		}
		if first, twice := found[key.Value]; twice {
			d.add(key.Line, under(path, key.Value), "given twice, first on line "+strconv.Itoa(first[0].Line), "keep one of them")
			continue
		}
		found[key.Value] = [2]*yaml.Node{key, n.Content[i+1]}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() == "!!merge" {
			d.merge(n.Content[i+1], path, found)
		}
	}
	return found
}

func (d *decoder) merge(n *yaml.Node, path string, found map[string][2]*yaml.Node) {
	sources := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		sources = n.Content
	}
	for _, s := range sources {
		if s.Kind == yaml.AliasNode {
			s = s.Alias
		}
		if s.Kind != yaml.MappingNode {
			d.fail(s, path, "<< wants an alias of a mapping", "write << : *name")
			continue
		}
		// One level is enough for a shared block, and cannot run in circles.
		for i := 0; i+1 < len(s.Content); i += 2 {
			key := s.Content[i]
			if _, own := found[key.Value]; !own && key.Kind == yaml.ScalarNode {
				found[key.Value] = [2]*yaml.Node{key, s.Content[i+1]}
			}
		}
	}
}

func byLine(m map[string][2]*yaml.Node) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		x, y := m[a][0], m[b][0]
		if x.Line != y.Line {
			return x.Line - y.Line
		}
		return x.Column - y.Column
	})
}

// mapping decodes into a struct; a key the struct does not have is a mistake.
func (d *decoder) mapping(n *yaml.Node, path string, v reflect.Value) {
	pairs := d.pairs(n, path)
	for _, key := range byLine(pairs) {
		if f, ok := fieldOf(v.Type(), key); ok {
			d.lines[under(path, key)] = pairs[key][0].Line
			d.value(pairs[key][1], under(path, key), v.Field(f))
			continue
		}
		d.fail(pairs[key][0], under(path, key), "unknown key", suggestKey(v.Type(), key))
	}
}

func (d *decoder) table(n *yaml.Node, path string, v reflect.Value) {
	pairs := d.pairs(n, path)
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, key := range byLine(pairs) {
		element := reflect.New(v.Type().Elem()).Elem()
		if old := v.MapIndex(reflect.ValueOf(key)); old.IsValid() {
			element.Set(old) // a profile's outcome changes field by field too
		}
		d.lines[under(path, key)] = pairs[key][0].Line
		d.value(pairs[key][1], under(path, key), element)
		v.SetMapIndex(reflect.ValueOf(key), element)
	}
}

// list decodes into a slice. A given list replaces a default one.
func (d *decoder) list(n *yaml.Node, path string, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, path, "wants a list, got "+kindName(n), "write [ ... ] or one line beginning with - for each")
		return
	}
	if d.nodes+len(n.Content) > maxNodes {
		d.nodes = max(d.nodes, maxNodes) // nothing is made of elements that will not be read
		d.value(n, path, v)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		if c.Kind == yaml.AliasNode {
			c = c.Alias
		}
		d.lines[at] = n.Content[i].Line
		d.names[at] = nameOf(c)
		d.prefill(c, out.Index(i))
		d.value(c, at, out.Index(i))
	}
	v.Set(out)
}

// nameOf is what people call a list element: its id or its name.
func nameOf(n *yaml.Node) string {
	for _, key := range []string{"id", "name"} {
		if s := scalarAt(n, key); s != "" && !strings.Contains(s, "${") {
			return s
		}
	}
	return ""
}

func scalarAt(n *yaml.Node, key string) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	return "one value"
}

var indexed = regexp.MustCompile(`\[\d+\]`)

// display turns trunks[1].profile into trunks[qa].profile.
func (d *decoder) display(path string) string {
	var b strings.Builder
	last := 0
	for _, m := range indexed.FindAllStringIndex(path, -1) {
		if name := d.names[path[:m[1]]]; name != "" {
			b.WriteString(path[last:m[0]] + "[" + name + "]")
			last = m[1]
		}
	}
	return b.String() + path[last:]
}

// lineOf is the line of a path, or of the nearest thing around it that the file has.
func (d *decoder) lineOf(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = parent(path)
	}
	return 0
}

// parent is the path around a path, "" at the top.
func parent(path string) string { return path[:max(0, strings.LastIndexAny(path, ".["))] }
