package snapshot

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/speakops/sipedge/routing"
)

// RefusedError says why a snapshot is not used.
type RefusedError struct {
	Path    string
	Problem error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("snapshot %s is refused: %s", e.Path, e.Problem)
}

func (e *RefusedError) Unwrap() error { return e.Problem }

// Contents is what a whole and sound snapshot holds besides its records.
type Contents struct {
	Head
	Lost    []routing.PublicNumber // the store did not have them
	Records int                    // tombstones included
}

// Decode reads a snapshot of the store below prefix and hands each record to
// yield, which may be nil. Records come before the end has been seen: who must
// not act on half a file reads it twice.
func Decode(from io.Reader, prefix string, yield func(routing.Entry)) (c Contents, err error) {
	r := reader{unframed: unframed{from: bufio.NewReaderSize(from, 256<<10)}, shared: make([]routing.Shared, 1), yield: yield}
	if c.Head, err = r.head(prefix); err != nil {
		return c, err
	}
	for {
		kind, payload, err := r.next()
		if err != nil {
			return c, err
		}
		w := &words{b: payload}
		switch kind {
		case kindShared:
			err = r.sharing(w)
		case kindRecords:
			err = r.records(w)
		case kindLost:
			for w.more() {
				c.Lost = append(c.Lost, w.number())
			}
			err = w.done(kind)
		case kindEnd:
			c.Records = int(r.count)
			return c, r.end(w)
		default:
			err = wrong(kind)
		}
		if err != nil {
			return c, err
		}
	}
}

type reader struct {
	unframed
	shared   []routing.Shared // by number; 0 is for tombstones
	customer routing.CustomerID
	count    uint64
	yield    func(routing.Entry)
}

func (r *reader) head(prefix string) (h Head, err error) {
	kind, payload, err := r.next()
	if err != nil {
		return h, err
	}
	rest, ok := bytes.CutPrefix(payload, []byte(magic))
	if kind != kindHead || !ok {
		return h, fmt.Errorf("it is no snapshot of numbers")
	}
	w := &words{b: rest}
	if v := w.uint(); v != Version && !w.bad {
		return h, fmt.Errorf("it is of version %d, and this edge reads version %d; it was written by another release", v, Version)
	}
	if h, err = readHead(w); err != nil {
		return h, err
	}
	if h.Prefix != prefix {
		return h, fmt.Errorf("it holds the numbers of another store: redis prefix %.64q, not %.64q", h.Prefix, prefix)
	}
	return h, nil
}

func (r *reader) sharing(w *words) error {
	for w.more() {
		s, err := readShared(w)
		if err != nil {
			return err
		}
		r.shared = append(r.shared, s)
	}
	return w.done(kindShared)
}

func (r *reader) records(w *words) error {
	for w.more() {
		e := routing.Entry{PublicNumber: w.number(), Revision: w.uint()}
		at, customer := w.uint(), w.bytes()
		if w.bad || at >= uint64(len(r.shared)) || at == 0 && len(customer) > 0 {
			return wrong(kindRecords)
		}
		r.count++
		if r.yield == nil {
			continue
		}
		if string(r.customer) != string(customer) { // those of neighbours are often the same
			r.customer = routing.CustomerID(customer)
		}
		e.Shared, e.Customer = r.shared[at], r.customer
		r.yield(e)
	}
	return w.done(kindRecords)
}

// end is where a snapshot is whole: all records came, and nothing follows.
func (r *reader) end(w *words) error {
	if n := w.uint(); n != r.count {
		w.bad = true
	}
	if err := w.done(kindEnd); err != nil {
		return err
	}
	switch _, err := r.from.ReadByte(); err {
	case io.EOF:
		return nil
	case nil:
		return errLonger
	default:
		return err
	}
}
