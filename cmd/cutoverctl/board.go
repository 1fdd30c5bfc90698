package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/admin/client"
)

// board is the live picture of a fleet and its cutovers. What it knows comes as
// glances; between them only its countdown moves.
type board struct {
	ctx     context.Context
	edge    *client.Client
	cutover string // "": all of them
	colour  bool

	last    glance
	skew    time.Duration // store time ahead of ours
	now     time.Time
	width   int
	stopped bool
}

// glance is everything the board shows, as one edge saw it at one moment.
type glance struct {
	at       time.Time
	edges    []admin.FleetEdge
	cutovers []admin.Cutover
	chain    admin.Chain
	err      error
}

// early is a glance out of turn: the next one comes when it would have.
type early struct{ glance }

// Messages of the board, beside glances.
type (
	tick  time.Time
	event struct{} // something happened: look at once
	again struct{} // a look is due
)

const (
	look  = time.Second
	blink = 100 * time.Millisecond
)

func (b *board) glance() tea.Msg {
	g := glance{}
	if g.edges, g.err = b.edge.Edges(b.ctx); g.err != nil {
		return g
	}
	if g.chain, g.err = b.edge.Chain(b.ctx); g.err != nil {
		return g
	}
	g.at = time.Now()
	if b.cutover == "" {
		g.cutovers, g.err = b.edge.Cutovers(b.ctx)
		return g
	}
	one, err := b.edge.Cutover(b.ctx, b.cutover)
	g.cutovers, g.err = []admin.Cutover{one}, err
	return g
}

func blinking() tea.Cmd { return tea.Tick(blink, func(t time.Time) tea.Msg { return tick(t) }) }

// Init implements tea.Model.
func (b *board) Init() tea.Cmd { return tea.Batch(b.glance, blinking()) }

// Update implements tea.Model.
func (b *board) Update(m tea.Msg) (tea.Model, tea.Cmd) {
	switch m := m.(type) {
	case tea.KeyMsg:
		switch m.String() {
		case "q", "esc", "ctrl+c":
			b.stopped = true
			return b, tea.Quit
		}
	case tea.WindowSizeMsg:
		b.width = m.Width
	case tick:
		b.now = time.Time(m)
		return b, blinking()
	case event:
		return b, func() tea.Msg { return early{b.glance().(glance)} }
	case again:
		return b, b.glance
	case early:
		b.take(m.glance)
	case glance:
		b.take(m)
		return b, tea.Tick(look, func(time.Time) tea.Msg { return again{} })
	}
	return b, nil
}

// take keeps what was seen; when nothing was, the last picture stays and says so.
func (b *board) take(g glance) {
	if g.err != nil {
		b.last.err = g.err
		return
	}
	b.last, b.skew = g, g.chain.Now.Sub(g.at)
	if b.now.IsZero() {
		b.now = g.at
	}
}

// View implements tea.Model.
func (b *board) View() string {
	var s strings.Builder
	p := &paper{out: &s, colour: b.colour}
	store := b.now.Add(b.skew)
	if b.last.at.IsZero() && b.last.err == nil {
		return "asking " + printable(b.edge.Edge()) + " ...\n"
	}
	if b.last.err != nil {
		p.line("%s", p.in(bad, "no news: "+b.last.err.Error()))
	}
	if !b.last.at.IsZero() {
		b.draw(p, store)
	}
	if !b.stopped {
		p.line("")
		p.line("%s", p.in(faint, "q quits"))
	}
	if b.width == 0 {
		return s.String()
	}
	lines := strings.Split(s.String(), "\n")
	for i := range lines {
		lines[i] = ansi.Truncate(lines[i], b.width, "…")
	}
	return strings.Join(lines, "\n")
}

func (b *board) draw(p *paper, store time.Time) {
	state := p.in(good, "recovered")
	if !b.last.chain.Recovered {
		state = p.in(bad, "store not recovered: nothing is decided")
	}
	p.line("store time %s  %s", p.in(bold, store.UTC().Format("15:04:05.0")), state)
	p.line("")
	drawFleet(p, b.last.edges, store)
	for i := range b.last.cutovers {
		if x := &b.last.cutovers[i]; b.cutover != "" || lively(x) {
			p.line("")
			drawBoarded(p, x, store)
		}
	}
}

// lively cutovers are worth a place on the board of all of them.
func lively(x *admin.Cutover) bool {
	switch x.Phase {
	case "cancelled", "settled":
		return false
	}
	return true
}

func drawBoarded(p *paper, x *admin.Cutover, store time.Time) {
	c := shadedPhase(x.Phase)
	p.line("%s  %s  %s, holder %s", p.in(bold, x.Cutover), p.in(c.shade, c.text), count(x.Count, "number"), p.in(bold, x.Holder))
	if w := x.Pending; w != nil {
		text := fmt.Sprintf("revision %d pending, %s left", w.Number, span(w.Deadline.Sub(store)))
		if len(w.Waiting) > 0 {
			text += ", waits for " + join(w.Waiting)
		}
		p.line("  %s", p.in(wary, text))
	}
	for _, s := range x.Steps {
		if left := s.At.Sub(store); left > 0 {
			p.line("  %s in %s  (%s)", p.in(bold, s.Authority), p.in(bold, span(left)), instant(s.At))
		} else {
			p.line("  %s since %s", p.in(good, s.Authority), span(-left))
		}
	}
	if f := x.FirstCall; f != nil && len(x.Steps) > 0 && !f.At.Before(x.Steps[len(x.Steps)-1].At) {
		p.line("  %s", p.in(good, fmt.Sprintf("first call on the new side %s after the flip, on %s", f.At.Sub(x.Steps[len(x.Steps)-1].At).Round(time.Millisecond), f.Edge)))
	} else if x.Phase == "flipped" {
		p.line("  %s", p.in(faint, "no call on the new side yet"))
	}
}

// span is a countdown: long ones in whole seconds, the last minute by tenths.
func span(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	if d >= time.Minute {
		return d.Truncate(time.Second).String()
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
