package feed

import (
	"context"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// Thousands of neighbours say the same in the same bytes, all but their number,
// revision and customer. A full load reads and checks those bytes once: a record
// whose like has been met costs no string, no map and no search for a field.

// loader takes the records of one master into the table.
type loader struct {
	scan  *scan
	wire  *wire
	rdb   redis.UniversalClient // for what is asked for alone
	likes likes
}

// take puts the record that is answered next into the table.
func (l *loader) take(ctx context.Context, of found) error {
	s, w := l.scan, l.wire
	for {
		r := resp{left: w.left}
		if e, ok := l.likes.entry(of.number, &r); ok {
			w.left = r.left
			s.apply(e)
			return nil
		}
		if !r.short || w.full() {
			break
		}
		if err := w.fill(); err != nil {
			return err
		}
	}
	reply, whole, err := w.reply()
	if err != nil {
		return err
	}
	if !whole {
		s.bad(&s.feed.counts.garbage, of, fmt.Sprintf("it is larger than %d bytes", wireBuffer))
		return nil
	}
	return l.learn(ctx, of, strings.Clone(reply)) // of which something will be kept
}

// learn takes a record whose like was not met before.
func (l *loader) learn(ctx context.Context, of found, reply string) error {
	s := l.scan
	fields, ok := fieldsOf(reply)
	if !ok {
		// What is no hash is an error: whoever asks for one record alone is told which,
		// and led to the node that has it.
		var err error
		switch fields, err = l.rdb.HGetAll(ctx, of.key).Result(); {
		case err != nil && wrongType(err):
			s.bad(&s.feed.counts.wrongType, of, "it is not a hash")
			return nil
		case err != nil:
			return err
		}
	}
	if len(fields) == 0 {
		return nil // a tombstone that expired since it was listed
	}
	r, err := readRecord(of.number, fields)
	if err != nil {
		s.bad(&s.feed.counts.garbage, of, err.Error())
		return nil
	}
	e := r.entry()
	if ok {
		l.likes.learn(e)
	}
	s.apply(e)
	return nil
}

// likes is what records have been found to say, by the bytes in which they said
// it. The bytes themselves are megabytes, which would have to come from memory
// again for each record; two keyed hashes of them come to the same but once in
// 2^90 loads.
type likes struct {
	shared map[gist]routing.Shared
	seeds  [2]maphash.Seed
	said   []byte // by the record that was read last
}

type gist [2]uint64

func newLikes() likes {
	return likes{shared: make(map[gist]routing.Shared), seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// gist is that of what was said last.
func (l *likes) gist() gist {
	return gist{maphash.Bytes(l.seeds[0], l.said), maphash.Bytes(l.seeds[1], l.said)}
}

// Bounds of what is remembered: records of national providers differ in some ten
// thousand ways. A store in which all differ is read a little slower for it.
const (
	maxLikes = 1 << 15
	maxSaid  = 1 << 10 // bytes
)

// entry reads a record whose like has been learnt; false when it is another, or
// when anything about it is strange. Its customer is a part of r's text.
func (l *likes) entry(n routing.PublicNumber, r *resp) (e routing.Entry, ok bool) {
	count, ok := r.hash()
	l.said = l.said[:0]
	from := r.left // what has not been added to what it says
	for range count {
		before := r.left
		name, value, whole := r.field()
		if !whole {
			return e, false
		}
		switch name {
		case fieldPublicNumber:
			e.PublicNumber, _ = e164.Parse(value)
		case fieldRevision:
			e.Revision, _ = strconv.ParseUint(value, 10, 63)
		case fieldCustomer:
			e.Customer = routing.CustomerID(value)
			if printable(value) != nil {
				return e, false
			}
		default:
			continue
		}
		l.said = append(l.said, from[:len(from)-len(before)]...)
		from = r.left
	}
	l.said = append(l.said, from[:len(from)-len(r.left)]...)
	if !ok || e.PublicNumber != n || e.Revision == 0 {
		return e, false
	}
	e.Shared, ok = l.shared[l.gist()]
	return e, ok
}

// learn remembers what the record says that entry has just not known.
func (l *likes) learn(e routing.Entry) {
	switch {
	case e.Shared.Deleted() || len(l.said) > maxSaid:
		return
	case len(l.shared) >= maxLikes:
		clear(l.shared)
	}
	l.shared[l.gist()] = e.Shared
}

// fieldsOf is a record as a map; false for what is no hash, such as an error.
func fieldsOf(reply string) (map[string]string, bool) {
	r := resp{left: reply}
	count, ok := r.hash()
	fields := make(map[string]string, min(count, len(reply)))
	for range count {
		name, value, whole := r.field()
		if !whole {
			return nil, false
		}
		fields[name] = value
	}
	return fields, ok
}
