package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/speakops/sipedge/sipedge/testcall"
)

// exitSound says that a test call went where it should and did not sound so.
const exitSound = 6

type testcallCmd struct {
	Number string `arg:"" placeholder:"NUMBER" help:"What is dialled, as this trunk's upstream would write it: +12025550100, or an extension of a test line."`

	Via       string     `required:"" placeholder:"HOST:PORT" help:"The edge, where it takes SIP (port ${sip_port}; over TLS ${sips_port})."`
	Transport string     `enum:"udp,tcp,tls" default:"udp" placeholder:"HOW" help:"udp, tcp, tls (${default})."`
	CA        string     `name:"ca" type:"existingfile" group:"Signalling" placeholder:"FILE" help:"Whom to trust over TLS (this machine's authorities)."`
	Cert      string     `type:"existingfile" group:"Signalling" placeholder:"FILE" help:"Our certificate, for trunks with tls_subject."`
	Key       string     `type:"existingfile" group:"Signalling" placeholder:"FILE" help:"Its key."`
	Server    string     `name:"server-name" group:"Signalling" placeholder:"NAME" help:"The name in the edge's certificate (that of --via)."`
	Local     netip.Addr `group:"Signalling" placeholder:"ADDRESS" help:"Of this host, to call from: trunks are known by their sources."`
	User      string     `group:"Signalling" placeholder:"NAME" help:"For a trunk with a password."`
	Password  string     `env:"TESTCALL_PASSWORD" group:"Signalling" placeholder:"PASSWORD" help:"Better in TESTCALL_PASSWORD: a command line can be read by others."`

	From     string            `default:"+12025550199" placeholder:"NUMBER" help:"The caller (${default})."`
	Domain   string            `group:"Signalling" placeholder:"HOST" help:"Host part of what is dialled (the edge's address)."`
	Override string            `enum:"legacy,speakops," default:"" placeholder:"SIDE" help:"Force legacy or speakops for this call, by X-SpeakOps-Route; the trunk needs trust.test_override."`
	Header   map[string]string `group:"Signalling" placeholder:"NAME=VALUE" help:"One more header line; may be given again."`
	Ring     time.Duration     `default:"30s" placeholder:"TIME" help:"How long to wait for an answer before giving up (${default})."`
	Talk     time.Duration     `default:"4s" placeholder:"TIME" help:"How long to talk and listen (${default})."`

	Codec     string     `enum:"PCMU,PCMA,pcmu,pcma," default:"" group:"Sound" placeholder:"NAME" help:"PCMU or PCMA alone (both are offered)."`
	SRTP      bool       `name:"srtp" group:"Sound" help:"Encrypt the media, with keys in SDP (SDES)."`
	DTMF      string     `name:"dtmf" group:"Sound" placeholder:"DIGITS" help:"Press these after 1.5 s, as telephone events (RFC 4733)."`
	Advertise netip.Addr `group:"Sound" placeholder:"ADDRESS" help:"Written into our SDP, where it is not the address we call from."`
	Silent    bool       `group:"Sound" help:"Send no media at all, as a broken phone does."`

	Code     string        `name:"expect-code" group:"Expectations" placeholder:"CODE" help:"The final response: 486, 4xx (2xx)."`
	Side     string        `name:"expect-side" enum:"legacy,speakops,none," default:"" group:"Expectations" placeholder:"SIDE" help:"Who carries it: legacy, speakops, none."`
	Because  string        `name:"expect-because" group:"Expectations" placeholder:"WORD" help:"Why it was decided so."`
	Gateway  string        `name:"expect-gateway" group:"Expectations" placeholder:"GATEWAY" help:"Which gateway takes it."`
	Tone     int           `name:"expect-tone" group:"Expectations" placeholder:"HERTZ" help:"A tone that is heard (1004 of a milliwatt line)."`
	Echo     bool          `name:"expect-echo" group:"Expectations" help:"Our own tone comes back."`
	Digits   bool          `name:"expect-dtmf" group:"Expectations" help:"The digits of --dtmf come back."`
	MaxLoss  float64       `default:"1" group:"Expectations" placeholder:"PERCENT" help:"Of lost packets, either way (${default})."`
	MaxJit   time.Duration `name:"max-jitter" default:"30ms" group:"Expectations" placeholder:"TIME" help:"Mean, of what is heard (${default})."`
	MinMOS   float64       `name:"min-mos" default:"0" group:"Expectations" placeholder:"SCORE" help:"Of what is heard, 1 to 4.4."`
	MaxDelay time.Duration `group:"Expectations" placeholder:"TIME" help:"Post-dial: until it rings."`

	Count    int           `short:"c" default:"1" placeholder:"N" help:"So many calls, at most ${most_calls}."`
	Every    time.Duration `default:"0s" placeholder:"TIME" help:"Begin one so often; 0s begins one when the last has ended."`
	Messages bool          `short:"m" help:"Show what crossed the wire."`
}

// maxSeries bounds a series, and atOnceSeries the calls of it that are up together.
const (
	maxSeries    = 10_000
	atOnceSeries = 100
)

// Help implements kong.HelpProvider.
func (testcallCmd) Help() string {
	return `Dials NUMBER through an edge as an upstream's trunk would, plays a tone that spells a number of its own once a second,
presses --dtmf, listens, hangs up, and says what an upstream would have seen: who answered, how soon, and how both
directions sound. What the other side hears of us is known where it sends RTCP, or echoes.

The edge must know this host as a trunk (trunks[].sources), and tells what it decided and why when that trunk has
trust.diagnostics. Otherwise, with a --token, its admin API (--edge) is asked.

  cutoverctl testcall +12025550100 --via 203.0.113.10
  cutoverctl testcall +12025550100 --via 203.0.113.10 --override speakops --expect-side speakops --expect-echo
  cutoverctl testcall 1004 --via edge.example.com --transport tls --ca ca.crt --srtp --expect-tone 1004
  cutoverctl testcall +12025550100 --via 203.0.113.10 --count 20 --every 500ms --json | jq .summary

Exit codes: 0 as expected; 1 the call did not go as expected (a refusal, another side, too slow); 2 bad command line;
3 the edge cannot be reached, or says nothing; 6 the call went as expected, and sounded otherwise. Of a series, that of
its worst call: 3, then 1, then 6.`
}

// Run implements the command.
func (c *testcallCmd) Run(ctx context.Context, d *desk) error {
	call, err := c.call()
	if err != nil {
		return badUsage{err}
	}
	if err := call.Check(); err != nil {
		return badUsage{err}
	}
	if c.Count < 1 || c.Count > maxSeries {
		return badUsage{fmt.Errorf("--count is 1 to %d", maxSeries)}
	}
	asks, err := d.asker()
	if err != nil {
		return err
	}
	if c.Count > 1 {
		return c.series(ctx, d, call, asks)
	}
	one := c.place(ctx, call, asks)
	if err := d.show(one, func(p *paper) { drawTestcall(p, &one, c.Messages) }); err != nil {
		return err
	}
	return one.exit()
}

// tested is a report and what is to be said of it.
type tested struct {
	*testcall.Report
	Error  string   `json:"error,omitempty"`
	Wrong  []string `json:"wrong,omitempty"`       // with the call
	Sounds []string `json:"wrong_sound,omitempty"` // with its sound
	Passed bool     `json:"passed"`
	failed error
}

func (c *testcallCmd) place(ctx context.Context, call testcall.Call, asks asker) tested {
	r, err := testcall.Place(ctx, call)
	t := tested{Report: r, failed: err}
	if r == nil {
		t.Report = &testcall.Report{Edge: c.Via, To: c.Number}
	}
	if err != nil {
		t.Error = err.Error()
		return t
	}
	if asks != nil && r.Decision == nil {
		asks(ctx, r)
	}
	want := c.want()
	t.Wrong, t.Sounds = r.Routing(want), r.Listening(want)
	t.Passed = len(t.Wrong)+len(t.Sounds) == 0
	return t
}

func (c *testcallCmd) want() testcall.Want {
	return testcall.Want{
		Code: c.Code, Side: c.Side, Because: c.Because, Gateway: c.Gateway, MaxDelay: c.MaxDelay,
		Tone: c.Tone, Echo: c.Echo, Digits: c.Digits, MaxLoss: c.MaxLoss / 100, MaxJitter: c.MaxJit, MinMOS: c.MinMOS,
	}
}

// exit is the code of one call.
func (t *tested) exit() error {
	switch {
	case errors.Is(t.failed, testcall.ErrUnreachable), errors.Is(t.failed, testcall.ErrSilent):
		return silent(exitUnreachable)
	case t.failed != nil || len(t.Wrong) > 0:
		return silent(exitFailed)
	case len(t.Sounds) > 0:
		return silent(exitSound)
	}
	return nil
}

func (c *testcallCmd) call() (testcall.Call, error) {
	call := testcall.Call{
		Edge: c.Via, Transport: testcall.Transport(c.Transport), Local: c.Local,
		To: c.Number, From: c.From, Domain: c.Domain, Username: c.User, Password: c.Password, Override: c.Override,
		Ring: c.Ring, Talk: c.Talk,
		Sound: testcall.Sound{Codec: c.Codec, SRTP: c.SRTP, Advertise: c.Advertise, DTMF: c.DTMF, Silent: c.Silent},
	}
	for name, value := range c.Header {
		if strings.ContainsAny(name+value, "\r\n") || name == "" {
			return call, fmt.Errorf("--header %q is no header line", name)
		}
		call.Headers = append(call.Headers, testcall.Header{Name: name, Value: value})
	}
	if c.Transport != "tls" {
		if c.CA+c.Cert+c.Key+c.Server != "" {
			return call, errors.New("certificates belong to --transport tls")
		}
		return call, nil
	}
	var s settings
	secure, err := s.tls(place{CA: c.CA, Cert: c.Cert, Key: c.Key})
	if secure == nil {
		secure = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	secure.ServerName = c.Server
	call.TLS = secure
	return call, err
}
