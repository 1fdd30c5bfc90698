package storm

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/speakops/sipedge/sipedge/records"
)

// disk is what survives a crash: what was forced to it, and chance decides about
// the rest.
type disk struct{ names map[string]*content }

// content is one file: what was forced to the disk, and what the kernel has.
type content struct{ forced, seen []byte }

func (c *content) dirty() bool { return !bytes.Equal(c.forced, c.seen) }

var (
	errGone  = errors.New("this life of the machine is over")
	errInput = unix.EIO
)

// mount is the disk as one life of an edge sees it. A mount that is cut off does
// nothing any more.
type mount struct {
	d     *disk
	pause func() time.Duration // how long the disk takes to force something
	fails func() error
	lies  string // broken: nothing in this directory is ever forced to the disk

	mu    sync.Mutex
	names map[string]*content
	gone  bool
}

func (d *disk) mount(pause func() time.Duration, fails func() error) *mount {
	m := &mount{d: d, pause: pause, fails: fails, names: map[string]*content{}}
	for name, c := range d.names {
		c.seen = slices.Clone(c.forced)
		m.names[name] = c
	}
	return m
}

// cutOff ends this life and leaves on the disk what a crash leaves: renames that
// were not forced happened or not, and the last writes are there, or not, or in
// part, or as sectors of zeros.
func (m *mount) cutOff(d *dice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return
	}
	m.gone = true
	if d.chance(0.5) {
		m.d.names = m.names
	}
	for _, name := range slices.Sorted(maps.Keys(m.d.names)) {
		c := m.d.names[name]
		if c.dirty() {
			c.forced = remains(c, d)
		}
	}
}

// remains is what a crash leaves of a file with unforced writes.
func remains(c *content, d *dice) []byte {
	if len(c.seen) < len(c.forced) || !bytes.HasPrefix(c.seen, c.forced) {
		if d.chance(0.5) {
			return c.seen
		}
		return c.forced
	}
	switch from := len(c.forced); d.below(4) {
	case 0:
		return c.forced
	case 1:
		return c.seen
	case 2: // cut short
		return c.seen[:from+d.below(len(c.seen)-from+1)]
	default: // the length is there, the last bytes never came
		torn := slices.Clone(c.seen)
		const sector = 512
		at := max(from, (from+d.below(len(torn)-from))/sector*sector)
		clear(torn[at:])
		return torn
	}
}

func (m *mount) alive() error {
	if m.gone {
		return errGone
	}
	return nil
}

// wait is what forcing something costs; the machine may be gone after it.
func (m *mount) wait() error {
	time.Sleep(m.pause())
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.alive(); err != nil {
		return err
	}
	return m.fails()
}

// Open implements records.Files.
func (m *mount) Open(name string) (records.File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return nil, errGone
	}
	c := m.names[name]
	if c == nil {
		c = &content{}
		m.names[name] = c
	}
	return &handle{m, name, c}, nil
}

// Rename implements records.Files.
func (m *mount) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone || m.names[from] == nil {
		return errors.Join(errGone, errors.New(from))
	}
	m.names[to] = m.names[from]
	delete(m.names, from)
	return nil
}

// Remove implements records.Files.
func (m *mount) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.names, name)
	return m.alive()
}

// List implements records.Files.
func (m *mount) List(dir string) (map[string]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sizes := map[string]int64{}
	for name, c := range m.names {
		if path.Dir(name) == path.Clean(dir) {
			sizes[path.Base(name)] = int64(len(c.seen))
		}
	}
	return sizes, m.alive()
}

// MakeDir implements records.Files.
func (m *mount) MakeDir(string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.alive()
}

// SyncDir implements records.Files.
func (m *mount) SyncDir(dir string) error {
	if m.lies != "" && path.Clean(dir) == m.lies {
		return nil
	}
	if err := m.wait(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return errGone
	}
	kept := maps.Clone(m.d.names)
	if kept == nil {
		kept = map[string]*content{}
	}
	maps.DeleteFunc(kept, func(name string, _ *content) bool { return path.Dir(name) == path.Clean(dir) })
	for name, c := range m.names {
		if path.Dir(name) == path.Clean(dir) {
			kept[name] = c
		}
	}
	m.d.names = kept
	return nil
}

// Lock implements records.Files. No two lives of an edge overlap here.
func (m *mount) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// handle is one open file.
type handle struct {
	m    *mount
	name string
	c    *content
}

// ReadAt implements records.File.
func (h *handle) ReadAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.m.gone {
		return 0, errGone
	}
	return bytes.NewReader(h.c.seen).ReadAt(b, off)
}

// WriteAt implements records.File.
func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.m.gone {
		return 0, errGone
	}
	if grown := int(off) + len(b) - len(h.c.seen); grown > 0 {
		h.c.seen = append(h.c.seen, make([]byte, grown)...)
	}
	return copy(h.c.seen[off:], b), nil
}

// Close implements records.File.
func (h *handle) Close() error { return nil }

// Size implements records.File.
func (h *handle) Size() (int64, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return int64(len(h.c.seen)), h.m.alive()
}

// Truncate implements records.File.
func (h *handle) Truncate(size int64) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.m.gone {
		return errGone
	}
	h.c.seen = append(h.c.seen[:min(size, int64(len(h.c.seen)))], make([]byte, max(0, int(size)-len(h.c.seen)))...)
	return nil
}

// Sync implements records.File.
func (h *handle) Sync() error {
	if h.m.lies != "" && path.Dir(h.name) == h.m.lies {
		return nil
	}
	if err := h.m.wait(); err != nil {
		return err
	}
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if h.m.gone {
		return errGone
	}
	h.c.forced = slices.Clone(h.c.seen)
	return nil
}
