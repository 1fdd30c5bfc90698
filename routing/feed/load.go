package feed

import (
	"bytes"
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// Thousands of neighbours say the same in the same bytes, all but their number,
// revision and customer. A full load reads and checks those bytes once: a record
// whose like has been met costs no string, no map and no search for a field.

// loader takes pages of records into the table.
type loader struct {
	scan  *scan
	likes likes
}

// load reads a page of records into the table.
func (l *loader) load(ctx context.Context, rdb redis.UniversalClient, of []found) error {
	if len(of) == 0 {
		return nil
	}
	replies := make([]*redis.RawCmd, len(of))
	_, err := rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i := range of {
			replies[i] = redis.NewRawCmd(ctx, "hgetall", of[i].key)
			_ = pipe.Process(ctx, replies[i]) // only puts it into the pipeline
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, reply := range replies {
		if err := l.take(ctx, rdb, of[i], reply.Val()); err != nil {
			return err
		}
	}
	return nil
}

// take puts one record into the table.
func (l *loader) take(ctx context.Context, rdb redis.UniversalClient, of found, reply []byte) error {
	s := l.scan
	if e, ok := l.likes.entry(of.number, reply); ok {
		s.apply(e)
		return nil
	}
	f := s.feed
	fields, ok := fieldsOf(reply)
	if !ok {
		// What is no hash is an error: whoever asks for one record alone is told which,
		// and led to the node that has it.
		var err error
		switch fields, err = rdb.HGetAll(ctx, of.key).Result(); {
		case err != nil && wrongType(err):
			f.fault(&f.counts.wrongType, &KeyError{of.key, "it is not a hash"})
			s.saw(of.number)
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
		f.fault(&f.counts.garbage, &KeyError{of.key, err.Error()})
		s.saw(of.number)
		return nil
	}
	e := r.entry()
	if ok {
		l.likes.learn(e)
	}
	s.apply(e)
	return nil
}

// likes is what records have been found to say, by the bytes in which they said it.
type likes struct {
	shared map[string]routing.Shared
	said   []byte // by the record that was read last
}

// Bounds of what is remembered: records of national providers differ in some ten
// thousand ways. A store in which all differ is read a little slower for it.
const (
	maxLikes = 1 << 15
	maxSaid  = 1 << 10 // bytes
)

// entry reads a record whose like has been learnt; false when it is another, or
// when anything about it is strange.
func (l *likes) entry(n routing.PublicNumber, reply []byte) (e routing.Entry, ok bool) {
	r := resp{reply}
	count, ok := r.hash()
	l.said = l.said[:0]
	for range count {
		before := r.left
		name, value, whole := r.field()
		if !whole {
			return e, false
		}
		switch string(name) {
		case fieldPublicNumber:
			e.PublicNumber, _ = e164.Parse(value)
		case fieldRevision:
			e.Revision, _ = strconv.ParseUint(string(value), 10, 63)
		case fieldCustomer:
			e.Customer = routing.CustomerID(value)
			if printable(string(e.Customer)) != nil {
				return e, false
			}
		default:
			l.said = append(l.said, before[:len(before)-len(r.left)]...)
		}
	}
	if !ok || e.PublicNumber != n || e.Revision == 0 {
		return e, false
	}
	e.Shared, ok = l.shared[string(l.said)]
	return e, ok
}

// learn remembers what the record says that entry has just not known.
func (l *likes) learn(e routing.Entry) {
	switch {
	case e.Shared.Deleted() || len(l.said) > maxSaid:
		return
	case l.shared == nil:
		l.shared = make(map[string]routing.Shared)
	case len(l.shared) >= maxLikes:
		clear(l.shared)
	}
	l.shared[string(l.said)] = e.Shared
}

// fieldsOf is a record as a map; false for what is no hash, such as an error.
func fieldsOf(reply []byte) (map[string]string, bool) {
	r := resp{reply}
	count, ok := r.hash()
	fields := make(map[string]string, min(count, len(reply)))
	for range count {
		name, value, whole := r.field()
		if !whole {
			return nil, false
		}
		fields[string(name)] = string(value)
	}
	return fields, ok
}

// resp reads a hash as Redis sends it, as an array (RESP2) or a map (RESP3).
type resp struct{ left []byte }

// hash says how many fields follow.
func (r *resp) hash() (fields int, ok bool) {
	switch kind, n := r.line(); kind {
	case '%':
		return n, true
	case '*':
		return n / 2, n%2 == 0
	}
	return 0, false
}

func (r *resp) field() (name, value []byte, ok bool) {
	if name, ok = r.text(); ok {
		value, ok = r.text()
	}
	return name, value, ok
}

func (r *resp) text() (text []byte, ok bool) {
	kind, n := r.line()
	if kind != '$' || len(r.left) < n+2 {
		return nil, false
	}
	text, r.left = r.left[:n], r.left[n+2:]
	return text, true
}

// line is the first byte of a line and the length after it; no kind for another line.
func (r *resp) line() (kind byte, n int) {
	end := bytes.IndexByte(r.left, '\n')
	if end < 2 {
		return 0, 0
	}
	n, err := strconv.Atoi(string(r.left[1 : end-1]))
	if err != nil || n < 0 {
		return 0, 0
	}
	kind, r.left = r.left[0], r.left[end+1:]
	return kind, n
}
