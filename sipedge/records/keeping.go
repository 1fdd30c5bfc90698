package records

import (
	"slices"
	"time"
)

// load reads the file as it was left and returns the dialogs that are up.
func (j *Journal) load(now time.Time) ([]Dialog, error) {
	aside, err := j.tape.open()
	if err != nil {
		if !passing(err) {
			return nil, err
		}
		j.failed(err)
		return nil, nil
	}
	j.stats.SetAside = aside
	end, damaged, err := j.tape.scan(j.reread)
	if err != nil {
		// A disk that cannot be read any further: what was found is what there is.
		j.failed(err)
		end = j.tape.size
	}
	j.stats.Damaged += uint64(damaged)
	if end < j.tape.size {
		// If this fails, the next batch is written over the torn entry anyway.
		j.tape.file.Truncate(end)
		j.tape.size = end
	}
	live := j.revive(now)
	if damaged > 0 || j.wasteful() {
		if err := j.compact(); err != nil {
			j.failed(err)
		}
	}
	j.stats.FileBytes = j.tape.size
	return live, nil
}

func (j *Journal) reread(offset int64, kind byte, entry []byte) {
	call, ok := entryCall(kind, entry)
	switch {
	case !ok:
		j.stats.Damaged++
	case kind == kindEnded:
		delete(j.kept, call)
	default:
		if _, again := j.kept[call]; again || len(j.kept) < j.o.MaxDialogs {
			j.kept[call] = place{offset, int32(len(entry))}
		}
	}
}

// revive decodes what the file says is up and drops what cannot be any more.
func (j *Journal) revive(now time.Time) []Dialog {
	live := make([]Dialog, 0, len(j.kept))
	for _, m := range j.places() {
		entry := make([]byte, m.from.size)
		var d Dialog
		_, err := j.tape.file.ReadAt(entry, m.from.offset)
		if err == nil {
			err = d.Decode(entry[entryHead:])
		}
		switch {
		case err != nil:
			j.stats.Damaged++
		case !d.Expires.After(now):
			j.stats.Expired++
		default:
			live = append(live, d)
			j.live += int64(m.from.size)
			continue
		}
		delete(j.kept, m.call)
	}
	return live
}

// places lists the written entries of kept dialogs in order of offset.
func (j *Journal) places() []move {
	j.mu.Lock()
	list := make([]move, 0, len(j.kept))
	for call, at := range j.kept {
		if at.size > 0 {
			list = append(list, move{call: call, from: at})
		}
	}
	j.mu.Unlock()
	slices.SortFunc(list, func(a, b move) int { return int(min(1, max(-1, a.from.offset-b.from.offset))) })
	return list
}

// write is the one goroutine that touches the file after load.
func (j *Journal) write() {
	defer close(j.done)
	defer j.unlock()
	defer func() {
		if j.tape.file != nil {
			j.tape.file.Close()
		}
	}()
	var batch []byte
	for open := true; open; {
		open = j.rest(j.o.FlushEvery, nil, nil)
		for {
			if len(batch) == 0 {
				if batch = j.take(batch); len(batch) == 0 {
					break
				}
			}
			err := j.put(batch)
			if err == nil {
				batch = batch[:0]
				j.tidy()
				continue
			}
			j.failed(err)
			if !open {
				return // the last attempt failed
			}
			open = j.pause(j.o.RetryEvery, nil)
		}
	}
}

func (j *Journal) take(spare []byte) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	batch := j.waiting
	j.waiting, j.held = spare[:0], 0
	return batch
}

// put writes a batch and notes where its dialogs now lie.
func (j *Journal) put(batch []byte) error {
	if j.tape.broken {
		if err := j.compact(); err != nil {
			return err
		}
	}
	offset, err := j.tape.write(batch)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for rest := batch; len(rest) > 0; {
		kind, entry, ok := cutEntry(rest)
		if !ok {
			break // cannot be: the batch is our own
		}
		if call, _ := entryCall(kind, entry); kind == kindAnswered {
			j.settle(call, place{offset, int32(len(entry))})
		}
		j.stats.Entries++
		offset += int64(len(entry))
		rest = rest[len(entry):]
	}
	j.stats.FileBytes = j.tape.size
	j.stats.Failing, j.stats.Error = false, ""
	return nil
}

// settle is called with mu held. A dialog that ended meanwhile stays forgotten:
// its end waits to be written.
func (j *Journal) settle(call CallID, at place) {
	if before, ok := j.kept[call]; ok {
		j.live += int64(at.size - before.size)
		j.kept[call] = at
	}
}

// wasteful says whether more than half of a file worth the trouble is garbage.
func (j *Journal) wasteful() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.tape.size >= j.o.CompactFrom && j.tape.size > 2*j.live
}

// tidy compacts when that is due. A failure is counted and costs nothing but
// the space; the next try waits, for a compaction is a lot of writing.
func (j *Journal) tidy() {
	if !j.wasteful() || time.Now().Before(j.later) {
		return
	}
	if err := j.compact(); err != nil {
		j.later = time.Now().Add(10 * j.o.RetryEvery)
		j.mu.Lock()
		j.stats.Failures++
		j.stats.Error = err.Error()
		j.mu.Unlock()
	}
}

func (j *Journal) compact() error {
	list := j.places()
	if err := j.tape.rewrite(list); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Compactions++
	j.stats.FileBytes = j.tape.size
	for _, m := range list {
		// One that ended or was replaced meanwhile has its entry on the way.
		if at, ok := j.kept[m.call]; ok && at == m.from {
			j.kept[m.call] = m.to
			if m.to.size == 0 {
				j.live -= int64(m.from.size)
				j.stats.Damaged++
			}
		}
	}
	return nil
}

func (j *Journal) failed(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stats.Failures++
	j.stats.Failing, j.stats.Error = true, err.Error()
}
