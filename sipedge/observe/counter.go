package observe

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// Counter only grows. It fills a cache line, so that shards that count next to
// each other do not slow each other down.
type Counter struct {
	n atomic.Uint64
	_ [56]byte
}

func (c *Counter) Inc()          { c.n.Add(1) }
func (c *Counter) Add(n uint64)  { c.n.Add(n) }
func (c *Counter) Value() uint64 { return c.n.Load() }

// Gauge goes up and down.
type Gauge struct {
	n atomic.Int64
	_ [56]byte
}

func (g *Gauge) Add(n int64)  { g.n.Add(n) }
func (g *Gauge) Set(n int64)  { g.n.Store(n) }
func (g *Gauge) Value() int64 { return g.n.Load() }

// maxRows bounds the trunks or gateways of a Table; further ones share a row.
const maxRows = 1024

// Table counts words per name: calls by because, for every trunk. The words are
// a set fixed when it is made; a word outside of it is counted as Other, so
// nothing that comes from the wire can make a new series.
type Table struct {
	words []string
	index map[string]int

	mu   sync.Mutex
	rows []*Row
}

// Row is one name's counters. Take it once, when the configuration is read, and
// keep it: counting in it takes no lock.
type Row struct {
	name  string
	table *Table
	n     []Counter
}

func newTable(words []string) *Table {
	t := &Table{index: make(map[string]int)}
	for _, w := range append([]string{Other}, words...) {
		if _, twice := t.index[w]; !twice && w != "" {
			t.index[w] = len(t.words)
			t.words = append(t.words, w)
		}
	}
	return t
}

// Row returns the counters of a name; they outlive the configuration that named
// them, as counters must never go back.
func (t *Table) Row(name string) *Row {
	t.mu.Lock()
	defer t.mu.Unlock()
	for range 2 {
		if i := slices.IndexFunc(t.rows, func(r *Row) bool { return r.name == name }); i >= 0 {
			return t.rows[i]
		}
		if len(t.rows) < maxRows-1 {
			break
		}
		name = Other
	}
	r := &Row{name: name, table: t, n: make([]Counter, len(t.words))}
	t.rows = append(t.rows, r)
	return r
}

// Inc counts one word.
func (r *Row) Inc(word string) { r.n[r.table.index[word]].Inc() }

// Add counts a word n times.
func (r *Row) Add(word string, n uint64) { r.n[r.table.index[word]].Add(n) }

// Value is what a word has come to.
func (r *Row) Value(word string) uint64 { return r.n[r.table.index[word]].Value() }

// each yields the counters that ever counted: the full product of names and
// words would be mostly zeros.
func (t *Table) each(yield func(name, word string, n uint64)) {
	t.all(func(name, word string, n uint64) {
		if n > 0 {
			yield(name, word, n)
		}
	})
}

// all yields every counter, and Other only where it ever counted.
func (t *Table) all(yield func(name, word string, n uint64)) {
	t.mu.Lock()
	rows := slices.Clone(t.rows)
	t.mu.Unlock()
	for _, r := range rows {
		for i := range r.n {
			if n := r.n[i].Value(); n > 0 || t.words[i] != Other {
				yield(r.name, t.words[i], n)
			}
		}
	}
}

// codeWords and codeWord spell response codes: the usual ones as they are, the
// rest by class.
var codeWords, codeWord = func() (words []string, word [700]string) {
	for class := range 6 {
		x := strconv.Itoa(class+1) + "xx"
		words = append(words, x)
		for i := range 100 {
			word[(class+1)*100+i] = x
		}
	}
	for _, c := range codes {
		word[c] = strconv.Itoa(c)
		words = append(words, word[c])
	}
	return words, word
}()

// Code counts a response code.
func (r *Row) Code(code int) {
	if code < 100 || code >= len(codeWord) {
		r.Inc(Other)
		return
	}
	r.Inc(codeWord[code])
}
