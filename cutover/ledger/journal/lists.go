package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/sipedge/records"
)

// Lists keeps lists of numbers on disk, each in a file named by its content: an
// edge prepares a revision only when the lists of its cutovers are here.
type Lists struct {
	files records.Files
	dir   string
}

// OpenLists uses a directory, which is made if it is absent.
func OpenLists(dir string, files records.Files) (*Lists, error) {
	if files == nil {
		files = records.Disk{}
	}
	if err := files.MakeDir(dir); err != nil {
		return nil, fmt.Errorf("lists: %w", err)
	}
	return &Lists{files, dir}, nil
}

const listEnding = ".numbers"

func (l *Lists) path(id cutover.ListID) string { return filepath.Join(l.dir, string(id)+listEnding) }

// Put returns once the list is on the disk. Putting it again is harmless.
func (l *Lists) Put(list cutover.List) (err error) {
	id := list.ID()
	if !isAddress(string(id)) {
		return fmt.Errorf("lists: %.70q is no list", id)
	}
	if _, err := l.Get(id); err == nil {
		return nil
	}
	fresh := l.path(id) + ".new"
	f, err := l.files.Open(fresh)
	if err != nil {
		return fmt.Errorf("lists: %w", full(fresh, err))
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			l.files.Remove(fresh)
		}
	}()
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("lists: %w", full(fresh, err))
	}
	if _, err := f.WriteAt(list.Encode(), 0); err != nil {
		return fmt.Errorf("lists: %w", full(fresh, err))
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("lists: %w", full(fresh, err))
	}
	if err := l.files.Rename(fresh, l.path(id)); err != nil {
		return fmt.Errorf("lists: %w", full(fresh, err))
	}
	if err := l.files.SyncDir(l.dir); err != nil {
		return fmt.Errorf("lists: %w", full(fresh, err))
	}
	return nil
}

// Get reads a list and checks its content against its name.
func (l *Lists) Get(id cutover.ListID) (cutover.List, error) {
	if !isAddress(string(id)) {
		return cutover.List{}, fmt.Errorf("lists: %.70q is no list", id)
	}
	names, err := l.IDs()
	if err != nil {
		return cutover.List{}, err
	}
	if !names[id] { // opening would make it
		return cutover.List{}, fmt.Errorf("lists: %.12s is not on this disk", id)
	}
	f, err := l.files.Open(l.path(id))
	if err != nil {
		return cutover.List{}, fmt.Errorf("lists: %w", err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return cutover.List{}, fmt.Errorf("lists: %w", err)
	}
	text := make([]byte, size)
	if _, err := f.ReadAt(text, 0); err != nil && size > 0 {
		return cutover.List{}, fmt.Errorf("lists: %w", err)
	}
	list, err := cutover.DecodeList(id, text)
	if err != nil {
		return cutover.List{}, fmt.Errorf("lists: %s: %w", l.path(id), err)
	}
	return list, nil
}

// IDs is every list that has a file here.
func (l *Lists) IDs() (map[cutover.ListID]bool, error) {
	names, err := l.files.List(l.dir)
	if err != nil {
		return nil, fmt.Errorf("lists: %w", err)
	}
	all := map[cutover.ListID]bool{}
	for name := range names {
		if id, ok := strings.CutSuffix(name, listEnding); ok && isAddress(id) {
			all[cutover.ListID(id)] = true
		}
	}
	return all, nil
}

// Keep removes every list that keep does not want, and what a crash left of
// others.
func (l *Lists) Keep(keep func(cutover.ListID) bool) error {
	names, err := l.files.List(l.dir)
	if err != nil {
		return fmt.Errorf("lists: %w", err)
	}
	for name := range names {
		id, whole := strings.CutSuffix(name, listEnding)
		left := strings.HasSuffix(name, listEnding+".new")
		if left || whole && isAddress(id) && !keep(cutover.ListID(id)) {
			if err := l.files.Remove(filepath.Join(l.dir, name)); err != nil {
				return fmt.Errorf("lists: %w", err)
			}
		}
	}
	return nil
}

func isAddress(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size && s == strings.ToLower(s)
}
