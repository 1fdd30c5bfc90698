package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/speakops/sipedge/sipedge/admin/client"
)

// globals are the flags of every command.
type globals struct {
	Edge   string        `env:"CUTOVERCTL_EDGE" placeholder:"EDGE" help:"Whom to ask: https://host:port, or a name of the configuration."`
	Token  string        `env:"CUTOVERCTL_TOKEN" placeholder:"TOKEN" help:"Better in CUTOVERCTL_TOKEN or the configuration: a command line can be read by others."`
	Config string        `env:"CUTOVERCTL_CONFIG" type:"path" placeholder:"FILE" help:"Which edges there are."`
	JSON   bool          `help:"JSON, for programs."`
	Color  string        `enum:"auto,always,never" default:"auto" placeholder:"WHEN" help:"auto (on a terminal, unless NO_COLOR is set), always, never."`
	Within time.Duration `default:"30s" placeholder:"TIME" help:"How long to wait for an answer (${default})."`
}

// desk is what a command works at: the edges it may ask, and the paper it
// writes on.
type desk struct {
	globals
	streams
	asked   []*client.Client
	answers *bufio.Reader
}

func (d *desk) close() {
	for _, c := range d.asked {
		c.Close()
	}
}

// edge is the one edge that is asked.
func (d *desk) edge() (*client.Client, error) {
	s, err := readSettings(d.Config)
	if err != nil {
		return nil, err
	}
	return d.ask(s, s.find(d.Edge))
}

func (d *desk) ask(s *settings, e place) (*client.Client, error) {
	token, err := d.Token, error(nil)
	if token == "" {
		if token, err = s.token(e); err != nil {
			return nil, err
		}
	}
	o := client.Options{Edge: e.URL, Token: token, Within: d.Within}
	if o.TLS, err = s.tls(e); err != nil {
		return nil, err
	}
	c, err := client.New(o)
	if err != nil {
		return nil, badUsage{err}
	}
	d.asked = append(d.asked, c)
	return c, nil
}

// show writes v as JSON, or as draw draws it for people.
func (d *desk) show(v any, draw func(*paper)) error {
	if d.JSON {
		e := json.NewEncoder(d.Out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	p := &paper{out: d.Out, colour: d.colours()}
	draw(p)
	return p.err
}

// colours are for people in front of a terminal.
func (d *desk) colours() bool {
	switch d.Color {
	case "always":
		return true
	case "never":
		return false
	}
	return terminal(d.Out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// sure asks before something that cannot be taken back; yes answers for the
// person. Without a person to ask, the answer is no.
func (d *desk) sure(yes bool, question string) error {
	if yes {
		return nil
	}
	if f, ok := d.In.(*os.File); ok && !term.IsTerminal(int(f.Fd())) {
		return badUsage{fmt.Errorf("%s Nobody is here to answer; add --yes to mean it", question)}
	}
	fmt.Fprintf(d.Err, "%s [y/N] ", question)
	if d.answers == nil {
		d.answers = bufio.NewReader(d.In)
	}
	answer, err := d.answers.ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	fmt.Fprintln(d.Err, "nothing was done")
	return silent(exitFailed)
}
