package journal

import (
	"golang.org/x/sys/unix"

	"github.com/speakops/sipedge/sipedge/records"
)

// faulty is the real disk with faults on demand.
type faulty struct {
	records.Disk
	room    int64 // bytes that may still be written; below 0 is no limit
	short   bool  // a write that does not fit writes what fits, as a full disk does
	sync    error // what every sync returns
	cut     error // what every truncation returns
	rename  error
	dirSync error
}

func healthy() *faulty { return &faulty{room: -1} }

type faultyFile struct {
	records.File
	d *faulty
}

func (d *faulty) Open(name string) (records.File, error) {
	f, err := d.Disk.Open(name)
	return faultyFile{f, d}, err
}

func (d *faulty) Rename(from, to string) error {
	if d.rename != nil {
		return d.rename
	}
	return d.Disk.Rename(from, to)
}

func (d *faulty) SyncDir(dir string) error {
	if d.dirSync != nil {
		return d.dirSync
	}
	return d.Disk.SyncDir(dir)
}

func (f faultyFile) WriteAt(b []byte, off int64) (int, error) {
	if f.d.room < 0 {
		return f.File.WriteAt(b, off)
	}
	n, err := f.File.WriteAt(b[:min(int64(len(b)), f.d.room)], off)
	f.d.room -= int64(n)
	if err == nil && n < len(b) {
		err = unix.ENOSPC
	}
	return n, err
}

func (f faultyFile) Sync() error {
	if f.d.sync != nil {
		return f.d.sync
	}
	return f.File.Sync()
}

func (f faultyFile) Truncate(size int64) error {
	if f.d.cut != nil {
		return f.d.cut
	}
	return f.File.Truncate(size)
}
