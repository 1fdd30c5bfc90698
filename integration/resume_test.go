package integration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/routing/feed"
)

// An import that is killed half way goes on with the same command: nothing is
// missing, nothing is written twice, and what somebody else has written between
// the two is neither overwritten nor brought back.
func TestKilledImportGoesOn(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	rdb := l.Redis.Client()
	defer rdb.Close()
	ctx := context.Background()
	const rows = 60_000
	number := func(i int) string { return fmt.Sprintf("+1202%07d", 2_000_000+i) }
	var text strings.Builder
	text.WriteString("public_number,routing_authority,customer_assignment\n")
	for i := range rows {
		text.WriteString(number(i) + ",legacy,acme\n")
	}
	file := filepath.Join(l.Dir, "many.csv")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"numbers", "import", file, "--prefix", "lab", "--redis", l.Redis.Addr()}

	killed := l.Begin(args...)
	lab.Until(t, 20*time.Second, "a part to be written", func() bool { return rdb.DBSize(ctx).Val() > 3000 || killed.Ended() })
	killed.Kill()
	if have := rdb.DBSize(ctx).Val() - 4*feed.Partitions; have >= rows || have < 1000 {
		t.Fatalf("%d of %d rows were written before the kill: nothing was interrupted", have, rows)
	}
	note, err := os.Stat(file + ".importing")
	if err != nil || note.Mode().Perm() != 0o600 {
		t.Fatalf("no note of what was begun: %v %v", note, err)
	}
	// Rows are written in the order of the file, some pages of 256 at once.
	for _, change := range [][]string{
		{"set", number(0), "customer_assignment=other"},
		{"delete", number(1)},
		{"set", number(rows - 1), "routing_authority=legacy", "customer_assignment=other"},
	} {
		if out, code := l.Run(append(append([]string{"numbers"}, change...), args[3:]...)...); code != 0 {
			t.Fatalf("%v: exit code %d\n%s", change, code, out)
		}
	}

	mistakes := filepath.Join(l.Dir, "mistakes.csv")
	out, code := l.Run(append(args, "--report", mistakes)...)
	for _, says := range []string{"going on with the import that began at", fmt.Sprintf("%d created, 0 unchanged, 0 updated, 1 refused", rows-1),
		fmt.Sprintf("many.csv:%d: %s: conflict: somebody else changed the record", rows+1, number(rows-1))} {
		if !strings.Contains(out, says) {
			t.Errorf("not said: %s", says)
		}
	}
	if code != 3 || t.Failed() {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	report, err := os.ReadFile(mistakes)
	if err != nil || strings.Count(string(report), "\n") != 2 || !strings.HasPrefix(string(report), fmt.Sprintf("line,column,found,expected\n%d,revision,", rows+1)) {
		t.Errorf("report: %v\n%s", err, report)
	}
	if _, err := os.Stat(file + ".importing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the note stays: %v", err)
	}
	out, code = l.Run("numbers", "list", "customer_assignment=acme", "--limit", "1", "--prefix", "lab", "--redis", l.Redis.Addr())
	if code != 0 || !strings.Contains(out, fmt.Sprintf("%d numbers", rows-3)) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	// seq counts writes: each row was written once, and the three others by somebody else.
	writes := 0
	for p := range feed.Partitions {
		seq, err := rdb.HGet(ctx, fmt.Sprintf("lab:n:{p%02d}:meta", p), "seq").Int()
		if err != nil {
			t.Fatal(err)
		}
		writes += seq
	}
	if want := rows - 1 + 3; writes != want {
		t.Errorf("%d writes, want %d", writes, want)
	}
	// Interrupted by a person, it says how to go on.
	if err := rdb.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	stopped := l.Begin(args...)
	lab.Until(t, 20*time.Second, "a part to be written", func() bool { return rdb.DBSize(ctx).Val() > 3000 || stopped.Ended() })
	stopped.Signal(syscall.SIGINT)
	if code, ended := stopped.Wait(20 * time.Second); !ended || code == 0 || !strings.Contains(stopped.Text(), "the same command goes on with it") {
		t.Errorf("ended %v, exit code %d\n%s", ended, code, stopped.Text())
	}
}
