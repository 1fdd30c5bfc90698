package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows progress on a terminal and nothing elsewhere.
type bar struct{ of *progressbar.ProgressBar }

func newBar(rows int, to io.Writer) *bar {
	f, ok := to.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &bar{}
	}
	return &bar{progressbar.NewOptions(rows, progressbar.OptionSetWriter(f), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())}
}

func (b *bar) add(rows int) {
	if b.of != nil {
		_ = b.of.Add(rows) // a terminal that went away stops nothing
	}
}

func (b *bar) end() {
	if b.of != nil {
		_ = b.of.Finish()
	}
}
