package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/speakops/sipedge/sipedge"
	"github.com/speakops/sipedge/sipedge/testcall"
)

// boardLines bounds what waits to be printed. The edge never waits for a
// terminal: what does not fit is counted and left out.
const boardLines = 1024

// Board prints what happens, line by line, from one goroutine.
type Board struct {
	out    io.Writer
	colour bool
	lines  chan string
	lost   atomic.Int64
	done   sync.WaitGroup

	ladder atomic.Int64 // UnixNano of the first message of a ladder; 0: lines of their own

	// Edges says that there are several, so that each line names its own. Demo is
	// the caller of calls that the demo places: of those only decisions are printed.
	// Both are set before anything is printed.
	Edges bool
	Demo  string
}

// NewBoard prints to out, in colour when that is a terminal and NO_COLOR is not
// set.
func NewBoard(out io.Writer) *Board {
	b := &Board{out: out, lines: make(chan string, boardLines)}
	if f, ok := out.(*os.File); ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" {
		b.colour = term.IsTerminal(int(f.Fd()))
	}
	b.done.Go(b.print)
	return b
}

func (b *Board) print() {
	for line := range b.lines {
		fmt.Fprintln(b.out, line)
		if n := b.lost.Swap(0); n > 0 {
			fmt.Fprintf(b.out, "(%d lines were not printed: the terminal is too slow)\n", n)
		}
	}
}

// Close prints what waits. Nothing may be said any more.
func (b *Board) Close() {
	close(b.lines)
	b.done.Wait()
}

// Say prints text, and waits for room.
func (b *Board) Say(text string) { b.lines <- text }

func (b *Board) offer(line string) {
	select {
	case b.lines <- line:
	default:
		b.lost.Add(1)
	}
}

// Colours of a terminal (ECMA-48 SGR).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// Bold and the like paint text on a terminal.
func (b *Board) Bold(text string) string { return b.paint(bold, text) }

// Dim is for what matters less.
func (b *Board) Dim(text string) string { return b.paint(dim, text) }

func (b *Board) paint(how, text string) string {
	if !b.colour || how == "" || text == "" {
		return text
	}
	return "\x1b[" + how + "m" + text + "\x1b[0m"
}

// Decided prints one decision of an edge. It never blocks.
func (b *Board) Decided(edge string, c sipedge.CallLine) {
	who, way, because := Verdict(c)
	how := map[string]string{"legacy": yellow, "speakops": cyan, "refused": red}[who]
	if b.ladder.Load() != 0 {
		b.rung(time.Now(), "the edge decides", fmt.Sprintf("%s %s (%s)", who, way, because), how)
		return
	}
	b.offer(b.stamp(edge, c.From.String(), c.To.String()) + b.paint(how, fmt.Sprintf("%-9s", who)) + fmt.Sprintf("%-27s  %s", way, because))
}

// Append implements sipedge.Lines: it prints how a call ended. It never blocks,
// and takes every line.
func (b *Board) Append(line []byte) bool {
	e, err := ReadEnded(line)
	if err != nil || !e.Carried() || b.ladder.Load() != 0 || b.Demo != "" && e.Caller == b.Demo && e.Outcome == "answered" {
		return true
	}
	b.offer(b.stamp(e.Edge, e.Caller, e.PublicNumber) + b.Dim(fmt.Sprintf("%-9s%s", "ended", e)))
	return true
}

func (b *Board) stamp(edge, from, to string) string {
	if from == "" {
		from = "anonymous"
	}
	if to == "" {
		to = "no number"
	}
	at := b.Dim(time.Now().Format("15:04:05"))
	if b.Edges {
		at += "  " + edge
	}
	return at + fmt.Sprintf("  %-13s -> %-14s ", from, to)
}

// Climb makes the board a ladder: times count from the first message.
func (b *Board) Climb() { b.ladder.Store(-1) }

// Saw prints one message of the ladder.
func (b *Board) Saw(r testcall.Rung) {
	b.ladder.CompareAndSwap(-1, r.At.UnixNano())
	way, how := "caller <- edge", ""
	if r.Out {
		way = "caller -> edge"
	}
	switch {
	case strings.HasPrefix(r.What, "2"):
		how = green
	case r.What != "" && strings.ContainsRune("3456", rune(r.What[0])):
		how = red
	}
	what := r.What
	if r.Note != "" {
		what += "   " + r.Note
	}
	b.rung(r.At, way, what, how)
}

func (b *Board) rung(at time.Time, way, what, how string) {
	since := max(0, at.Sub(time.Unix(0, b.ladder.Load())))
	if b.ladder.Load() < 0 {
		since = 0
	}
	b.offer(fmt.Sprintf("  %9s   %-16s   %s", fmt.Sprintf("%d ms", since.Milliseconds()), way, b.paint(how, what)))
}
