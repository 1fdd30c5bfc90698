package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ServeOnDisk is Serve for an edge whose data directory is a disk of its own, of
// so many bytes: a tmpfs in a mount namespace, which ends with the edge.
func (l *Lab) ServeOnDisk(name string, bytes int) *Edge {
	l.T.Helper()
	how := "-m"
	if os.Getuid() != 0 {
		how = "-rm" // root in a user namespace of its own
	}
	data := l.file(name + ".data")
	script := fmt.Sprintf(`mount -t tmpfs -o size=%d none %s && exec "$@"`, bytes, data)
	e := l.Start(name, "unshare", how, "sh", "-c", script, "sh")
	e.UntilReady()
	e.data = filepath.Join(fmt.Sprintf("/proc/%d/root", e.PID()), data)
	return e
}

// FillDisk leaves no room on the edge's disk, and returns what makes room again.
// The disk must be one of its own (ServeOnDisk).
func (e *Edge) FillDisk() (free func()) {
	t := e.lab.T
	t.Helper()
	name := filepath.Join(e.data, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatalf("lab: %v", err)
	}
	defer f.Close()
	const most = 1 << 30 // more than any disk of a test
	for size, written := 1<<16, 0; size > 0; {
		n, err := f.Write(make([]byte, size))
		switch written += n; {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil || written > most:
			t.Fatalf("lab: the disk below %s is not full after %d bytes: %v", e.data, written, err)
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatalf("lab: %v", err)
		}
	}
}
