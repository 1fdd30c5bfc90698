package feed

import (
	"crypto/sha1" // the store's own: Lua has no other there
	"encoding/binary"
	"strconv"
	"strings"
	"sync"

	"github.com/speakops/sipedge/routing"
)

// Trusting the stream is not enough: an entry that could not be read, or a
// failover between two histories of the same length, leaves the table in step by
// seq and wrong all the same. So each partition of the table keeps the digest the
// store keeps, and whenever seq is the same on both sides the two must agree.

// digest is the sum over live records of SHA-1("number:revision"), in two words
// of 48 bits.
type digest struct{ high, low uint64 }

const digestMask = 1<<48 - 1

func hashOf(n routing.PublicNumber, revision uint64) digest {
	var buf [48]byte
	sum := sha1.Sum(strconv.AppendUint(append(n.Append(buf[:0]), ':'), revision, 10))
	return digest{binary.BigEndian.Uint64(sum[:8]) >> 16, binary.BigEndian.Uint64(sum[6:14]) >> 16 & digestMask}
}

func (d digest) plus(o digest) digest {
	return digest{(d.high + o.high) & digestMask, (d.low + o.low) & digestMask}
}

func (d digest) minus(o digest) digest {
	return digest{(d.high - o.high) & digestMask, (d.low - o.low) & digestMask}
}

func readDigest(s string) (d digest, ok bool) {
	high, low, ok := strings.Cut(s, ":")
	var err, err2 error
	d.high, err = strconv.ParseUint(high, 10, 48)
	d.low, err2 = strconv.ParseUint(low, 10, 48)
	return d, ok && err == nil && err2 == nil
}

// tally is the digest of one partition of the table.
type tally struct {
	mu sync.Mutex // a load and direct lookups write one partition
	digest
}

// write puts one record or deletion into the table and keeps the tally.
func (t *tally) write(table *routing.Table, e routing.Entry) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	live, ok := table.Replace(e)
	if !ok {
		return false
	}
	if !e.Shared.Deleted() {
		t.digest = t.plus(hashOf(e.PublicNumber, e.Revision))
	}
	if live != 0 {
		t.digest = t.minus(hashOf(e.PublicNumber, live))
	}
	return true
}

func (t *tally) now() digest {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.digest
}

// recount reads the tallies from a table that was filled by other means. A
// direct lookup that has just read its record waits meanwhile.
func (f *Feed) recount() {
	for p := range f.tallies {
		f.tallies[p].mu.Lock()
		defer f.tallies[p].mu.Unlock()
	}
	var all [Partitions]digest
	for n := range f.table.Range {
		p := Partition(n.PublicNumber)
		all[p] = all[p].plus(hashOf(n.PublicNumber, n.Revision))
	}
	for p := range all {
		f.tallies[p].digest = all[p]
	}
}

// dispute is what is known about a disagreement of digests.
type dispute struct {
	scanned bool   // the partition has been read anew because of it
	settled digest // this difference remained afterwards: it is on record, not news
}

// reconcile compares one partition's digests, if the table is exactly where the
// store was when its digest was read.
func (f *Feed) reconcile(at int, p *partition) {
	m := &p.sworn
	if !p.known || p.broken || !m.hasDigest || p.seq != m.seq {
		return
	}
	m.hasDigest = false
	if m.incarnation != p.incarnation || f.ahead.Load() >= int64(p.swornFrom) || f.lostIn(at) {
		return // the table holds more than the store on purpose
	}
	f.counts.compared.Add(1)
	d, difference := &f.disputes[at], f.tallies[at].now().minus(m.digest)
	switch {
	case difference == digest{}:
		*d = dispute{}
	case d.settled == difference:
	case d.scanned:
		// Reading it again did not help. Whatever it is, it is in the store: a record
		// that cannot be read, or one written past the script.
		d.settled, d.scanned = difference, false
		f.counts.disputed.Add(1)
		f.opts.Log.Error("a partition's digest disagrees with its records in the store; `sipedge numbers diff` shows what was expected",
			"meta", f.keys.meta(at), "seq", p.seq)
	default:
		d.scanned, p.known = true, false
		f.counts.repairs.Add(1)
		f.troubles.note(at, troubleDiffers)
	}
}

func (f *Feed) lostIn(at int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lostBy[at] > 0
}
