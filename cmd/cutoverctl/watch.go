package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/speakops/sipedge/sipedge/admin"
)

// watch shows the board until somebody quits. What happens is heard at once by
// the edge's events, and looked at anyway every second.
func watch(ctx context.Context, d *desk, cutover string) error {
	if d.JSON {
		return badUsage{errors.New("--watch is for people; programs listen to /v1/events")}
	}
	if !terminal(d.Out) {
		return badUsage{errors.New("--watch wants a terminal; without one, ask status or cutovers again and again")}
	}
	edge, err := d.edge()
	if err != nil {
		return err
	}
	b := &board{ctx: ctx, edge: edge, cutover: cutover, colour: d.colours()}
	if first := b.glance().(glance); first.err != nil {
		return first.err
	}
	return b.run(d.In, d.Out)
}

// run draws the board until q is typed or its context ends.
func (b *board) run(in io.Reader, out io.Writer) error {
	program := tea.NewProgram(b, tea.WithContext(b.ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen(), tea.WithoutSignalHandler())
	listen, stop := context.WithCancel(b.ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		var last time.Time
		_ = b.edge.Events(listen, []string{"cutover.", "revision.", "edge."}, "", func(admin.Event) error {
			if now := time.Now(); now.Sub(last) > look/4 { // a hundred acknowledgements are one look
				last = now
				program.Send(event{})
			}
			return nil
		}) // without events the board looks every second
	})
	_, err := program.Run()
	stop()
	wg.Wait()
	if errors.Is(err, tea.ErrProgramKilled) && b.ctx.Err() != nil {
		return nil
	}
	return err
}
