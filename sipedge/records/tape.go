package records

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// journalHead opens every journal file; another version is another head.
const journalHead = "sipedgJ1"

// tape is the file of a Journal. Only the writer goroutine uses it.
type tape struct {
	files Files
	dir   string
	lazy  bool // no fsync

	file   File // nil while it could not be opened
	size   int64
	broken bool // fsync failed: what the file holds is no longer known, so it must be written anew
}

func (t *tape) path() string { return filepath.Join(t.dir, journalName) }

// open opens the file, and sets one aside that is not a journal of this version
// (its new name is returned): refusing to start would cost more than it is worth.
func (t *tape) open() (setAside string, err error) {
	f, err := t.files.Open(t.path())
	if err != nil {
		return "", err
	}
	size, err := f.Size()
	if err != nil {
		return "", errors.Join(err, f.Close())
	}
	head := make([]byte, len(journalHead))
	if size >= int64(len(head)) {
		if _, err := f.ReadAt(head, 0); err != nil {
			return "", errors.Join(err, f.Close())
		}
		if string(head) != journalHead {
			f.Close()
			setAside = fmt.Sprintf("%s.unreadable-%d", t.path(), time.Now().UnixMilli())
			if err := t.files.Rename(t.path(), setAside); err != nil {
				return "", err
			}
			again, err := t.open()
			return setAside + again, err
		}
	} else {
		size = 0 // a head torn off: nothing was ever written behind it
	}
	t.file, t.size = f, size
	return "", nil
}

// write puts a batch at the end; nothing counts until all of it is durable.
// The offset of the batch is returned.
func (t *tape) write(batch []byte) (int64, error) {
	if t.file == nil {
		if _, err := t.open(); err != nil {
			return 0, err
		}
	}
	if t.size == 0 {
		if _, err := t.file.WriteAt([]byte(journalHead), 0); err != nil {
			return 0, err
		}
		t.size = int64(len(journalHead))
	}
	if _, err := t.file.WriteAt(batch, t.size); err != nil {
		return 0, err
	}
	if err := t.flush(t.file); err != nil {
		t.broken = true
		return 0, err
	}
	offset := t.size
	t.size += int64(len(batch))
	return offset, nil
}

func (t *tape) flush(f File) error {
	if t.lazy {
		return nil
	}
	return f.Sync()
}

// scan yields every undamaged entry in order. end is the offset behind the last
// of them; damaged counts the places that had to be passed over on the way.
func (t *tape) scan(yield func(offset int64, kind byte, entry []byte)) (end int64, damaged int, err error) {
	const window = 256 << 10
	buf := make([]byte, window)
	var rest []byte               // what is read and not yet looked at
	at := int64(len(journalHead)) // file offset of rest
	end = min(at, t.size)
	lost := false
	for at < t.size {
		if left := t.size - at; int64(len(rest)) < min(left, maxEntry) {
			n := copy(buf, rest)
			rest = buf[:min(left, window)]
			if _, err := t.file.ReadAt(rest[n:], at+int64(n)); err != nil {
				return end, damaged, err
			}
		}
		kind, entry, ok := cutEntry(rest)
		skip := len(entry)
		switch {
		case !ok:
			lost = true
			skip = nextMark(rest)
		case lost:
			damaged++
			lost = false
			fallthrough
		default:
			yield(at, kind, entry)
			end = at + int64(skip)
		}
		at += int64(skip)
		rest = rest[skip:]
	}
	return end, damaged, nil
}

// nextMark is where the next entry may begin, at least one byte on.
func nextMark(b []byte) int {
	if i := bytes.IndexByte(b[1:], entryMark); i >= 0 {
		return i + 1
	}
	return len(b)
}

// move is where an entry was and where it is now.
type move struct {
	call     CallID
	from, to place // to is zero when the entry was damaged
}

// rewrite makes a new file of the entries in list (in order of offset), renames
// it into place and goes on with it. On an error the old file stays as it was.
func (t *tape) rewrite(list []move) (err error) {
	fresh := t.path() + ".new"
	f, err := t.files.Open(fresh)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			t.files.Remove(fresh)
		}
	}()
	if err := f.Truncate(0); err != nil {
		return err
	}
	size, err := t.copyTo(f, list)
	if err != nil {
		return err
	}
	// The new file must be whole on disk before it takes the old one's name.
	if err := f.Sync(); err != nil {
		return err
	}
	if err := t.files.Rename(fresh, t.path()); err != nil {
		return err
	}
	if t.file != nil {
		t.file.Close()
	}
	t.file, t.size, t.broken = f, size, false
	// Without this, a power cut may bring the old file back: older, but whole.
	t.files.SyncDir(t.dir)
	return nil
}

func (t *tape) copyTo(f File, list []move) (size int64, err error) {
	const chunk = 256 << 10
	out := append(make([]byte, 0, chunk+maxEntry), journalHead...)
	for i := range list {
		m := &list[i]
		from := len(out)
		out = out[:from+int(m.from.size)]
		_, err := t.file.ReadAt(out[from:], m.from.offset)
		if _, _, ok := cutEntry(out[from:]); err != nil || !ok {
			out = out[:from]
			continue
		}
		m.to = place{size + int64(from), m.from.size}
		if len(out) >= chunk {
			if _, err := f.WriteAt(out, size); err != nil {
				return 0, err
			}
			size += int64(len(out))
			out = out[:0]
		}
	}
	if _, err := f.WriteAt(out, size); err != nil {
		return 0, err
	}
	return size + int64(len(out)), nil
}
