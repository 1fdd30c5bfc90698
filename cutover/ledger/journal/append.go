package journal

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/speakops/sipedge/sipedge/records"
)

// Append writes one entry and returns once it is on the disk. On an error the
// entry is not in the journal, now or after a restart, unless the error is a
// *DoubtError; the caller stays where it was.
func (j *Journal) Append(entry []byte) error {
	if len(entry) > MaxEntry {
		return fmt.Errorf("cutover journal: entry of %d bytes is too long; at most %d", len(entry), MaxEntry)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return fmt.Errorf("cutover journal: %w", errClosed)
	case j.broken != nil:
		return fmt.Errorf("cutover journal: %w", j.broken)
	}
	err := j.append(appendEntry(nil, j.nonce, j.next, entry))
	if err != nil {
		return fmt.Errorf("cutover journal: %w", err)
	}
	j.next++
	j.live++
	return nil
}

// DoubtError says that the kernel could not say whether an entry reached the
// disk. It may be there after a restart. The journal takes no more until Rewrite
// has made a new file of what the caller knows to hold.
type DoubtError struct {
	Path string
	Err  error
}

func (e *DoubtError) Error() string {
	return fmt.Sprintf("%s: whether the last entry is on the disk is not known (%v); the journal must be written anew before it takes another", e.Path, e.Err)
}

func (e *DoubtError) Unwrap() error { return e.Err }

func (j *Journal) append(entry []byte) error {
	if j.doubt {
		// A write stopped halfway and could not be cut off then.
		if err := j.cutOff(); err != nil {
			return err
		}
	}
	if _, err := j.file.WriteAt(entry, j.size); err != nil {
		// Nothing of it may be found by a restart: cut off now, or before the next.
		j.doubt = true
		if cut := j.cutOff(); cut != nil {
			j.broken = &DoubtError{j.path(), errors.Join(err, cut)}
			return j.broken
		}
		return full(j.path(), err)
	}
	if err := j.file.Sync(); err != nil {
		// The kernel reports a page it could not write once and then calls it
		// clean: asking again would only hide the loss.
		j.broken = &DoubtError{j.path(), err}
		return j.broken
	}
	j.size += int64(len(entry))
	return nil
}

func (j *Journal) cutOff() error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.doubt = false
	return nil
}

// Rewrite makes a new file of these entries, under the same identity, and puts
// it in the old one's place at once: after a crash there is the one or the other.
// On an error the old one stays.
func (j *Journal) Rewrite(entries [][]byte) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return fmt.Errorf("cutover journal: %w", errClosed)
	}
	if err := j.rewrite(entries); err != nil {
		return fmt.Errorf("cutover journal: %w", err)
	}
	return nil
}

func (j *Journal) rewrite(entries [][]byte) error {
	text := makeHead(j.nonce)
	number := j.next
	for _, e := range entries {
		if len(e) > MaxEntry {
			return fmt.Errorf("entry of %d bytes is too long; at most %d", len(e), MaxEntry)
		}
		text = appendEntry(text, j.nonce, number, e)
		number++
	}
	fresh := j.path() + ".new"
	f, err := j.written(fresh, text)
	if err != nil {
		return full(fresh, err)
	}
	if err := j.files.Rename(fresh, j.path()); err != nil {
		f.Close()
		j.files.Remove(fresh)
		return full(fresh, err)
	}
	if j.file != nil {
		j.file.Close()
	}
	j.file, j.size, j.next, j.live = f, int64(len(text)), number, len(entries)
	j.doubt, j.broken = false, nil
	if err := j.files.SyncDir(j.dir); err != nil {
		// The new file has the name, but a power cut may bring the old one back;
		// what is appended here would be gone with it.
		j.broken = &DoubtError{j.path(), err}
		return j.broken
	}
	return nil
}

// written makes a file whose bytes are on the disk: it must be whole before it
// takes the old one's name.
func (j *Journal) written(name string, text []byte) (records.File, error) {
	f, err := j.files.Open(name)
	if err != nil {
		return nil, err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		j.files.Remove(name)
		return nil, err
	}
	return f, nil
}

// full says what to do when there is no room.
func full(path string, err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%s: the disk is full: %w; make room: until then this edge agrees to no revision", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
