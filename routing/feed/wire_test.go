package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// pieces is a wire on which text arrives so many bytes at a time, and then ends.
func pieces(t *testing.T, text string, size int) *wire {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = ours.Close() })
	go func() {
		defer theirs.Close()
		for ; text != ""; text = text[min(size, len(text)):] {
			if _, err := io.WriteString(theirs, text[:min(size, len(text))]); err != nil {
				return
			}
		}
	}()
	return &wire{conn: ours, buf: make([]byte, wireBuffer)}
}

// However an answer is cut into pieces, it is read as a whole, and what follows
// it after it. One that has no room is passed over alone.
func TestAnswersComeInPieces(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", wireBuffer)
	names := []string{"p:n:{p01}:+12025550143", "p:n:{p02}:+12025550144"}
	var list strings.Builder
	fmt.Fprintf(&list, "*2\r\n$2\r\n17\r\n*%d\r\n", len(names))
	for _, n := range names {
		fmt.Fprintf(&list, "$%d\r\n%s\r\n", len(n), n)
	}
	replies := []string{
		hash('*', "a", "1", "b", ""), hash('%', "a", "1"), hash('*'), "-WRONGTYPE $5 of\r\n", "$-1\r\n", "*-1\r\n", "_\r\n", ":7\r\n", "+OK\r\n",
		"*2\r\n*1\r\n$1\r\na\r\n%1\r\n:1\r\n~1\r\n#t\r\n", hash('%', "a", "$5\r\n*3\r\n"),
		hash('*', "a", huge, "b", "2"), hash('*', "last", "one"),
	}
	for _, size := range []int{1, 2, 3, 7, 4096, 1 << 20} {
		sent := replies
		if size < 7 {
			sent = slices.DeleteFunc(slices.Clone(replies), func(r string) bool { return len(r) > wireBuffer }) // a byte at a time, it would go on for minutes
		}
		w := pieces(t, list.String()+strings.Join(sent, ""), size)
		cursor, got, err := w.scanned()
		if err != nil || cursor != "17" || !reflect.DeepEqual(got, names) {
			t.Fatalf("%d: %q %q %v", size, cursor, got, err)
		}
		for _, want := range sent {
			got, whole, err := w.reply()
			if fits := len(want) <= wireBuffer; err != nil || whole != fits || fits && got != want {
				t.Fatalf("%d: %.80q %v %v, want %.80q", size, got, whole, err, want)
			}
		}
		if _, _, err := w.reply(); !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%d: at the end: %v", size, err)
		}
	}
}

// What is no list of names ends the load, with the words of Redis where it has any.
func TestAnswersToScanThatAreNone(t *testing.T) {
	t.Parallel()
	_, _, err := pieces(t, "-NOPERM this user has no permissions to run the 'scan' command\r\n", 9).scanned()
	if !redis.HasErrorPrefix(err, "NOPERM") || !strings.Contains((&AwayError{"x", err}).Error(), "this user may not do that") {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"+OK\r\n", "$1\r\n0\r\n", "*1\r\n$1\r\n0\r\n", "*2\r\n$1\r\n0\r\n$1\r\na\r\n", "*2\r\n$1\r\n0\r\n*1\r\n:5\r\n", "*2\r\n$1\r\n0\r\n*-1\r\n", "*2\r\n$" + strings.Repeat("9", 30) + "\r\n"} {
		if cursor, names, err := pieces(t, text, 5).scanned(); err == nil {
			t.Errorf("%q was taken: %q %q", text, cursor, names)
		}
	}
}

// A load whose connections are cut again and again begins anew each time, and
// ends with everything: nothing is missing and nothing is taken for lost.
func TestLoadOutlivesItsConnections(t *testing.T) {
	t.Parallel()
	srv, ctx := startServer(t), context.Background()
	rdb := client(t, srv.addr)
	const count = 20_000
	fill(t, store(t, rdb), 0, count)
	f, table := following(t, rdb, brisk)
	partly := false
	eventually(t, "three loads are cut off, one of them half way", func() bool {
		if f.Loaded() {
			t.Fatal("the load was quicker than the test")
		}
		partly = partly || table.Len() > 0 && table.Len() < count
		if partly {
			rdb.Do(ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		}
		return f.Stats().Reconnects >= 3
	})
	loaded(t, f)
	eventually(t, "digests to agree", func() bool { return f.Stats().Compared >= Partitions })
	if st := f.Stats(); table.Len() != count || st.Lost != 0 || st.Repairs != 0 || st.Disputed != 0 {
		t.Errorf("%d numbers, %+v", table.Len(), st)
	}
}
