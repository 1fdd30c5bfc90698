package snapshot

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

func open(t testing.TB, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write1(t testing.TB, d *Dir, count int) {
	t.Helper()
	if err := d.Write(head(), filled(count), nil); err != nil {
		t.Fatal(err)
	}
}

func files(t testing.TB, path string) (names []string) {
	t.Helper()
	there, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range there {
		names = append(names, e.Name())
	}
	return names
}

func TestTwoGenerationsAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numbers")
	d := open(t, path)
	if _, ok, refused := d.Load(prefix, new(routing.Table)); ok || refused != nil {
		t.Fatal("something in an empty folder", refused)
	}
	for i := range 4 {
		write1(t, d, 10*(i+1))
	}
	if got := strings.Join(files(t, path), " "); got != "numbers-000000000003.snapshot numbers-000000000004.snapshot" {
		t.Fatal(got)
	}
	d, table := open(t, path), new(routing.Table)
	if c, ok, refused := d.Load(prefix, table); !ok || refused != nil || c.Records != 40 || !maps.Equal(entries(table), entries(filled(40))) {
		t.Fatal(c, ok, refused)
	}
	write1(t, d, 50)
	if got := strings.Join(files(t, path), " "); got != "numbers-000000000004.snapshot numbers-000000000005.snapshot" {
		t.Fatal(got)
	}
}

// However the newest is bad, it is refused by name, nothing of it reaches the
// table, and the one before is used, and outlives the next write.
func TestABadOneLeavesTheOneBefore(t *testing.T) {
	for name, spoil := range map[string]func([]byte) []byte{
		"it is torn":                 func(b []byte) []byte { return b[:len(b)-3] },
		"a checksum does not match":  func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"it is torn: it ends before": func([]byte) []byte { return nil },
		"redis prefix \"elsewhere\"": func([]byte) []byte {
			h := head()
			h.Prefix = "elsewhere"
			return encoded(t, h, filled(3))
		},
	} {
		path := t.TempDir()
		d := open(t, path)
		write1(t, d, 100)
		write1(t, d, 200)
		bad := filepath.Join(path, "numbers-000000000002.snapshot")
		b, err := os.ReadFile(bad)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(bad, spoil(b), 0o600); err != nil {
			t.Fatal(err)
		}
		d, table := open(t, path), new(routing.Table)
		c, ok, refused := d.Load(prefix, table)
		if !ok || c.Records != 100 || !maps.Equal(entries(table), entries(filled(100))) || len(refused) != 1 {
			t.Fatalf("%s: %v %d records, %v", name, ok, c.Records, refused)
		}
		var why *RefusedError
		if !errors.As(refused[0], &why) || why.Path != bad || !strings.Contains(why.Error(), name) {
			t.Errorf("%v does not name %s and say %q", refused[0], bad, name)
		}
		write1(t, d, 300)
		if got := strings.Join(files(t, path), " "); got != "numbers-000000000001.snapshot numbers-000000000003.snapshot" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAllBadIsNoSnapshot(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"numbers-000000000001.snapshot", "numbers-000000000002.snapshot"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table := new(routing.Table)
	if _, ok, refused := open(t, path).Load(prefix, table); ok || len(refused) != 2 || table.Len() != 0 {
		t.Fatal(ok, refused)
	}
}

func TestAWriteThatFailsLeavesWhatIsThere(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	write1(t, d, 10)
	long := nth(1)
	long.CustomerAssignment = routing.CustomerID(strings.Repeat("x", maxText+1))
	table := new(routing.Table)
	table.Put(long)
	if err := d.Write(head(), table, nil); err == nil {
		t.Fatal("what could not be read back was written")
	}
	if got := files(t, path); len(got) != 1 {
		t.Fatal(got)
	}
	if c, ok, _ := open(t, path).Load(prefix, new(routing.Table)); !ok || c.Records != 10 {
		t.Fatal(ok, c.Records)
	}
}

// A process that is killed while it writes, at any moment, leaves a folder from
// which the next one starts, with something at least as new as it had reported.
func TestKilledWhileWriting(t *testing.T) {
	if path := os.Getenv("SNAPSHOT_WRITER"); path != "" {
		d := open(t, path)
		for i := d.last + 1; ; i++ {
			write1(t, d, 20_000+int(i))
			if err := os.WriteFile(path+".reported", []byte(strconv.FormatUint(i, 10)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(t.TempDir(), "numbers")
	half := 0
	for i := range 12 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWhileWriting$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), "SNAPSHOT_WRITER="+path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(150+17*i) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if left, _ := filepath.Glob(filepath.Join(path, "*"+tempAfter)); len(left) > 0 {
			half++
		}
		d, table := open(t, path), new(routing.Table)
		if left, _ := filepath.Glob(filepath.Join(path, "*"+tempAfter)); len(left) > 0 {
			t.Fatalf("left behind: %v", left)
		}
		text, err := os.ReadFile(path + ".reported")
		if err != nil {
			continue // killed before the first was whole
		}
		reported, _ := strconv.Atoi(string(text)) // empty when that was cut short
		c, ok, refused := d.Load(prefix, table)
		if !ok || len(refused) > 0 || c.Records-20_000 < reported || len(files(t, path)) > 3 {
			t.Fatalf("after kill %d: %v, %d records, %d reported, %v, %v", i, ok, c.Records, reported, refused, files(t, path))
		}
	}
	t.Logf("killed in the middle of writing: %d times of 12", half)
}

func TestOpenRemovesOnlyWhatIsItsOwn(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"numbers-000000000007.tmp", "notes.tmp", "numbers-7.tmp"} {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
	if got := strings.Join(files(t, path), " "); got != "notes.tmp numbers-7.tmp" {
		t.Fatal(got)
	}
	if err := os.WriteFile(filepath.Join(path, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(path, "file")); err == nil {
		t.Error("a file passes for a folder")
	}
}
