package records

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func openLog(t *testing.T, o LogOptions) *Log {
	t.Helper()
	if o.Name == "" {
		o.Name = "decisions"
	}
	l, err := OpenLog(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// lines reads every file of a log in order.
func lines(t *testing.T, dir string) []string {
	t.Helper()
	old, err := filepath.Glob(filepath.Join(dir, "decisions-*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, name := range append(old, filepath.Join(dir, "decisions.jsonl")) {
		all = append(all, contents(t, name)...)
	}
	if len(all) > 0 && all[len(all)-1] != '\n' {
		t.Errorf("the last line is torn: %q", all)
	}
	return strings.Split(strings.TrimSuffix(string(all), "\n"), "\n")
}

func TestLogWritesInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := &quota{room: -1}
		l := openLog(t, LogOptions{Dir: dir, Files: q})
		l.Append([]byte("1\n"))
		time.Sleep(50 * time.Millisecond)
		l.Append([]byte("2\n"))
		synctest.Wait()
		if got := contents(t, filepath.Join(dir, "decisions.jsonl")); len(got) > 0 {
			t.Errorf("written before the batch was due: %q", got)
		}
		time.Sleep(51 * time.Millisecond)
		synctest.Wait()
		if got := contents(t, filepath.Join(dir, "decisions.jsonl")); string(got) != "1\n2\n" {
			t.Errorf("after 100 ms there is %q", got)
		}
		l.Append([]byte("3\n"))
		time.Sleep(time.Second + time.Millisecond)
		synctest.Wait()
		q.mu.Lock()
		if q.syncs == 0 {
			t.Error("no fsync a second after a write")
		}
		q.mu.Unlock()
		closeLog(t, l)
		if l.Append([]byte("4\n")) || l.Stats().Lost != 1 {
			t.Error("a line after Close was taken, or not counted")
		}
	})
}

func TestLogRotatesAndStaysBelowItsBound(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, LogOptions{Dir: dir, FileBytes: 1000, MaxBytes: 5000, FlushEvery: time.Millisecond})
	line := []byte(strings.Repeat("x", 99) + "\n")
	for i := range 200 {
		copy(line, fmt.Sprintf("%06d", i))
		if !l.Append(line) {
			t.Fatalf("line %d was refused", i)
		}
		if i%50 == 49 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	closeLog(t, l)
	sizes, _ := Disk{}.List(dir)
	total := int64(0)
	for name, size := range sizes {
		if total += size; size > 1000 {
			t.Errorf("%s has %d bytes, at most 1000 are allowed", name, size)
		}
	}
	if total > 5000 || total < 4000 {
		t.Errorf("%d bytes in all, want at most 5000 and most of it", total)
	}
	got := lines(t, dir)
	if last := got[len(got)-1]; !strings.HasPrefix(last, "000199") {
		t.Errorf("the last line is %.10q", last)
	}
	for i := 1; i < len(got); i++ {
		if got[i] <= got[i-1] {
			t.Errorf("line %.10q after %.10q", got[i], got[i-1])
		}
	}
	// A new Log goes on where the old one stopped.
	l = openLog(t, LogOptions{Dir: dir, FileBytes: 1000, MaxBytes: 5000})
	for range 11 {
		l.Append([]byte("restarted\n"))
	}
	closeLog(t, l)
	again := lines(t, dir)
	if n := len(again); again[n-1] != "restarted" || again[n-12] != got[len(got)-1] {
		t.Errorf("after a restart the log ends in %.20q", again[n-12:])
	}
}

func TestLogCutsATornLine(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "decisions.jsonl")
	if err := os.WriteFile(name, []byte("{\"whole\":1}\n{\"torn\":"), 0o640); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, LogOptions{Dir: dir, Edge: "edge-1"})
	l.Append([]byte("{\"next\":1}\n"))
	closeLog(t, l)
	got := lines(t, dir)
	if len(got) != 3 || got[0] != `{"whole":1}` || got[1] != `{"next":1}` || !strings.Contains(got[2], `"gap":1`) {
		t.Errorf("got %q", got)
	}
	if l.Stats().Torn != 1 {
		t.Error("the torn line is not counted")
	}
}

// The disk fills, lines wait, then some are lost; when there is room again the
// log goes on by itself, whole line after whole line, with a gap record where
// the lost ones would be.
func TestLogSurvivesAFullDisk(t *testing.T) {
	for name, fault := range map[string]error{"full": nil, "EIO": unix.EIO} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				q := &quota{room: 250, fails: nil}
				l := openLog(t, LogOptions{Dir: dir, Edge: "edge-1", RingBytes: 1000, Files: q})
				line := func(i int) []byte { return fmt.Appendf(nil, "%-99d\n", i) }
				next := 0
				add := func(n int) {
					for range n {
						l.Append(line(next))
						next++
					}
				}
				add(1)
				time.Sleep(time.Second)
				q.set(150, fault)
				for range 30 { // 20 find room in memory, one batch on its way and one waiting
					add(1)
					time.Sleep(200 * time.Millisecond)
				}
				synctest.Wait()
				s := l.Stats()
				if !s.Failing || s.Error == "" || s.Failures == 0 || s.Lost == 0 {
					t.Errorf("while the disk is full: %+v", s)
				}
				lost := s.Lost
				q.set(-1, nil)
				time.Sleep(1500 * time.Millisecond)
				synctest.Wait()
				if s = l.Stats(); s.Failing || s.Lost != lost {
					t.Errorf("after the disk has room: %+v", s)
				}
				add(2)
				closeLog(t, l)

				got := lines(t, dir)
				gap := -1
				want := 0
				for i, text := range got {
					var g struct {
						Kind        string
						Gap         uint64
						From, Until time.Time
					}
					if json.Unmarshal([]byte(text), &g) == nil && g.Kind == "gap" {
						if gap >= 0 || g.Gap != lost || !g.Until.After(g.From) {
							t.Errorf("gap record %s, want one of %d lines", text, lost)
						}
						gap, want = i, want+int(g.Gap)
						continue
					}
					if text+"\n" != string(line(want)) {
						t.Fatalf("line %d is %.20q, want number %d", i, text, want)
					}
					want++
				}
				if gap < 0 || want != next {
					t.Errorf("gap at %d, %d of %d lines accounted for", gap, want, next)
				}
			})
		})
	}
}

// The same on a disk that is really full: a tmpfs of 64 KiB in a mount namespace
// of its own, filled by a copy of this test.
func TestLogOnAReallyFullDisk(t *testing.T) {
	if dir := os.Getenv("RECORDS_ON_TMPFS"); dir != "" {
		fillWithRecords(t, dir)
		return
	}
	how := "-m"
	if os.Getuid() != 0 {
		how = "-rm" // root in a user namespace of its own
	}
	dir := t.TempDir()
	script := fmt.Sprintf("mount -t tmpfs -o size=64k none %s && RECORDS_ON_TMPFS=%s exec %s -test.run '^TestLogOnAReallyFullDisk$'", dir, dir, os.Args[0])
	if out, err := exec.Command("unshare", how, "sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillWithRecords(t *testing.T, dir string) {
	l := openLog(t, LogOptions{Dir: dir, Edge: "edge-1", RingBytes: 20000, FlushEvery: time.Millisecond, RetryEvery: 5 * time.Millisecond})
	until := func(what string, ok func(LogStats) bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(l.Stats()); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited in vain for %s: %+v", what, l.Stats())
			}
		}
	}
	next := 0
	until("lines to be lost", func(s LogStats) bool {
		l.Append(fmt.Appendf(nil, "%-99d\n", next))
		next++
		return s.Lost > 10
	})
	if s := l.Stats(); !s.Failing || !strings.Contains(s.Trouble(), "no space left") {
		t.Errorf("%+v", s)
	}
	if out, err := exec.Command("mount", "-o", "remount,size=1m", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	until("the log to go on", func(s LogStats) bool { return !s.Failing && s.Waiting == 0 })
	lost := l.Stats().Lost
	closeLog(t, l)
	whole := 0
	for i, text := range lines(t, dir) {
		switch {
		case strings.Contains(text, `"kind":"gap"`):
			if !strings.Contains(text, fmt.Sprintf(`"gap":%d,`, lost)) {
				t.Errorf("%s stands for %d lines", text, lost)
			}
		case text != fmt.Sprintf("%-99d", i):
			t.Fatalf("line %d is %.20q", i, text)
		default:
			whole++
		}
	}
	if whole+int(lost) != next {
		t.Errorf("%d lines and a gap of %d of %d", whole, lost, next)
	}
}

func TestLogStartsOnAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := &quota{room: -1, fails: unix.ENOSPC}
		l := openLog(t, LogOptions{Dir: dir, Files: q})
		l.Append([]byte("1\n"))
		time.Sleep(3 * time.Second)
		q.set(-1, nil)
		time.Sleep(2 * time.Second)
		closeLog(t, l)
		if got := contents(t, filepath.Join(dir, "decisions.jsonl")); string(got) != "1\n" {
			t.Errorf("got %q", got)
		}
	})
}

func TestLogNeedsItsDirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	if _, err := OpenLog(LogOptions{Dir: filepath.Join(file, "below"), Name: "cdr"}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want an error that names the directory", err)
	}
}

// A disk that hangs in a write holds up nobody, and Close gives up in time.
func TestLogNeverWaitsForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &quota{room: -1, hang: make(chan struct{})}
		l := openLog(t, LogOptions{Dir: t.TempDir(), Files: q, RingBytes: 10000})
		start := time.Now()
		for range 10000 {
			l.Append([]byte("a line\n"))
		}
		time.Sleep(time.Second)
		for range 10000 {
			l.Append([]byte("a line\n"))
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("20000 lines on a hanging disk took %v", took-time.Second)
		}
		s := l.Stats()
		if s.Waiting > 10000 || s.Lost == 0 || s.Trouble() != "" {
			t.Errorf("%+v", s)
		}
		time.Sleep(slow)
		if s = l.Stats(); s.Failing || !strings.Contains(s.Trouble(), "has not answered for 4s") {
			t.Errorf("%+v: %q", s, s.Trouble())
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close on a hanging disk: %v", err)
		}
		close(q.hang)
		l.Close(context.Background())
	})
}

func TestLogIsSharedWithoutTearing(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, LogOptions{Dir: dir, FileBytes: 20000, MaxBytes: 1 << 20, FlushEvery: time.Millisecond})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			line := append(bytes.Repeat([]byte{'a' + byte(w)}, 80), '\n')
			for range 500 {
				l.Append(line)
			}
		})
	}
	wg.Wait()
	closeLog(t, l)
	got := lines(t, dir)
	for _, text := range got {
		if len(text) != 80 || strings.Trim(text, text[:1]) != "" {
			t.Fatalf("torn: %q", text)
		}
	}
	if s := l.Stats(); len(got) != 2000 || s.Lines != 2000 || s.Bytes != 2000*81 || s.Rotations == 0 {
		t.Errorf("%d lines, %+v", len(got), s)
	}
}

func TestLogAppendDoesNotAllocate(t *testing.T) {
	l := openLog(t, LogOptions{Dir: t.TempDir(), FlushEvery: time.Hour, RingBytes: 1 << 20})
	line := make([]byte, 500)
	for range 1000 {
		l.Append(line)
	}
	l.mu.Lock()
	l.waiting = l.waiting[:0]
	l.mu.Unlock()
	if n := testing.AllocsPerRun(200, func() { l.Append(line) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	closeLog(t, l)
}
