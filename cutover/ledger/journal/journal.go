package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"github.com/speakops/sipedge/sipedge/records"
)

// Options of a Journal. The zero value means the defaults in parentheses.
type Options struct {
	Name  string        // of the file, without its ending ("cutover")
	Files records.Files // (records.Disk)
}

// Journal is an append-only file of entries in one directory. It is safe for use
// by many goroutines; they append one after the other.
type Journal struct {
	files records.Files
	dir   string
	name  string
	lock  io.Closer
	nonce string

	mu     sync.Mutex
	file   records.File
	size   int64  // up to the last durable entry
	next   uint64 // number of the next entry
	live   int    // entries in the file
	doubt  bool   // a write or fsync failed: what is behind size is not known
	broken error  // the file itself can no longer be trusted; only Rewrite mends it
	closed bool
}

// Found is what Open found.
type Found struct {
	New     bool   // there was no journal: this identity is new
	Entries int    // read
	Torn    int64  // bytes of an entry that a crash left unfinished, cut off
	Path    string // of the file
}

// CorruptError says that a journal is not what was written. It is not opened:
// what it no longer says, nobody may guess.
type CorruptError struct {
	Path    string
	Offset  int64 // bytes from the beginning of the file
	Problem string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: at byte %d: %s; move the file away: the edge then joins as a new identity, and the old one must be declared off", e.Path, e.Offset, e.Problem)
}

var errClosed = errors.New("journal is closed")

// Open opens the journal of a directory, or makes one with a new identity, and
// gives every entry to replay, the oldest first; the bytes are its to keep. An
// unfinished last entry is cut off and counted. *CorruptError for a file that is
// foreign or was changed, records.ErrLocked when another process has it.
func Open(dir string, o Options, replay func(entry []byte) error) (*Journal, Found, error) {
	if o.Name == "" {
		o.Name = "cutover"
	}
	if o.Files == nil {
		o.Files = records.Disk{}
	}
	j := &Journal{files: o.Files, dir: dir, name: o.Name}
	found, err := j.open(replay)
	if err != nil {
		j.release()
		return nil, found, fmt.Errorf("cutover journal: %w", err)
	}
	return j, found, nil
}

func (j *Journal) path() string { return filepath.Join(j.dir, j.name+".journal") }

func (j *Journal) open(replay func([]byte) error) (Found, error) {
	found := Found{Path: j.path()}
	if err := j.files.MakeDir(j.dir); err != nil {
		return found, err
	}
	lock, err := j.files.Lock(filepath.Join(j.dir, j.name+".lock"))
	if err != nil {
		return found, err
	}
	j.lock = lock
	if j.file, err = j.files.Open(j.path()); err != nil {
		return found, err
	}
	size, err := j.file.Size()
	if err != nil {
		return found, err
	}
	if size < headSize {
		// A head is written before anything is promised, and renamed into place, so
		// a shorter file never held an entry.
		head := make([]byte, size)
		if _, err := j.file.ReadAt(head, 0); err != nil && err != io.EOF {
			return found, err
		}
		if size > 0 {
			return found, &CorruptError{j.path(), 0, fmt.Sprintf("it has %d bytes, less than the head of a journal", size)}
		}
		found.New = true
		j.nonce, j.next = rand.Text(), 1
		return found, j.rewrite(nil)
	}
	return found, j.replay(size, &found, replay)
}

// replay reads the whole file.
func (j *Journal) replay(size int64, found *Found, replay func([]byte) error) error {
	head := make([]byte, headSize)
	if _, err := j.file.ReadAt(head, 0); err != nil {
		return err
	}
	nonce, ok := readHead(head)
	if !ok {
		return &CorruptError{j.path(), 0, "it is no journal of this program, or its head was changed"}
	}
	j.nonce = nonce
	r := reader{file: j.file, at: headSize, end: size}
	for r.at < size {
		rest, err := r.entry()
		if err != nil {
			return err
		}
		number, text, n := cutEntry(rest, nonce)
		if n == 0 {
			return j.tail(&r, found)
		}
		if found.Entries > 0 && number != j.next {
			return &CorruptError{j.path(), r.at, fmt.Sprintf("entry %d follows where %d belongs: entries were removed or doubled", number, j.next)}
		}
		if err := replay(append([]byte(nil), text...)); err != nil {
			return fmt.Errorf("%s: entry %d: %w", j.path(), number, err)
		}
		j.next = number + 1
		found.Entries++
		r.at += int64(n)
	}
	j.size, j.live = r.at, found.Entries
	if j.next == 0 {
		j.next = 1
	}
	return nil
}

// tail cuts off what a crash left, and refuses everything else.
func (j *Journal) tail(r *reader, found *Found) error {
	rest, err := r.rest()
	if err != nil {
		return err
	}
	for from := 1; from < len(rest); from++ {
		if _, _, n := cutEntry(rest[from:], j.nonce); n > 0 {
			return &CorruptError{j.path(), r.at, "an entry fails its checksum, and others follow it"}
		}
	}
	if !torn(rest, r.at, j.nonce) {
		return &CorruptError{j.path(), r.at, "the last entry is all there and fails its checksum: it was changed, not torn"}
	}
	if err := j.file.Truncate(r.at); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	found.Torn = int64(len(rest))
	j.size, j.live = r.at, found.Entries
	if j.next == 0 {
		j.next = 1
	}
	return nil
}

// reader reads a file of any size an entry at a time.
type reader struct {
	file    records.File
	at, end int64
	buf     []byte
	from    int64 // file offset of buf
}

const window = 1 << 20

// entry is at least the next whole entry, if the file has it.
func (r *reader) entry() ([]byte, error) {
	have := r.buf[min(int64(len(r.buf)), r.at-r.from):]
	need := int64(entryHead)
	for {
		if int64(len(have)) >= min(need, r.end-r.at) {
			if need > entryHead || len(have) < entryHead {
				return have, nil
			}
			n := int64(have[0]) | int64(have[1])<<8 | int64(have[2])<<16 | int64(have[3])<<24
			if n > MaxEntry {
				return have, nil // no entry; the tail will say
			}
			if need = entryHead + n; need == entryHead || int64(len(have)) >= need {
				return have, nil
			}
			continue
		}
		buf := make([]byte, min(max(need, window), r.end-r.at))
		if _, err := r.file.ReadAt(buf, r.at); err != nil {
			return nil, err
		}
		r.buf, r.from, have = buf, r.at, buf
	}
}

// rest is everything from here on, up to what one entry and one more could be.
func (r *reader) rest() ([]byte, error) {
	buf := make([]byte, min(r.end-r.at, 2*(MaxEntry+entryHead)))
	_, err := r.file.ReadAt(buf, r.at)
	return buf, err
}

// Nonce names the identity that was made with this journal: 26 letters and digits.
func (j *Journal) Nonce() string { return j.nonce }

// Stats is what a Journal tells about itself.
type Stats struct {
	Entries int   // in the file
	Bytes   int64 // of the file
	Failing error // why the last append was not taken; nil when it was
}

// Stats is a snapshot.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{j.live, j.size, j.broken}
}

// Close gives the directory back. Everything appended is on the disk already.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	return j.release()
}

func (j *Journal) release() error {
	var errs []error
	if j.file != nil {
		errs = append(errs, j.file.Close())
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
	}
	return errors.Join(errs...)
}
