package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"golang.org/x/sys/unix"
)

// terminal is both ends of a pseudoterminal: what a person sees, and what a
// program writes to.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tty.Close() })
	return screen, tty
}

// imported imports a file with its errors going to a file, which may be a terminal.
func imported(t *testing.T, errs *os.File, path string) {
	t.Helper()
	cmd := importCmd{File: path, RedisFlags: RedisFlags{Redis: miniredis.RunT(t).Addr(), Prefix: "p"}}
	if err := cmd.Run(context.Background(), streams{io.Discard, errs}); err != nil {
		t.Error(err)
	}
	_ = errs.Close()
}

// A person at a terminal sees how many rows are done, how fast it goes and how
// long it will go on; a file or a pipe is told nothing.
func TestImportShowsItsProgressOnATerminalOnly(t *testing.T) {
	var text strings.Builder
	text.WriteString("public_number,routing_authority\n")
	const rows = 6000
	for i := range rows {
		fmt.Fprintf(&text, "+1202%07d,legacy\n", 5_550_000+i)
	}
	path := file(t, "n.csv", text.String())

	screen, tty := terminal(t)
	seen := make(chan string)
	go func() {
		all, _ := io.ReadAll(screen) // ends with an error when the other end is closed
		seen <- string(all)
	}()
	imported(t, tty, path)
	shown := <-seen
	some := regexp.MustCompile(fmt.Sprintf(`\d+%% +\|[^|]*\| +\(\d+/%d, \d+ rows/s\) +\[\d+s:\d+s\]`, rows))
	if !some.MatchString(shown) {
		t.Errorf("no share, count, rate and time left on the terminal:\n%q", shown)
	}
	if last := shown[strings.LastIndex(strings.TrimRight(shown, "\r"), "\r")+1:]; strings.TrimSpace(last) != "" {
		t.Errorf("the bar stays where the shell's prompt will be: %q", last)
	}

	quiet, err := os.Create(path + ".errors")
	if err != nil {
		t.Fatal(err)
	}
	imported(t, quiet, path)
	if told, err := os.ReadFile(path + ".errors"); err != nil || len(told) > 0 {
		t.Errorf("a file is told %q, %v", told, err)
	}
}
