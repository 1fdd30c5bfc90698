package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/speakops/sipedge/configs"
)

type checkCmd struct {
	Config string `required:"" short:"c" type:"path" placeholder:"FILE" help:"The edge's YAML file."`
}

// Run prints one line about a configuration that loads, or all its mistakes.
func (c *checkCmd) Run(s streams) error {
	edge, warnings, err := load(c.Config, s.Err)
	if err != nil {
		return err
	}
	gateways := 0
	for _, r := range edge.Routes {
		gateways += len(r.Gateways)
	}
	line := fmt.Sprintf("%s: ok: %s, %s, %s, %s", c.Config, count(len(edge.SIP.Listen), "listener"),
		count(len(edge.Trunks), "trunk"), count(len(edge.Routes), "route"), count(gateways, "gateway"))
	if warnings > 0 {
		line += ", " + count(warnings, "warning")
	}
	_, err = fmt.Fprintln(s.Out, line)
	return err
}

// load reads a configuration for any command: warnings are printed, mistakes
// come back as one error that ends the program with exit code 1.
func load(path string, stderr io.Writer) (edge *configs.Edge, warnings int, err error) {
	edge, list, err := configs.Load(path)
	for _, w := range list {
		fmt.Fprintln(stderr, w)
	}
	if err == nil {
		return edge, len(list), nil
	}
	var mistakes configs.Mistakes
	switch {
	case errors.As(err, &mistakes):
		err = fmt.Errorf("%w\n%s: %s; nothing was loaded", err, path, count(len(mistakes), "mistake"))
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("%s: no such file; correct the path, or write one: configs/edge.example.yaml shows every key", path)
	}
	return nil, len(list), badConfig{err}
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
