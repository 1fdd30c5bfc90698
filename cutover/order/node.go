package order

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a document.
const (
	maxDocument = 8 << 20 // bytes: 100,000 numbers are two million
	maxNodes    = 400_000 // values, whatever aliases make of it
	maxDepth    = 16
)

type kind uint8

const (
	scalarNode kind = iota
	textNode        // a scalar that can only be text
	listNode
	mapNode
	nullNode
)

func (k kind) String() string {
	return [...]string{"one value", "a text", "a list", "keys and values", "nothing"}[k]
}

// node is one value of a document, whichever notation it came in.
type node struct {
	kind   kind
	line   int
	text   string
	items  []node
	fields []field
}

type field struct {
	key   string
	line  int
	value node
}

// parsed is a document, and every mistake that kept it from being one.
func parsed(data []byte, yamlToo bool, r report) (node, bool) {
	switch {
	case len(data) > maxDocument:
		r.addf("", "split it", "larger than %d MiB", maxDocument>>20)
		return node{}, false
	case len(bytes.TrimSpace(data)) == 0:
		r.add("", "is empty", "write an order, or a cutover, or both")
		return node{}, false
	}
	if yamlToo {
		return parseYAML(data, r)
	}
	return parseJSON(data, r)
}

func parseYAML(data []byte, r report) (node, bool) {
	reader := yaml.NewDecoder(bytes.NewReader(data))
	var root, second yaml.Node
	if err := reader.Decode(&root); err != nil {
		r.syntax(err)
		return node{}, false
	}
	if err := reader.Decode(&second); err == nil {
		r.at(second.Line, "", "a second document begins", "keep one order per file and remove the ---")
		return node{}, false
	} else if err != io.EOF {
		r.syntax(err)
		return node{}, false
	}
	if len(root.Content) == 0 {
		r.add("", "is empty", "write an order, or a cutover, or both")
		return node{}, false
	}
	y := yamlReader{report: r}
	n := y.node(root.Content[0], "", 0)
	return n, !y.broken
}

func (r report) syntax(err error) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		number, message, _ := strings.Cut(rest, ": ")
		line, _ = strconv.Atoi(number)
		text = message
	}
	r.at(line, "", "not YAML: "+text, "look at this line and the ones around it: indentation by blanks, quotes, brackets, a blank after each colon")
}

type yamlReader struct {
	report report
	nodes  int
	broken bool
}

func (y *yamlReader) node(n *yaml.Node, path string, depth int) node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if y.nodes++; y.nodes > maxNodes || depth > maxDepth {
		if !y.broken {
			y.report.at(n.Line, path, "too many values, or too deep", "write less, and no aliases inside aliases")
		}
		y.broken = true
		return node{kind: nullNode}
	}
	out := node{line: n.Line, text: n.Value}
	switch {
	case n.Kind == yaml.MappingNode:
		out.kind = mapNode
		for i := 0; i+1 < len(n.Content) && !y.broken; i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
				y.report.at(key.Line, path, "a key is not a word", "write key: value")
				continue
			}
			out.fields = append(out.fields, field{key.Value, key.Line, y.node(n.Content[i+1], join(path, key.Value), depth+1)})
		}
	case n.Kind == yaml.SequenceNode:
		out.kind = listNode
		for i, c := range n.Content {
			if y.broken {
				break
			}
			out.items = append(out.items, y.node(c, path+"["+strconv.Itoa(i)+"]", depth+1))
		}
	case n.ShortTag() == "!!null":
		out.kind = nullNode
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		out.kind = textNode
	}
	return out
}

func parseJSON(data []byte, r report) (node, bool) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	j := jsonReader{dec: dec, data: data, line: 1}
	n, err := j.value(0)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = fmt.Errorf("something follows the document")
		}
	}
	if err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			err = fmt.Errorf("it ends too early")
		}
		r.at(j.at(), "", "not JSON: "+err.Error(), "look at this line and the one before it")
		return node{}, false
	}
	return n, true
}

type jsonReader struct {
	dec   *json.Decoder
	data  []byte
	line  int
	seen  int // bytes counted for line
	nodes int
}

// at is the line the reader has come to.
func (j *jsonReader) at() int {
	to := min(int(j.dec.InputOffset()), len(j.data))
	j.line += bytes.Count(j.data[j.seen:to], []byte{'\n'})
	j.seen = to
	return j.line
}

func (j *jsonReader) value(depth int) (node, error) {
	token, err := j.dec.Token()
	if err != nil {
		return node{}, err
	}
	if j.nodes++; j.nodes > maxNodes || depth > maxDepth {
		return node{}, fmt.Errorf("too many values, or too deep")
	}
	n := node{line: j.at()}
	switch t := token.(type) {
	case nil:
		n.kind = nullNode
	case string:
		n.kind, n.text = textNode, t
	case json.Number:
		n.text = t.String()
	case bool:
		n.text = strconv.FormatBool(t)
	case json.Delim:
		err = j.inside(&n, t, depth)
	}
	return n, err
}

func (j *jsonReader) inside(n *node, open json.Delim, depth int) error {
	n.kind = listNode
	if open == '{' {
		n.kind = mapNode
	}
	for j.dec.More() {
		if n.kind == listNode {
			v, err := j.value(depth + 1)
			if err != nil {
				return err
			}
			n.items = append(n.items, v)
			continue
		}
		key, err := j.dec.Token()
		if err != nil {
			return err
		}
		line := j.at()
		v, err := j.value(depth + 1)
		if err != nil {
			return err
		}
		n.fields = append(n.fields, field{key.(string), line, v})
	}
	_, err := j.dec.Token()
	return err
}
