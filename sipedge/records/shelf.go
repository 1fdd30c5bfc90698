package records

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shelf is the files of one Log: the current one and the older ones, numbered
// in order. Only the writer goroutine uses it.
type shelf struct {
	o    LogOptions
	file File  // the current one, nil while it could not be opened
	size int64 // of the current one, up to the last whole write
	old  []volume
	next int

	unsynced           bool
	synced             time.Time
	rotations, removed uint64
}

type volume struct {
	number int
	size   int64
}

// open finds the older files, opens the current one and cuts it behind its last
// whole line; torn says that there was something to cut.
func (s *shelf) open() (torn bool, err error) {
	if err := s.o.Files.MakeDir(s.o.Dir); err != nil {
		return false, err
	}
	names, err := s.o.Files.List(s.o.Dir)
	if err != nil {
		return false, err
	}
	s.old, s.next = nil, 1
	for name, size := range names {
		if n, ok := s.number(name); ok {
			s.old = append(s.old, volume{n, size})
			s.next = max(s.next, n+1)
		}
	}
	slices.SortFunc(s.old, func(a, b volume) int { return a.number - b.number })
	if err := s.reopen(); err != nil {
		return false, err
	}
	whole, err := lastLine(s.file, s.size)
	if err != nil || whole == s.size {
		return false, err
	}
	if err := s.file.Truncate(whole); err != nil {
		return false, err
	}
	s.size = whole
	return true, nil
}

func (s *shelf) reopen() error {
	f, err := s.o.Files.Open(s.path(s.o.Name + ".jsonl"))
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	s.file, s.size = f, size
	return nil
}

// lastLine is the offset behind the last line feed.
func lastLine(f File, size int64) (int64, error) {
	chunk := make([]byte, 64<<10)
	for size > 0 {
		n := min(size, int64(len(chunk)))
		if _, err := f.ReadAt(chunk[:n], size-n); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(chunk[:n], '\n'); i >= 0 {
			return size - n + int64(i) + 1, nil
		}
		size -= n
	}
	return 0, nil
}

// append writes whole lines and returns how many bytes of them are done. A
// write that stopped halfway is repeated from the same offset next time.
func (s *shelf) append(lines []byte) (done int, err error) {
	for done < len(lines) {
		if s.file == nil {
			if err := s.reopen(); err != nil {
				return done, err
			}
		}
		part := fitting(lines[done:], s.o.FileBytes-s.size)
		if part == 0 && s.size > 0 {
			if err := s.rotate(); err != nil {
				return done, err
			}
			continue
		}
		if part == 0 { // one line longer than a whole file
			part = bytes.IndexByte(lines[done:], '\n') + 1
		}
		s.makeRoom(int64(part))
		if _, err := s.file.WriteAt(lines[done:done+part], s.size); err != nil {
			return done, err
		}
		s.size += int64(part)
		s.unsynced = true
		done += part
	}
	if time.Since(s.synced) >= s.o.SyncEvery {
		return done, s.sync()
	}
	return done, nil
}

// fitting is how many bytes of whole lines fit into room.
func fitting(lines []byte, room int64) int {
	if int64(len(lines)) <= room {
		return len(lines)
	}
	return bytes.LastIndexByte(lines[:max(0, room)], '\n') + 1
}

// rotate sets the current file aside. The name is taken before the new file is
// made, so a disk that fails in between leaves no file behind without a number.
func (s *shelf) rotate() error {
	// A record that was set aside is evidence: it is made durable first. If
	// that fails, it is the disk's trouble, and the next line's as well.
	if err := s.sync(); err != nil {
		return err
	}
	number := s.next
	aside := s.path(fmt.Sprintf("%s-%06d.jsonl", s.o.Name, number))
	if err := s.o.Files.Rename(s.path(s.o.Name+".jsonl"), aside); err != nil {
		return err
	}
	s.old = append(s.old, volume{number, s.size})
	s.next++
	s.rotations++
	s.close()
	return s.reopen()
}

// makeRoom removes the oldest files until n more bytes stay below the bound. A
// file that cannot be removed is forgotten until the next start, else it would
// be tried for ever.
func (s *shelf) makeRoom(n int64) {
	total := s.size + n
	for _, v := range s.old {
		total += v.size
	}
	for len(s.old) > 0 && total > s.o.MaxBytes {
		oldest := s.old[0]
		s.old = s.old[1:]
		total -= oldest.size
		if s.o.Files.Remove(s.path(fmt.Sprintf("%s-%06d.jsonl", s.o.Name, oldest.number))) == nil {
			s.removed++
		}
	}
}

func (s *shelf) number(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, s.o.Name+"-")
	if !ok {
		return 0, false
	}
	digits, ok = strings.CutSuffix(digits, ".jsonl")
	if !ok || len(digits) < 6 {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0
}

func (s *shelf) path(name string) string { return filepath.Join(s.o.Dir, name) }

func (s *shelf) sync() error {
	s.synced = time.Now()
	if s.file == nil || !s.unsynced {
		return nil
	}
	// The kernel reports a page it could not write once and then calls it
	// clean: asking again would only hide the loss.
	s.unsynced = false
	return s.file.Sync()
}

// syncDue fires when written lines have waited long enough; nil never does.
func (s *shelf) syncDue() <-chan time.Time {
	if !s.unsynced {
		return nil
	}
	return time.After(max(0, s.o.SyncEvery-time.Since(s.synced)))
}

func (s *shelf) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}
