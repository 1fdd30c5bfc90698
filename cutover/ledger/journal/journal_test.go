package journal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/speakops/sipedge/sipedge/records"
)

// opened opens a journal and returns what it holds.
func opened(t testing.TB, dir string, files records.Files) (*Journal, Found, []string) {
	t.Helper()
	j, found, all, err := tried(dir, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j, found, all
}

func tried(dir string, files records.Files) (*Journal, Found, []string, error) {
	var all []string
	j, found, err := Open(dir, Options{Files: files}, func(e []byte) error {
		all = append(all, string(e))
		return nil
	})
	return j, found, all, err
}

func add(t testing.TB, j *Journal, entries ...string) {
	t.Helper()
	for _, e := range entries {
		if err := j.Append([]byte(e)); err != nil {
			t.Fatal(err)
		}
	}
}

func file(dir string) string { return filepath.Join(dir, "cutover.journal") }

func TestEntriesAndIdentitySurvive(t *testing.T) {
	dir := t.TempDir()
	j, found, _ := opened(t, dir, nil)
	if !found.New || len(j.Nonce()) != nonceLen {
		t.Fatalf("%+v %q", found, j.Nonce())
	}
	nonce := j.Nonce()
	add(t, j, "begun", "", "promised 3", strings.Repeat("x", 3<<20))
	if _, _, _, err := tried(dir, nil); !errors.Is(err, records.ErrLocked) {
		t.Fatalf("opened twice: %v", err)
	}
	j.Close()
	if err := j.Append([]byte("late")); err == nil {
		t.Fatal("appended to a closed journal")
	}
	j, found, all := opened(t, dir, nil)
	if found.New || found.Torn != 0 || j.Nonce() != nonce || len(all) != 4 || all[1] != "" || len(all[3]) != 3<<20 {
		t.Fatalf("%+v %d", found, len(all))
	}
	if err := j.Rewrite([][]byte{[]byte("standing")}); err != nil {
		t.Fatal(err)
	}
	add(t, j, "after")
	j.Close()
	j, _, all = opened(t, dir, nil)
	if j.Nonce() != nonce || !slices.Equal(all, []string{"standing", "after"}) {
		t.Fatalf("%q", all)
	}
	if other, _, _ := opened(t, t.TempDir(), nil); other.Nonce() == nonce {
		t.Fatal("two journals of one identity")
	}
}

func TestTornTailIsCutOff(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := opened(t, dir, nil)
	add(t, j, "one", "two")
	before := j.Stats().Bytes
	add(t, j, strings.Repeat("three", 500))
	j.Close()
	whole, err := os.ReadFile(file(dir))
	if err != nil {
		t.Fatal(err)
	}
	tails := [][]byte{}
	for cut := before + 1; cut < int64(len(whole)); cut += 7 {
		tails = append(tails, whole[:cut])
	}
	zeros := slices.Clone(whole) // the size reached the disk, a sector did not
	clear(zeros[1024:1536])
	tails = append(tails, zeros)
	blank := slices.Clone(whole)
	clear(blank[before:])
	tails = append(tails, blank)
	for _, tail := range tails {
		if err := os.WriteFile(file(dir), tail, 0o600); err != nil {
			t.Fatal(err)
		}
		j, found, all := opened(t, dir, nil)
		if !slices.Equal(all, []string{"one", "two"}) || found.Torn != int64(len(tail))-before {
			t.Fatalf("cut at %d: %q, torn %d", len(tail), all, found.Torn)
		}
		add(t, j, "again")
		j.Close()
		j, found, all = opened(t, dir, nil)
		if !slices.Equal(all, []string{"one", "two", "again"}) || found.Torn != 0 {
			t.Fatalf("cut at %d: %q afterwards", len(tail), all)
		}
		j.Close()
	}
}

func TestChangedJournalIsRefused(t *testing.T) {
	dir := t.TempDir()
	j, _, _ := opened(t, dir, nil)
	add(t, j, "one", "two", "three")
	j.Close()
	whole, err := os.ReadFile(file(dir))
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, text []byte) {
		t.Helper()
		if err := os.WriteFile(file(dir), text, 0o600); err != nil {
			t.Fatal(err)
		}
		j, _, all, err := tried(dir, nil)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(err.Error(), file(dir)) {
			if err == nil {
				j.Close()
			}
			t.Fatalf("%s: %v, read %q", what, err, all)
		}
		if after, _ := os.ReadFile(file(dir)); !slices.Equal(after, text) {
			t.Fatalf("%s: the file was touched", what)
		}
	}
	for i := range whole {
		if i >= len(magic)+nonceLen+4 && i < headSize {
			continue // nothing is said there
		}
		flipped := slices.Clone(whole)
		flipped[i] ^= 0x10
		refused(fmt.Sprintf("byte %d flipped", i), flipped)
	}
	first := headSize + entryHead + len("one")
	second := first + entryHead + len("two")
	refused("an entry removed", slices.Concat(whole[:first], whole[second:]))
	refused("an entry doubled", slices.Concat(whole[:second], whole[first:]))
	refused("another file", []byte(strings.Repeat("not ours ", 20)))
	refused("a few bytes", []byte("hello"))

	other := t.TempDir()
	j, _, _ = opened(t, other, nil)
	add(t, j, "one", "two", "theirs")
	j.Close()
	theirs, _ := os.ReadFile(file(other))
	refused("another journal's entry", slices.Concat(whole[:second], theirs[second:]))
}

// A failed append is not in the journal, now or after a restart, and the next
// one takes its place; only where the kernel itself does not know is it in doubt.
func TestFullDiskIsRefusedHonestly(t *testing.T) {
	dir := t.TempDir()
	d := healthy()
	j, _, _ := opened(t, dir, d)
	add(t, j, "one")
	for room := int64(0); room < entryHead+3; room++ {
		d.room = room
		if err := j.Append([]byte("two")); !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "make room") {
			t.Fatalf("%d bytes left: %v", room, err)
		}
		d.room = -1
		copied, _ := os.ReadFile(file(dir)) // what a crash would leave now
		aside := t.TempDir()
		if err := os.WriteFile(file(aside), copied, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, found, all := opened(t, aside, nil); !slices.Equal(all, []string{"one"}) || found.Torn != 0 {
			t.Fatalf("%d bytes left: %q %+v", room, all, found)
		}
	}
	d.room = 5
	if err := j.Rewrite([][]byte{[]byte("short")}); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	d.room = -1
	add(t, j, "two")
	j.Close()
	if _, _, all := opened(t, dir, nil); !slices.Equal(all, []string{"one", "two"}) {
		t.Fatalf("%q", all)
	}
}

func TestDoubtEndsWithRewrite(t *testing.T) {
	for what, fault := range map[string]func(*faulty){
		"fsync":      func(d *faulty) { d.sync = unix.EIO },
		"truncation": func(d *faulty) { d.room, d.cut = 3, unix.EIO },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			d := healthy()
			j, _, _ := opened(t, dir, d)
			add(t, j, "one")
			fault(d)
			var doubt *DoubtError
			if err := j.Append([]byte("two")); !errors.As(err, &doubt) {
				t.Fatal(err)
			}
			*d = *healthy()
			// The kernel would say that all is well now; it is not believed.
			if err := j.Append([]byte("three")); !errors.As(err, &doubt) || j.Stats().Failing == nil {
				t.Fatal(err)
			}
			if err := j.Rewrite([][]byte{[]byte("one")}); err != nil {
				t.Fatal(err)
			}
			add(t, j, "three")
			j.Close()
			if _, _, all := opened(t, dir, nil); !slices.Equal(all, []string{"one", "three"}) {
				t.Fatalf("%q", all)
			}
		})
	}
}

func TestRewriteIsTheOldOrTheNew(t *testing.T) {
	dir := t.TempDir()
	d := healthy()
	j, _, _ := opened(t, dir, d)
	add(t, j, "one", "two")
	for what, fault := range map[string]func(){
		"sync": func() { d.sync = unix.EIO }, "rename": func() { d.rename = unix.EIO }, "room": func() { d.room = 70 },
	} {
		fault()
		if err := j.Rewrite([][]byte{[]byte("standing")}); err == nil {
			t.Fatalf("%s: no error", what)
		}
		*d = *healthy()
		add(t, j, what)
		if _, err := os.Stat(file(dir) + ".new"); err == nil {
			t.Fatalf("%s: a half file was left", what)
		}
	}
	d.dirSync = unix.EIO
	var doubt *DoubtError
	if err := j.Rewrite([][]byte{[]byte("standing")}); !errors.As(err, &doubt) {
		t.Fatal(err)
	}
	*d = *healthy()
	if err := j.Append([]byte("x")); !errors.As(err, &doubt) {
		t.Fatal("appended behind a name that a power cut may take away")
	}
	if err := j.Rewrite([][]byte{[]byte("standing")}); err != nil {
		t.Fatal(err)
	}
	j.Close()
	if _, _, all := opened(t, dir, nil); !slices.Equal(all, []string{"standing"}) {
		t.Fatalf("%q", all)
	}
}

// Whatever happens, a restart finds every entry that was acknowledged, in order,
// and besides them at most one that was in doubt.
func TestAcknowledgedEntriesAreThere(t *testing.T) {
	base := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			r.Fatal(err)
		}
		defer os.RemoveAll(dir)
		d := healthy()
		j, _, _, err := tried(dir, d)
		if err != nil {
			r.Fatal(err)
		}
		var have []string
		maybe := ""
		for i := range rapid.IntRange(1, 30).Draw(r, "steps") {
			entry := fmt.Sprint(i, strings.Repeat(".", rapid.IntRange(0, 700).Draw(r, "size")))
			switch rapid.IntRange(0, 9).Draw(r, "what") {
			case 0:
				d.room = int64(rapid.IntRange(0, 800).Draw(r, "room"))
			case 1:
				d.sync = unix.EIO
			case 2:
				d.cut = unix.EIO
			case 3:
				*d = *healthy()
			case 4:
				var all [][]byte
				for _, e := range have[max(0, len(have)-3):] {
					all = append(all, []byte(e))
				}
				if j.Rewrite(all) == nil {
					have, maybe = have[max(0, len(have)-3):], ""
				}
			case 5: // a crash: what the kernel has is there, what is not synced may be
				j.Close()
				*d = *healthy()
				var all []string
				j, _, all, err = tried(dir, d)
				if err != nil {
					r.Fatal(err)
				}
				if len(all) == len(have)+1 && maybe != "" && all[len(all)-1] == maybe {
					have = append(have, maybe)
				}
				maybe = ""
				if !slices.Equal(all, have) {
					r.Fatalf("have %d entries, found %d", len(have), len(all))
				}
			default:
				err := j.Append([]byte(entry))
				var doubt *DoubtError
				switch {
				case err == nil:
					have = append(have, entry)
				case errors.As(err, &doubt) && maybe == "":
					maybe = entry
				}
			}
		}
		j.Close()
	})
}

// The same on a disk that is really full: a tmpfs of 64 KiB in a mount namespace
// of its own, filled by a copy of this test.
func TestReallyFullDisk(t *testing.T) {
	if dir := os.Getenv("JOURNAL_ON_TMPFS"); dir != "" {
		fillDisk(t, dir)
		return
	}
	how := "-m"
	if os.Getuid() != 0 {
		how = "-rm" // root in a user namespace of its own
	}
	dir := t.TempDir()
	script := fmt.Sprintf("mount -t tmpfs -o size=64k none %s && JOURNAL_ON_TMPFS=%s exec %s -test.run '^TestReallyFullDisk$'", dir, dir, os.Args[0])
	if out, err := exec.Command("unshare", how, "sh", "-c", script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	j, _, _ := opened(t, dir, nil)
	have := 0
	for {
		err := j.Append([]byte(strings.Repeat("x", 1000)))
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if have++; have > 100 {
			t.Fatal("the disk is never full")
		}
	}
	if err := j.Rewrite([][]byte{[]byte(strings.Repeat("y", 30000))}); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	j.Close()
	j, found, all := opened(t, dir, nil)
	if len(all) != have || found.Torn != 0 {
		t.Fatalf("%d of %d entries, %+v", len(all), have, found)
	}
	if out, err := exec.Command("mount", "-o", "remount,size=256k", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if err := j.Rewrite([][]byte{[]byte("shorter")}); err != nil {
		t.Fatal(err)
	}
	add(t, j, "there is room again")
}

func BenchmarkAppend(b *testing.B) {
	j, _, _ := opened(b, b.TempDir(), nil)
	entry := make([]byte, 2000)
	for b.Loop() {
		if err := j.Append(entry); err != nil {
			b.Fatal(err)
		}
	}
}
