// Command cutoverctl answers: who holds which number, why, and from when? It
// asks the edges' admin API, shows what it learns, and asks for changes.
//
// Exit codes: 0 all went well; 1 the edge refused, or something failed; 2 the
// command line or the configuration is wrong; 3 an edge gives no answer; 4 the
// token may not do this; 5 somebody else was faster, or it is not the time; 6 a
// test call went where it should and sounded otherwise.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/admin/client"
)

const (
	exitOK = iota
	exitFailed
	exitUsage
	exitUnreachable
	exitForbidden
	exitConflict
)

// commands is the command line; each command lives in the file of its name.
type commands struct {
	globals

	Status   statusCmd   `cmd:"" help:"One edge at a glance; with --watch, a live board of the fleet and a cutover."`
	Edges    edgesCmd    `cmd:"" help:"The fleet: clock error, revision, age of the table; declare-off."`
	Trunks   trunksCmd   `cmd:"" help:"Who sends calls, and how much of the limits is used."`
	Limits   limitsCmd   `cmd:"" help:"Who is close to a limit, what share of it is in force here, and who knocks without being known."`
	Gateways gatewaysCmd `cmd:"" help:"Where calls go, and who is alive."`
	Explain  explainCmd  `cmd:"" help:"Where would this call go, why, and what would change the answer?"`
	Numbers  numbersCmd  `cmd:"" help:"Look at number records, and edit them where the edge may."`
	LogLevel logLevelCmd `cmd:"" help:"Show or set what the edge's log tells."`
	Calls    callsCmd    `cmd:"" help:"Calls of late: who, where to, why, and what became of them."`
	Ladder   ladderCmd   `cmd:"" help:"What crossed the wire for one call, and what was decided in between."`
	Testcall testcallCmd `cmd:"" help:"Place a call as a trunk would, and hear how it goes: decision, delays, both directions' sound."`
	Reload   reloadCmd   `cmd:"" help:"Let the edge read its configuration again."`

	Plan     planCmd     `cmd:"" group:"Cutovers" help:"Hand in a port order, a cutover for it, or both, and lint them."`
	Orders   ordersCmd   `cmd:"" group:"Cutovers" help:"Port orders, and what the world says of them."`
	Cutovers cutoversCmd `cmd:"" group:"Cutovers" help:"Every cutover, or one in full."`
	Lint     lintCmd     `cmd:"" group:"Cutovers" help:"What should be put right before a cutover is armed."`
	Rehearse rehearseCmd `cmd:"" group:"Cutovers" help:"Play a cutover through: every edge, every number, a test call per side."`
	Approve  approveCmd  `cmd:"" group:"Cutovers" help:"Approve what somebody else has planned."`
	Arm      armCmd      `cmd:"" group:"Cutovers" help:"Let a cutover flip by itself; wants another person's approval."`
	Move     moveCmd     `cmd:"" group:"Cutovers" help:"Flip at another instant."`
	Cancel   cancelCmd   `cmd:"" group:"Cutovers" help:"Take a cutover off the schedule."`
	Flip     flipCmd     `cmd:"" group:"Cutovers" help:"Flip now: as soon as every edge can know."`
	Rollback rollbackCmd `cmd:"" group:"Cutovers" help:"Give the numbers back; wants another person's approval."`
	Store    storeCmd    `cmd:"" group:"Cutovers" help:"The shared chain of revisions: status, init."`
	Journal  journalCmd  `cmd:"" group:"Cutovers" help:"Every step of every cutover; verify."`

	Completion kongcompletion.Completion `cmd:"" help:"Tab completion for bash, zsh and fish."`
	Version    versionCmd                `cmd:"" help:"Print what this program was built from."`
}

const description = `Look after the edges that carry calls while their numbers change hands.

An edge is named by --edge or CUTOVERCTL_EDGE, as https://host:port or by its name in the configuration
(--config, CUTOVERCTL_CONFIG, or cutoverctl.yaml in the user's configuration folder):

  default: edge-1
  edges:
    - { name: edge-1, url: "https://10.0.0.1:8080", token: "file:edge-token", ca: admin-ca.crt }
    - { name: edge-2, url: "https://10.0.0.2:8080", token: "$${EDGE_TOKEN}" }

Without any of them it is http://127.0.0.1:8080. The token may also come from CUTOVERCTL_TOKEN; "sipedge token" makes one.

Exit codes: 0 ok, 1 refused or failed, 2 bad command line or configuration, 3 an edge gives no answer,
4 the token may not do this, 5 somebody else was faster or it is not the time, 6 a test call sounded otherwise.`

// streams are where a command reads and writes; tests put buffers here.
type streams struct {
	In       io.Reader
	Out, Err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
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
	c := &commands{}
	parser, err := kong.New(c,
		kong.Name("cutoverctl"), kong.Description(description),
		kong.Writers(s.Out, s.Err), kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"sip_port": "5060", "sips_port": "5061", "most_calls": strconv.Itoa(maxSeries)},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(s),
	)
	if err != nil {
		panic(err) // the struct above is wrong
	}
	kongcompletion.Register(parser)
	if len(args) == 0 {
		_, _ = parser.Parse([]string{"--help"}) // leaves through exit
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.Err, "cutoverctl: %v; see %s --help\n", err, asked(err))
		return exitUsage
	}
	desk := &desk{globals: c.globals, streams: s}
	defer desk.close()
	return report(command.Run(desk), s.Err)
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
	return "cutoverctl"
}

// badUsage wraps a mistake in the command line or the configuration.
type badUsage struct{ error }

func (b badUsage) Unwrap() error { return b.error }

// silent ends with a code when everything has been said.
type silent int

func (s silent) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

func report(err error, to io.Writer) int {
	var quiet silent
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &quiet):
		return int(quiet)
	}
	fmt.Fprintln(to, "cutoverctl:", printable(err.Error()))
	var p *admin.Problem
	if errors.As(err, &p) {
		for _, m := range p.Errors {
			if m.Location != "" {
				m.Message = m.Location + ": " + m.Message
			}
			fmt.Fprintln(to, "  "+printable(m.Message))
		}
	}
	return codeOf(err)
}

func codeOf(err error) int {
	var usage badUsage
	var away *client.Unreachable
	var p *admin.Problem
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &away):
		return exitUnreachable
	case !errors.As(err, &p):
		return exitFailed
	}
	switch p.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitForbidden
	case http.StatusConflict, http.StatusPreconditionFailed:
		return exitConflict
	}
	return exitFailed
}

type versionCmd struct{}

// Run implements the command.
func (versionCmd) Run(s streams) error {
	version := "(built without module information)"
	if info, ok := debug.ReadBuildInfo(); ok {
		version = info.Main.Version + " " + info.GoVersion
	}
	_, err := fmt.Fprintln(s.Out, "cutoverctl", version)
	return err
}
