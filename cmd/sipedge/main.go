// Command sipedge answers: what should this edge do now? It serves calls, or
// checks, fills and shows what an edge would work with.
//
// Exit codes: 0 all went well; 1 the configuration is wrong, and every mistake
// has been listed; 2 the command line is wrong; 3 something failed while running;
// 4 an audit found a promise broken.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/speakops/sipedge/sipedge/testcall"
)

const (
	exitOK = iota
	exitConfig
	exitUsage
	exitFailed
	exitBroken
)

// commands is the command line; each command lives in the file of its name.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Carry calls, until SIGTERM; then finish those in progress and end."`
	Dev     devCmd     `cmd:"" help:"Start everything a first call needs on this machine; with --call, place that call too."`
	Check   checkCmd   `cmd:"" help:"Read a configuration and list every mistake in it, with line numbers."`
	Numbers NumbersCmd `cmd:"" help:"Move number records into the store."`
	Token   tokenCmd   `cmd:"" help:"Make a token for the admin API, and the line that lets it in."`
	Audit   auditCmd   `cmd:"" help:"Read the records of all edges and look for calls that broke a promise."`
	Version versionCmd `cmd:"" help:"Print what this program was built from."`
}

const description = `A SIP edge for numbers that change hands: it takes calls from upstream trunks, decides for each public number
between the legacy provider and SpeakOps, and carries the call there.

New here? "sipedge dev" starts everything a first call needs, on this machine.
For real: write a configuration (configs/edge.example.yaml shows every key), "sipedge check" it, "sipedge numbers import"
what you know about your numbers, and "sipedge serve".

Exit codes: 0 ok, 1 bad configuration, 2 bad command line, 3 failed while running, 4 an audit found a promise broken.`

// streams are where a command writes; tests put buffers here.
type streams struct{ Out, Err io.Writer }

func main() {
	testcall.Quieten() // before anything runs that could read what it sets
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// exit is how kong's own flags (--help) leave through run.
type exit int

func run(ctx context.Context, args []string, s streams) (code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(e)
		}
	}()
	parser, err := kong.New(&commands{},
		kong.Name("sipedge"), kong.Description(description),
		kong.Writers(s.Out, s.Err), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s),
	)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	if len(args) == 0 {
		_, _ = parser.Parse([]string{"--help"}) // leaves through exit
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.Err, "sipedge: %v; see %s --help\n", err, asked(err))
		return exitUsage
	}
	return report(command.Run(), s.Err)
}

// asked is the command whose help is about a mistake on the command line.
func asked(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		for _, at := range slices.Backward(parse.Context.Path) {
			if at.Command != nil {
				return at.Command.FullPath()
			}
		}
	}
	return "sipedge"
}

// badConfig wraps what is wrong with a configuration, in full.
type badConfig struct{ error }

func (b badConfig) Unwrap() error { return b.error }

func report(err error, to io.Writer) int {
	var bad badConfig
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &bad):
		fmt.Fprintln(to, err)
		return exitConfig
	}
	fmt.Fprintln(to, "sipedge:", err)
	var broken brokenPromise
	if errors.As(err, &broken) {
		return exitBroken
	}
	return exitFailed
}

type versionCmd struct{}

func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.Out, "sipedge", readVersion())
	return err
}

func readVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "(built without module information)"
	}
	revision := ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = " " + setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			revision += " (changed)"
		}
	}
	return fmt.Sprintf("%s%s %s", info.Main.Version, revision, info.GoVersion)
}
