package records

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quota is the real disk with a limit of bytes, and faults on demand. Like a
// full disk it writes what still fits and then says ENOSPC.
type quota struct {
	Disk
	mu    sync.Mutex
	room  int64 // bytes left; below 0 is no limit
	fails error // what every write and open returns
	sync  error // what the next sync returns
	hang  chan struct{}
	syncs int
}

func (q *quota) set(room int64, fails error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room, q.fails = room, fails
}

type quotaFile struct {
	File
	q *quota
}

func (q *quota) Open(name string) (File, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fails != nil {
		return nil, q.fails
	}
	f, err := q.Disk.Open(name)
	if err != nil {
		return nil, err
	}
	return quotaFile{f, q}, nil
}

func (f quotaFile) WriteAt(b []byte, off int64) (int, error) {
	f.q.mu.Lock()
	hang := f.q.hang
	f.q.mu.Unlock()
	if hang != nil {
		<-hang
	}
	f.q.mu.Lock()
	defer f.q.mu.Unlock()
	if f.q.fails != nil {
		return 0, f.q.fails
	}
	size, err := f.Size()
	if err != nil {
		return 0, err
	}
	fits := b
	if grows := off + int64(len(b)) - size; f.q.room >= 0 && grows > f.q.room {
		fits = b[:max(0, int64(len(b))-(grows-f.q.room))]
	}
	n, err := f.File.WriteAt(fits, off)
	if after, _ := f.Size(); f.q.room >= 0 {
		f.q.room -= after - size
	}
	if err == nil && len(fits) < len(b) {
		err = unix.ENOSPC
	}
	return n, err
}

func (f quotaFile) Sync() error {
	f.q.mu.Lock()
	defer f.q.mu.Unlock()
	f.q.syncs++
	err := f.q.sync
	f.q.sync = nil
	return err
}

func contents(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDiskLockIsExclusive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	var first io.Closer
	first, err := Disk{}.Lock(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (Disk{}).Lock(name); err == nil {
		t.Error("a second lock was granted")
	}
	first.Close()
	again, err := Disk{}.Lock(name)
	if err != nil {
		t.Fatalf("after the first was released: %v", err)
	}
	again.Close()
}
