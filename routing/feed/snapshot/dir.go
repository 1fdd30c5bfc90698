package snapshot

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/speakops/sipedge/routing"
)

const (
	nameBefore = "numbers-"
	nameAfter  = ".snapshot"
	tempAfter  = ".tmp"
)

// Dir is a folder with the snapshots of one edge. It is for one goroutine.
type Dir struct {
	path string
	good uint64 // the latest generation written or read here; 0: none yet
	last uint64 // the highest generation there is
}

// Open makes the folder if it is missing, and removes what a writer that died
// left behind.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o750); err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	d := &Dir{path: path}
	left, err := d.names(tempAfter)
	if err != nil {
		return nil, err
	}
	for _, generation := range left {
		if err := os.Remove(d.file(generation, tempAfter)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("snapshots: what was left half written cannot be removed: %w", err)
		}
	}
	there, err := d.names(nameAfter)
	if len(there) > 0 {
		d.last = there[0]
	}
	return d, err
}

// Load reads the newest snapshot that is whole and of the store below prefix
// into the table; false when there is none. Each newer one that was refused is a
// *RefusedError. The table is left alone by those.
func (d *Dir) Load(prefix string, table *routing.Table) (c Contents, ok bool, refused []error) {
	there, err := d.names(nameAfter)
	if err != nil {
		return c, false, []error{err}
	}
	for _, generation := range there {
		path := d.file(generation, nameAfter)
		if c, err = load(path, prefix, table); err == nil {
			d.good = generation
			return c, true, refused
		}
		refused = append(refused, &RefusedError{path, err})
	}
	return Contents{}, false, refused
}

// load reads a file twice: to see that it is whole, and then into the table.
func load(path, prefix string, table *routing.Table) (Contents, error) {
	f, err := os.Open(path)
	if err != nil {
		return Contents{}, err
	}
	defer f.Close()
	c, err := Decode(f, prefix, nil)
	if err != nil {
		return c, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return c, err
	}
	table.Reserve(table.Len() + c.Records)
	return Decode(f, prefix, func(e routing.Entry) { table.Enter(e) })
}

// Write puts a new generation beside the others, whole or not at all, and
// removes all but it and the one before that was good.
func (d *Dir) Write(head *Head, table *routing.Table, lost []routing.PublicNumber) error {
	generation := d.last + 1
	temp := d.file(generation, tempAfter)
	if err := write(temp, head, table, lost); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("snapshot %s: %w", temp, err)
	}
	if err := os.Rename(temp, d.file(generation, nameAfter)); err != nil {
		_ = os.Remove(temp)
		return fmt.Errorf("snapshot: %w", err)
	}
	before := d.good
	d.good, d.last = generation, generation
	if err := syncDir(d.path); err != nil {
		return fmt.Errorf("snapshot: %w", err) // both stay
	}
	return d.prune(before)
}

func write(path string, head *Head, table *routing.Table, lost []routing.PublicNumber) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	to := bufio.NewWriterSize(f, 256<<10)
	if err := Encode(to, head, table, lost); err != nil {
		return err
	}
	if err := to.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d *Dir) prune(before uint64) error {
	there, err := d.names(nameAfter)
	for _, generation := range there {
		if generation != before && generation != d.good {
			err = errors.Join(err, os.Remove(d.file(generation, nameAfter)))
		}
	}
	return err
}

func (d *Dir) file(generation uint64, after string) string {
	return filepath.Join(d.path, fmt.Sprintf("%s%012d%s", nameBefore, generation, after))
}

// names is the generations there are, newest first.
func (d *Dir) names(after string) (generations []uint64, err error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, fmt.Errorf("snapshots: %w", err)
	}
	for _, e := range entries {
		middle, ok := strings.CutPrefix(e.Name(), nameBefore)
		middle, ok2 := strings.CutSuffix(middle, after)
		generation, err := strconv.ParseUint(middle, 10, 63)
		if ok && ok2 && err == nil && generation > 0 && e.Name() == filepath.Base(d.file(generation, after)) {
			generations = append(generations, generation)
		}
	}
	slices.Sort(generations)
	slices.Reverse(generations)
	return generations, nil
}
