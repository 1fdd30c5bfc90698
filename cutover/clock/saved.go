package clock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/speakops/sipedge/sipedge/records"
)

// saved is a belief on disk: its hull, so that a restart neither loses nor
// separates the clocks that were covered.
type saved struct {
	Version int    `json:"version"`
	Boot    string `json:"boot_id"`
	At      int64  `json:"boottime_ns"`
	Mono    int64  `json:"monotonic_ns"`
	Wall    int64  `json:"wall_ns"`
	Lo      int64  `json:"store_earliest_ns"`
	Hi      int64  `json:"store_latest_ns"`
	Set     bool   `json:"set,omitempty"` // the hull covers a clock that was set
}

const savedVersion = 1

// Save writes the clock down for a restart in the same boot. The file is
// replaced as a whole; a clock that knows nothing, or has nowhere to write,
// writes nothing.
func (c *Clock) Save() error {
	c.saving <- struct{}{}
	defer func() { <-c.saving }()
	b := c.belief.Load()
	if b == nil || c.path == "" {
		return nil
	}
	at := read(c.machine)
	t := b.covers(at, c.drift)
	text, err := json.Marshal(saved{savedVersion, c.machine.Boot(), at.boot, at.mono, at.wall, t.lo, t.hi, b.wasSet()})
	if err != nil {
		return err
	}
	return replace(c.files, c.path, append(text, '\n'))
}

// resume takes up what an earlier life of this boot saved. Another boot's boot
// clock began elsewhere, so its file says nothing.
func (c *Clock) resume() error {
	if c.path == "" {
		return nil
	}
	text, err := readAll(c.files, c.path)
	if err == nil && len(text) == 0 {
		return nil // there was none
	}
	var s saved
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return fmt.Errorf("clock: %s cannot be read, store time is unknown until the store answers: %w", c.path, err)
	}
	if s.Version != savedVersion || s.Boot == "" || s.Boot != c.machine.Boot() || s.Hi < s.Lo {
		return nil
	}
	// What was saved may cover several clocks, so no reading may narrow it: it
	// belongs to no epoch and becomes a former clock at the first reading.
	then := local{boot: s.At, mono: s.Mono, wall: s.Wall}
	c.belief.Store(&belief{now: track{ref: s.At, lo: s.Lo, hi: s.Hi}, heard: then, set: s.Set})
	return nil
}

// wasSet says that a clock that was set is covered.
func (b *belief) wasSet() bool {
	return b.set || slices.ContainsFunc(b.former, func(f former) bool { return f.stepped })
}

// readAll is what a file holds, nothing when there is none.
func readAll(files records.Files, name string) ([]byte, error) {
	there, err := files.List(filepath.Dir(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if _, is := there[filepath.Base(name)]; err != nil || !is {
		return nil, err // opening would make it
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	text := make([]byte, size)
	if err == nil && size > 0 {
		_, err = io.ReadFull(io.NewSectionReader(f, 0, size), text)
	}
	return text, errors.Join(err, f.Close())
}

// replace writes a file beside name, forces it to disk and renames it over name.
func replace(files records.Files, name string, text []byte) error {
	fresh := name + ".new"
	f, err := files.Open(fresh)
	if err != nil {
		return err
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt(text, 0)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = files.Rename(fresh, name)
	}
	if err != nil {
		_ = files.Remove(fresh)
		return err
	}
	return files.SyncDir(filepath.Dir(name))
}
