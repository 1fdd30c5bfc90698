package feed

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// poll compares every partition's meta with what was followed. A partition that
// was emptied, replaced or rolled back is no longer known.
func (f *Feed) poll(ctx context.Context, src *source) error {
	asked, askedAge := time.Now(), f.age()
	metas := make([]*redis.SliceCmd, Partitions)
	types := make([]*redis.StatusCmd, Partitions)
	var info *redis.StringCmd
	_, err := src.quick.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		info = asksRole(ctx, src, pipe)
		for p := range metas {
			metas[p] = pipe.HMGet(ctx, f.keys.meta(p), "incarnation", "seq", "digest")
			if f.parts[p].broken {
				types[p] = pipe.Type(ctx, f.keys.changes(p))
			}
		}
		return nil
	})
	if err := transportError(err); err != nil && !unsupported(err) {
		return err
	}
	if err := f.believes(info); err != nil {
		return err
	}
	answered := time.Now()
	for i := range f.parts {
		p := &f.parts[i]
		m, err := readMeta(metas[i])
		if err != nil {
			if err := f.breaks(i, f.keys.meta(i), err); err != nil {
				return err
			}
			continue
		}
		if p.broken {
			if kind := types[i].Val(); kind == "stream" || kind == "none" {
				p.broken = false // and not known, so it will be scanned
				f.counts.broken.Add(-1)
			}
			continue
		}
		if !p.known || !f.same(i, p, m) {
			continue
		}
		if p.metaAt.IsZero() {
			p.metaSeq, p.metaAt, p.metaFrom = m.seq, answered, asked
		}
		if !p.sworn.hasDigest || p.sworn.seq <= p.seq {
			p.sworn, p.swornFrom = m, askedAge
			f.reconcile(i, p)
		}
	}
	f.tell()
	return nil
}

// unreadable finds the streams because of which a read was refused as a whole.
func (f *Feed) unreadable(ctx context.Context, src *source, b *batch) error {
	if !wrongType(b.err) {
		return b.err
	}
	types := make([]*redis.StatusCmd, len(b.parts))
	_, err := src.quick.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, p := range b.parts {
			types[i] = pipe.Type(ctx, f.keys.changes(p))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, p := range b.parts {
		if kind := types[i].Val(); kind != "stream" && kind != "none" {
			_ = f.breaks(p, f.keys.changes(p), b.err) // always about the key
		}
	}
	return errAgain
}

// same says whether meta can be a later state of the partition we follow.
func (f *Feed) same(at int, p *partition, m meta) bool {
	if p.incarnation == "" {
		p.incarnation = m.incarnation // never written when scanned; seq tells whether we saw all since
	}
	// The store cannot be behind us unless it was emptied or rolled back: what we
	// have applied was written before we asked.
	if m.incarnation == p.incarnation && m.seq >= p.seq {
		return true
	}
	p.known = false
	f.counts.incarnations.Add(1)
	f.troubles.note(at, troubleEmptied)
	return false
}

type meta struct {
	incarnation string
	seq         uint64
	digest      digest
	hasDigest   bool   // asked for, and there
	count       uint64 // live records, if asked for: a hint, that nothing depends on
}

func readMeta(cmd *redis.SliceCmd) (m meta, err error) {
	values, err := cmd.Result()
	if err != nil {
		return m, err
	}
	if len(values) < 2 || values[0] == nil && values[1] == nil {
		return m, nil // never written
	}
	incarnation, ok := values[0].(string)
	seq, _ := values[1].(string)
	m.incarnation = incarnation
	m.seq, err = strconv.ParseUint(seq, 10, 63)
	if err != nil || !ok {
		return m, &FieldError{"meta", "incarnation or seq is missing or no number"}
	}
	if len(values) > 2 {
		text, _ := values[2].(string)
		m.digest, m.hasDigest = readDigest(text)
	}
	if len(values) > 3 {
		text, _ := values[3].(string)
		m.count, _ = strconv.ParseUint(text, 10, 40)
	}
	return m, nil
}

// breaks sets a partition aside whose stream or meta cannot be read: it is not
// fresh any more, and with it the table. Other errors are handed back.
func (f *Feed) breaks(at int, key string, err error) error {
	p := &f.parts[at]
	count := &f.counts.garbage
	var problem *FieldError
	switch {
	case wrongType(err):
		count, err = &f.counts.wrongType, errors.New("it has the wrong type")
	case !errors.As(err, &problem):
		return err
	}
	if !p.broken {
		p.broken, p.known = true, false
		f.counts.broken.Add(1)
		f.fault(count, &KeyError{key, err.Error()})
	}
	return nil
}

// transportError is err unless it is about single commands of a pipeline that
// was answered; those are looked at one by one.
func transportError(err error) error {
	if err == nil || wrongType(err) || errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}
