package records

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// numbered is a dialog that is up for a day from now.
func numbered(n uint64) *Dialog {
	d := dialog(0)
	binary.BigEndian.PutUint64(d.Call[:], n)
	d.Expires = time.Now().Add(24 * time.Hour).Truncate(time.Microsecond)
	d.Caller.CSeq = uint32(n)
	return d
}

func openJournal(t testing.TB, dir string, o JournalOptions) (*Journal, map[uint64]Dialog) {
	t.Helper()
	j, live, err := OpenJournal(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	up := make(map[uint64]Dialog)
	for _, d := range live {
		n := binary.BigEndian.Uint64(d.Call[:])
		if _, twice := up[n]; twice {
			t.Errorf("dialog %d came back twice", n)
		}
		up[n] = d
	}
	return j, up
}

func closeJournal(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestJournalBringsDialogsBack(t *testing.T) {
	dir := t.TempDir()
	j, up := openJournal(t, dir, JournalOptions{})
	if len(up) != 0 {
		t.Fatalf("a new journal has %d dialogs", len(up))
	}
	for n := range uint64(100) {
		if err := j.Answered(numbered(n)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range uint64(50) {
		j.Ended(numbered(2 * n).Call)
	}
	j.Ended(CallID{0xff}) // unknown
	again := numbered(1)
	again.Callee.Contact = []byte("sip:moved@198.51.100.21")
	j.Answered(again)
	closeJournal(t, j)
	if err := j.Answered(numbered(1000)); !errors.Is(err, ErrFull) {
		t.Errorf("after Close: %v", err)
	}

	j, up = openJournal(t, dir, JournalOptions{})
	defer closeJournal(t, j)
	if len(up) != 50 || j.Stats().Dialogs != 50 {
		t.Fatalf("%d came back, want 50", len(up))
	}
	for n, d := range up {
		if n%2 == 0 || d.Caller.CSeq != uint32(n) || string(d.Callee.Tag) != "b" {
			t.Errorf("%d: %+v", n, d)
		}
	}
	if d := up[1]; string(d.Callee.Contact) != "sip:moved@198.51.100.21" {
		t.Errorf("the older record came back: %q", d.Callee.Contact)
	}
}

func TestJournalDropsWhatIsOver(t *testing.T) {
	dir := t.TempDir()
	j, _ := openJournal(t, dir, JournalOptions{})
	over := numbered(1)
	over.Expires = time.Now().Add(-time.Second)
	j.Answered(over)
	j.Answered(numbered(2))
	closeJournal(t, j)
	j, up := openJournal(t, dir, JournalOptions{})
	defer closeJournal(t, j)
	if _, ok := up[2]; !ok || len(up) != 1 || j.Stats().Expired != 1 {
		t.Errorf("%v, %+v", up, j.Stats())
	}
}

func TestJournalIsOneProcessOnly(t *testing.T) {
	dir := t.TempDir()
	j, _ := openJournal(t, dir, JournalOptions{})
	if _, _, err := OpenJournal(dir, JournalOptions{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "data_dir") {
		t.Errorf("a second journal: %v", err)
	}
	closeJournal(t, j)
	j, _ = openJournal(t, dir, JournalOptions{})
	closeJournal(t, j)
}

// A crash costs one flush at most: what was written 100 ms ago is there.
func TestJournalBoundsWhatACrashCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, copied := t.TempDir(), t.TempDir()
		q := &quota{room: -1}
		j, _ := openJournal(t, dir, JournalOptions{Files: q})
		j.Answered(numbered(1))
		time.Sleep(101 * time.Millisecond)
		synctest.Wait()
		j.Answered(numbered(2))
		q.mu.Lock()
		if q.syncs == 0 {
			t.Error("no fsync after the flush")
		}
		q.mu.Unlock()
		crashed := contents(t, filepath.Join(dir, journalName))
		os.WriteFile(filepath.Join(copied, journalName), crashed, 0o600)
		after, up := openJournal(t, copied, JournalOptions{})
		if _, ok := up[1]; !ok || len(up) != 1 {
			t.Errorf("after the crash: %v", up)
		}
		closeJournal(t, after)
		closeJournal(t, j)
	})
}

// Cut anywhere, flipped anywhere: a journal opens, brings back only dialogs
// that were answered, loses none but those the damage touched, and works on.
func TestJournalSurvivesDamage(t *testing.T) {
	dir := t.TempDir()
	j, _ := openJournal(t, dir, JournalOptions{})
	for n := range uint64(20) {
		j.Answered(numbered(n))
	}
	closeJournal(t, j)
	whole := contents(t, filepath.Join(dir, journalName))
	size := (len(whole) - len(journalHead)) / 20

	rapid.Check(t, func(rt *rapid.T) {
		at := rapid.IntRange(len(journalHead), len(whole)-1).Draw(rt, "at")
		damaged := append([]byte(nil), whole...)
		want := 19
		if rapid.Bool().Draw(rt, "cut") {
			damaged = damaged[:at]
			want = (at - len(journalHead)) / size
		} else {
			damaged[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		}
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, journalName), damaged, 0o600)
		j, up := openJournal(t, dir, JournalOptions{NoSync: true})
		if len(up) != want {
			rt.Fatalf("damage at %d: %d came back, want %d", at, len(up), want)
		}
		j.Answered(numbered(100))
		closeJournal(t, j)
		j, up = openJournal(t, dir, JournalOptions{NoSync: true})
		if _, ok := up[100]; !ok || len(up) != want+1 || j.Stats().Damaged != 0 {
			rt.Fatalf("damage at %d: after going on, %d are back, %+v", at, len(up), j.Stats())
		}
		closeJournal(t, j)
	})
}

func TestJournalSetsAsideWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, journalName), []byte("sipedgJ9 from a later version"), 0o600)
	j, up := openJournal(t, dir, JournalOptions{})
	if s := j.Stats(); len(up) != 0 || s.SetAside == "" || string(contents(t, s.SetAside)) != "sipedgJ9 from a later version" {
		t.Errorf("%v, %+v", up, s)
	}
	j.Answered(numbered(1))
	closeJournal(t, j)
	j, up = openJournal(t, dir, JournalOptions{})
	if len(up) != 1 {
		t.Errorf("%d came back", len(up))
	}
	closeJournal(t, j)
}

// Long histories stay short files, and a compaction in the middle of traffic loses nothing.
func TestJournalCompacts(t *testing.T) {
	dir := t.TempDir()
	o := JournalOptions{CompactFrom: 20_000, FlushEvery: time.Millisecond, NoSync: true}
	j, _ := openJournal(t, dir, o)
	var wg sync.WaitGroup
	var mu sync.Mutex
	up := map[uint64]bool{}
	for w := range uint64(2) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, w))
			var mine []uint64
			for i := range uint64(3000) {
				n := i*2 + w
				if err := j.Answered(numbered(n)); err != nil {
					t.Error(err)
				}
				mine = append(mine, n)
				for len(mine) > 20 {
					k := rng.IntN(len(mine))
					j.Ended(numbered(mine[k]).Call)
					mine = append(mine[:k], mine[k+1:]...)
				}
				if i%100 == 0 {
					time.Sleep(2 * time.Millisecond)
				}
			}
			mu.Lock()
			for _, n := range mine {
				up[n] = true
			}
			mu.Unlock()
		})
	}
	wg.Wait()
	closeJournal(t, j)
	s := j.Stats()
	if s.Compactions < 5 || s.Failures != 0 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	live := int64(0)
	for _, at := range j.kept {
		live += int64(at.size)
	}
	if j.live != live || j.tape.size > 2*live+o.CompactFrom {
		t.Errorf("%d bytes are live, counted as %d, in a file of %d", live, j.live, j.tape.size)
	}
	j, back := openJournal(t, dir, o)
	if len(back) != len(up) {
		t.Errorf("%d came back, want %d", len(back), len(up))
	}
	for n, d := range back {
		if !up[n] || d.Caller.CSeq != uint32(n) {
			t.Errorf("dialog %d came back as %d", n, d.Caller.CSeq)
		}
	}
	closeJournal(t, j)
}

// While the disk is full nothing waits and nothing grows without bound; ends
// are never forgotten; and it goes on by itself.
func TestJournalSurvivesAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := &quota{room: -1}
		j, _ := openJournal(t, dir, JournalOptions{WaitingBytes: 10_000, Files: q})
		for n := range uint64(50) {
			j.Answered(numbered(n))
			if n%10 == 0 {
				time.Sleep(150 * time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		q.set(100, nil)
		lost := uint64(0)
		for n := range uint64(100) {
			if err := j.Answered(numbered(1000 + n)); errors.Is(err, ErrFull) {
				lost++
			}
			if n < 50 {
				j.Ended(numbered(n).Call)
			}
			time.Sleep(20 * time.Millisecond)
		}
		s := j.Stats()
		if !s.Failing || lost == 0 || s.Lost != lost || s.Waiting > 10_000+50*20 {
			t.Errorf("while the disk is full: lost %d, %+v", lost, s)
		}
		q.set(-1, nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if s = j.Stats(); s.Failing {
			t.Errorf("after the disk has room: %+v", s)
		}
		closeJournal(t, j)
		j, up := openJournal(t, dir, JournalOptions{})
		if len(up) != 100-int(lost) {
			t.Errorf("%d came back, want %d", len(up), 100-lost)
		}
		for n := range up {
			if n < 50 {
				t.Errorf("dialog %d had ended", n)
			}
		}
		closeJournal(t, j)
	})
}

// After a failed fsync the file is written anew, not trusted.
func TestJournalDoesNotTrustAFailedSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := &quota{room: -1}
		j, _ := openJournal(t, dir, JournalOptions{Files: q})
		j.Answered(numbered(1))
		time.Sleep(time.Second)
		q.mu.Lock()
		q.sync = unix.EIO
		q.mu.Unlock()
		j.Answered(numbered(2))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s := j.Stats(); s.Failures != 1 || s.Compactions != 1 || s.Failing {
			t.Errorf("%+v", s)
		}
		closeJournal(t, j)
		j, up := openJournal(t, dir, JournalOptions{})
		if len(up) != 2 {
			t.Errorf("%d came back, want 2", len(up))
		}
		closeJournal(t, j)
	})
}

func TestJournalStartsOnAFailingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		q := &quota{room: -1, fails: unix.EIO}
		j, _ := openJournal(t, dir, JournalOptions{Files: q})
		j.Answered(numbered(1))
		time.Sleep(2 * time.Second)
		q.set(-1, nil)
		time.Sleep(2 * time.Second)
		closeJournal(t, j)
		j, up := openJournal(t, dir, JournalOptions{})
		if len(up) != 1 {
			t.Errorf("%d came back", len(up))
		}
		closeJournal(t, j)
	})
}

func TestJournalBoundsItsDialogs(t *testing.T) {
	j, _ := openJournal(t, t.TempDir(), JournalOptions{MaxDialogs: 3})
	for n := range uint64(5) {
		if err := j.Answered(numbered(n)); (err != nil) != (n >= 3) {
			t.Errorf("dialog %d: %v", n, err)
		}
	}
	if err := j.Answered(numbered(2)); err != nil {
		t.Errorf("replacing a kept one: %v", err)
	}
	j.Ended(numbered(0).Call)
	if err := j.Answered(numbered(5)); err != nil {
		t.Errorf("after one ended: %v", err)
	}
	closeJournal(t, j)
}

// The memory and the file agree on any history.
func TestMemoryAgreesWithJournal(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		j, _ := openJournal(t, dir, JournalOptions{NoSync: true})
		var m Memory
		for range rapid.IntRange(0, 60).Draw(rt, "steps") {
			n := rapid.Uint64Range(0, 9).Draw(rt, "call")
			for _, k := range []Keeper{j, &m} {
				if n%3 == 0 {
					k.Ended(numbered(n / 3).Call)
				} else if err := k.Answered(numbered(n)); err != nil {
					rt.Fatal(err)
				}
			}
		}
		closeJournal(t, j)
		j, up := openJournal(t, dir, JournalOptions{NoSync: true})
		closeJournal(t, j)
		live := m.Live(time.Now())
		if len(live) != len(up) {
			rt.Fatalf("memory has %d, the file %d", len(live), len(up))
		}
		for _, d := range live {
			if _, ok := up[binary.BigEndian.Uint64(d.Call[:])]; !ok {
				rt.Fatalf("%v is only in memory", d.Call)
			}
		}
	})
}

// FuzzTape reads any bytes as a journal file: it must end, and every entry it
// yields must be one that is there.
func FuzzTape(f *testing.F) {
	e, _ := appendAnswered([]byte(journalHead), dialog(1))
	e = appendEnded(e, dialog(1).Call)
	f.Add(e)
	f.Add(append(append([]byte(journalHead), entryMark, entryMark, 0, 0), e[8:]...))
	f.Fuzz(func(t *testing.T, b []byte) {
		tp := &tape{file: bytesFile(b), size: int64(len(b))}
		last := int64(0)
		end, _, err := tp.scan(func(offset int64, kind byte, entry []byte) {
			if offset < last || string(b[offset:offset+int64(len(entry))]) != string(entry) {
				t.Fatalf("entry of %d bytes at %d after %d", len(entry), offset, last)
			}
			last = offset + int64(len(entry))
		})
		if err != nil || end < last || end > int64(len(b)) {
			t.Fatalf("end %d behind %d, %v", end, last, err)
		}
	})
}

type bytesFile []byte

func (b bytesFile) ReadAt(p []byte, off int64) (int, error) {
	if n := copy(p, b[off:]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}
func (bytesFile) WriteAt([]byte, int64) (int, error) { return 0, unix.EROFS }
func (b bytesFile) Size() (int64, error)             { return int64(len(b)), nil }
func (bytesFile) Truncate(int64) error               { return unix.EROFS }
func (bytesFile) Sync() error                        { return nil }
func (bytesFile) Close() error                       { return nil }

func BenchmarkJournalAnsweredEnded(b *testing.B) {
	j, _ := openJournal(b, b.TempDir(), JournalOptions{})
	d := numbered(1)
	b.ReportAllocs()
	for b.Loop() {
		j.Answered(d)
		j.Ended(d.Call)
	}
	closeJournal(b, j)
}

func TestJournalAnsweredDoesNotAllocate(t *testing.T) {
	j, _ := openJournal(t, t.TempDir(), JournalOptions{FlushEvery: time.Hour})
	d := numbered(1)
	for range 2000 {
		j.Answered(d)
	}
	j.mu.Lock()
	j.waiting, j.held = j.waiting[:0], 0
	j.mu.Unlock()
	if n := testing.AllocsPerRun(200, func() { j.Answered(d); j.Ended(d.Call) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
	closeJournal(t, j)
}
