package sipedge

import "github.com/speakops/sipedge/sipedge/call"

// deadlines is a shard's timers: a 4-ary heap of transactions by the instant at
// which they want to be looked at. Most deadlines only ever move later, and a
// move to later leaves the entry where it is: it is found out when the entry
// comes up, and put back then.
type deadlines struct{ heap []deadline }

type deadline struct {
	at call.Instant
	tx transaction
}

// set makes due the instant at which tx wants to be looked at; Never is allowed.
func (d *deadlines) set(tx transaction, due call.Instant) {
	h := tx.head()
	h.due = due
	switch {
	case h.pos < 0:
		if due != call.Never {
			h.pos = int32(len(d.heap))
			d.heap = append(d.heap, deadline{due, tx})
			d.up(int(h.pos))
		}
	case due < d.heap[h.pos].at:
		d.heap[h.pos].at = due
		d.up(int(h.pos))
	}
}

// next is the earliest instant at which pop may have something.
func (d *deadlines) next() call.Instant {
	if len(d.heap) == 0 {
		return call.Never
	}
	return d.heap[0].at
}

// pop takes out one transaction that is due, nil when none is.
func (d *deadlines) pop(now call.Instant) transaction {
	for len(d.heap) > 0 && d.heap[0].at <= now {
		tx := d.heap[0].tx
		h := tx.head()
		if h.due > now && h.due != call.Never {
			d.heap[0].at = h.due
			d.down(0)
			continue
		}
		d.remove(tx)
		if h.due != call.Never {
			return tx
		}
	}
	return nil
}

// remove takes tx out, wherever it is.
func (d *deadlines) remove(tx transaction) {
	h := tx.head()
	if h.pos < 0 {
		return
	}
	i, last := int(h.pos), len(d.heap)-1
	h.pos = -1
	if i != last {
		d.heap[i] = d.heap[last]
		d.heap[i].tx.head().pos = int32(i)
	}
	d.heap[last] = deadline{}
	d.heap = d.heap[:last]
	if i != last {
		d.down(i)
		d.up(i)
	}
}

func (d *deadlines) up(i int) {
	e := d.heap[i]
	for i > 0 {
		p := (i - 1) / 4
		if d.heap[p].at <= e.at {
			break
		}
		d.place(i, d.heap[p])
		i = p
	}
	d.place(i, e)
}

func (d *deadlines) down(i int) {
	e := d.heap[i]
	for {
		first := 4*i + 1
		if first >= len(d.heap) {
			break
		}
		least := first
		for k := first + 1; k < min(first+4, len(d.heap)); k++ {
			if d.heap[k].at < d.heap[least].at {
				least = k
			}
		}
		if d.heap[least].at >= e.at {
			break
		}
		d.place(i, d.heap[least])
		i = least
	}
	d.place(i, e)
}

func (d *deadlines) place(i int, e deadline) {
	d.heap[i] = e
	e.tx.head().pos = int32(i)
}
