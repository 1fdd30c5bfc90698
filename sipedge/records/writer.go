package records

import "time"

// write is the one goroutine that touches the files.
func (l *Log) write() {
	defer close(l.done)
	defer l.files.close()
	sync := func() { l.note(0, l.files.sync()) }
	var batch, spare []byte // spare is the buffer batch was cut from
	for open := true; open; {
		open = l.rest(l.o.FlushEvery, l.files.syncDue(), sync)
		for {
			if len(batch) == 0 {
				batch = l.take(spare)
				if spare = batch; len(batch) == 0 {
					break
				}
			}
			n, err := l.files.append(batch)
			batch = batch[n:]
			l.note(n, err)
			if err == nil {
				continue
			}
			if !open {
				return // the last attempt failed
			}
			open = l.pause(l.o.RetryEvery, nil)
		}
	}
	sync()
}

// take swaps the waiting lines for an empty buffer. Lines are refused only when
// the buffer is full, so their gap record belongs right behind it.
func (l *Log) take(spare []byte) []byte {
	l.mu.Lock()
	batch, lost, since := l.waiting, l.lost, l.since
	l.waiting, l.lost, l.taken = spare[:0], 0, time.Time{}
	if len(batch) > 0 || lost > 0 {
		l.taken = time.Now()
	}
	l.mu.Unlock()
	if lost > 0 {
		batch = l.gap(batch, lost, since)
	}
	return batch
}

// gap appends the record that stands for lost lines.
func (l *Log) gap(dst []byte, lost uint64, since time.Time) []byte {
	o := object{b: dst}
	o.open("gap")
	o.text("edge", l.o.Edge)
	o.uint("gap", lost)
	o.time("from", since)
	o.time("until", time.Now())
	return o.close()
}

// note keeps the books after every attempt to write or sync.
func (l *Log) note(n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Bytes += uint64(n)
	l.stats.Rotations, l.stats.Removed = l.files.rotations, l.files.removed
	l.stats.Failing, l.stats.Error = err != nil, ""
	if err != nil {
		l.stats.Failures++
		l.stats.Error = err.Error()
	}
}
