package records

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Files is the part of a file system that logs and journals need; tests put one
// here that runs full.
type Files interface {
	// Open opens a file for reading and writing and makes it when it is absent.
	Open(name string) (File, error)
	Rename(from, to string) error
	Remove(name string) error
	// List gives the names and sizes of the regular files of a directory.
	List(dir string) (map[string]int64, error)
	// MakeDir makes a directory and its parents; an existing one is fine.
	MakeDir(dir string) error
	// SyncDir makes renames in a directory durable.
	SyncDir(dir string) error
	// Lock takes a lock file for this process; ErrLocked when another has it.
	Lock(name string) (io.Closer, error)
}

// File is one open file. Writing the same bytes at the same offset again is
// always allowed, so a failed write is simply repeated.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Size() (int64, error)
	Truncate(size int64) error
	Sync() error
}

// ErrLocked means that another process works in the same directory.
var ErrLocked = errors.New("another process has it locked")

// Disk is the kernel's file system. New files are readable by owner and group
// only: they tell who called whom.
type Disk struct{}

type diskFile struct{ *os.File }

func (f diskFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (Disk) Open(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

func (Disk) Rename(from, to string) error { return os.Rename(from, to) }
func (Disk) Remove(name string) error     { return os.Remove(name) }
func (Disk) MakeDir(dir string) error     { return os.MkdirAll(dir, 0o750) }

func (Disk) List(dir string) (map[string]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	sizes := make(map[string]int64, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // gone since, or none of ours
		}
		sizes[e.Name()] = info.Size()
	}
	return sizes, nil
}

func (Disk) SyncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (Disk) Lock(name string) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return f, nil
}

// passing says whether an error may go away without a person: a full or failing
// disk. A missing right or a wrong path will not.
func passing(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EIO)
}
