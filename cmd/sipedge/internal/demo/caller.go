package demo

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/testcall"
)

// Call is one call to place.
type Call struct {
	From, To e164.Number
	Via      netip.AddrPort      // the edge, over UDP
	Override string              // legacy, speakops, or "" to let the edge decide
	Talk     time.Duration       // from the answer to BYE
	Saw      func(testcall.Rung) // told of every message, from several goroutines
}

// Result is what came of a call.
type Result struct {
	Code    int    // final response; 0 when none came
	Phrase  string // its reason phrase
	Reason  string // its Reason header, "" without one
	Gateway string // that answered, when it says so
	Heard   int    // packets of audio
}

// Answered says whether somebody picked up.
func (r Result) Answered() bool { return r.Code/100 == 2 }

// Place calls, listens for c.Talk, and hangs up. When ctx ends while it rings,
// the call is cancelled; while it is up, hung up. The error says that no final
// response came, or that hanging up went wrong.
func Place(ctx context.Context, c Call) (Result, error) {
	report, err := testcall.Place(ctx, testcall.Call{
		Edge: c.Via.String(), Local: c.Via.Addr(), // the edge is on this machine
		To: c.To.String(), From: c.From.String(), Override: c.Override, Ring: longRing, Talk: c.Talk, Saw: c.Saw,
	})
	if err != nil {
		return Result{}, err
	}
	r := Result{Code: report.Code, Phrase: report.Phrase, Reason: report.Reason}
	if r.Answered() {
		_, r.Gateway, _ = strings.Cut(report.By.Contact, ";"+gatewayParam+"=")
		r.Gateway, _, _ = strings.Cut(r.Gateway, ";")
	}
	if report.Media != nil {
		r.Heard = int(report.Media.Heard.Packets)
	}
	if len(report.Problems) > 0 {
		err = errors.New(strings.Join(report.Problems, "; "))
	}
	return r, err
}

// longRing is longer than an edge lets anybody ring: whoever watches gives up, or
// the edge does.
const longRing = 10 * time.Minute

// gatewayParam is the parameter of a Contact by which a gateway of ours is known.
const gatewayParam = "gw"
