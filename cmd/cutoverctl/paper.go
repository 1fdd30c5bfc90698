package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// paper is what people read. Whatever came from elsewhere is made printable on
// the way: a terminal obeys what it is shown.
type paper struct {
	out    io.Writer
	colour bool
	err    error
}

// shade is a colour with a meaning.
type shade string

const (
	plain shade = ""
	bold  shade = "1"
	faint shade = "2"
	good  shade = "32"
	wary  shade = "33"
	bad   shade = "31"
)

// cell is a text in a shade.
type cell struct {
	text  string
	shade shade
}

func (p *paper) write(s string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.out, s)
	}
}

func (p *paper) line(format string, args ...any) { p.write(fmt.Sprintf(format, args...) + "\n") }

// in is a text in a shade, where there are colours.
func (p *paper) in(s shade, text string) string {
	text = printable(text)
	if !p.colour || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// table writes rows below a head, in columns as wide as they must be. A cell is a
// cell, or whatever fmt makes of it.
func (p *paper) table(head []string, rows [][]any) {
	all := make([][]string, 0, len(rows)+1)
	first := make([]string, len(head))
	for i, h := range head {
		first[i] = p.in(bold, h)
	}
	all = append(all, first)
	width := make([]int, len(head))
	for _, row := range rows {
		line := make([]string, len(head))
		for i, v := range row {
			c, ok := v.(cell)
			if !ok {
				c.text = fmt.Sprint(v)
			}
			line[i] = p.in(c.shade, orElse(c.text, "-"))
		}
		all = append(all, line)
	}
	for _, row := range all {
		for i, text := range row {
			width[i] = max(width[i], ansi.StringWidth(text))
		}
	}
	for _, row := range all {
		var s strings.Builder
		for i, text := range row {
			s.WriteString(text)
			if i < len(row)-1 {
				s.WriteString(strings.Repeat(" ", width[i]-ansi.StringWidth(text)+2))
			}
		}
		p.write(strings.TrimRight(s.String(), " ") + "\n")
	}
}

// pairs writes names and values below each other.
func (p *paper) pairs(of ...any) {
	width := 0
	for i := 0; i < len(of); i += 2 {
		width = max(width, len(of[i].(string)))
	}
	for i := 0; i < len(of); i += 2 {
		c, ok := of[i+1].(cell)
		if !ok {
			c.text = fmt.Sprint(of[i+1])
		}
		if c.text == "" {
			continue
		}
		name := of[i].(string)
		p.line("%s%s  %s", p.in(faint, name), strings.Repeat(" ", width-len(name)), p.in(c.shade, c.text))
	}
}

// printable shows what a terminal would obey instead of showing.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' {
			return r
		}
		return '?'
	}, s)
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// seconds is a duration that an edge gives as a number.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d >= 300*24*time.Hour:
		return "never"
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Microsecond).String()
}

// instant is a time as everybody who reads it understands it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999Z07:00") }

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
