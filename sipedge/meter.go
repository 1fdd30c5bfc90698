package sipedge

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/profile"
	"github.com/speakops/sipedge/sipedge/transport"
	"github.com/speakops/sipedge/sipedge/transport/gate"
)

// meter counts what no trunk or gateway is to be named for.
type meter struct {
	strays      atomic.Uint64 // responses that belong to nothing of ours
	strange     atomic.Uint64 // INVITEs of gateways that are no trunk
	forged      atomic.Uint64 // in-dialog requests with a good token and a wrong source or target
	unsent      atomic.Uint64 // messages the network did not take
	unjournaled atomic.Uint64 // dialogs the journal had no room for
	scans       atomic.Uint64 // messages of programs known to scan
	misrouted   atomic.Uint64 // INVITEs sent to a gateway of another side than was decided
	faults      atomic.Uint64 // requests refused for what they are: 400, 403, 416, 420, 481, ...
}

func (m *meter) stray() { m.strays.Add(1) }
func (m *meter) fault() { m.faults.Add(1) }

// Words are the fixed sets that labels of an edge's metrics may take.
func Words() observe.Words {
	return observe.Words{
		Because: append(routing.Reasons(),
			becauseNumberLimit, becauseCallerLimit, becauseEmergency, becauseHeldFull, becauseLoop, becauseOverload, becauseDialogs,
			becauseMediaPorts, becauseTestLine, becauseLinesFull, becauseSDP, becausePanic),
		Outcomes: append(profile.OutcomeNames(), append(refusalWords, string(becausePanic))...),
		Results:  []string{resultAnswered, resultSilent, resultStalled, resultUnreachable, resultFailed, resultRejected, resultRang},
		Panics:   []string{"shard", "admin", "media"},
		Rescues:  rescueResults,
	}
}

// Results of an attempt at a gateway.
const (
	resultAnswered    = "answered"
	resultSilent      = "silent"      // nothing at all
	resultStalled     = "stalled"     // only 100
	resultUnreachable = "unreachable" // the transport failed
	resultFailed      = "failed"      // 5xx
	resultRejected    = "rejected"    // any other final
	resultRang        = "rang"        // 18x, and given up without a final
)

// Refusals that are no outcome of a call, by the word they are counted under.
const (
	refusedPassword  = "password"
	refusedRoute     = "preloaded_route"
	refusedMerged    = "merged"
	refusedRequest   = "bad_request"
	refusedDialog    = "no_dialog"
	refusedForged    = "forged"
	refusedMethod    = "method"
	refusedScanner   = "scanner"
	refusedExtension = "extension"
	refusedNoise     = "noise" // dropped by the gate without an answer
	refusedTLS       = "tls_handshake"
	refusedSource    = "per_source" // not answered either: too many of the like from there
)

var refusalWords = []string{refusedPassword, refusedRoute, refusedMerged, refusedRequest, refusedDialog, refusedForged, refusedMethod, refusedScanner,
	refusedExtension, refusedNoise, refusedSource, refusedTLS}

// refusal counts one request that was refused for what it is, by trunk and
// reason, and writes a sampled line; t is nil for a gateway's. detail says more of
// the reason in words of ours, and may be empty.
func (e *Edge) refusal(t *trunk, why, detail string, f transport.Flow) {
	e.meter.fault()
	id := "gateway"
	if t != nil {
		id = string(t.id)
		t.stats.Refused(why)
	}
	key := id + " " + why + " " + detail
	suppressed, ok := e.floods.Allow(slog.LevelWarn, key, "request refused")
	if !ok {
		return // most of a flood costs no more than this
	}
	attrs := []slog.Attr{slog.String(observe.KeyTrunk, id), slog.String(observe.KeyReason, why), slog.String(observe.KeySource, f.Peer.String())}
	if detail != "" {
		attrs = append(attrs, slog.String("detail", detail))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Uint64(observe.KeySuppressed, suppressed))
	}
	e.log.LogAttrs(context.Background(), slog.LevelWarn, "request refused", attrs...)
}

// dropped is told of what a known source sent and the gate did not let in.
func (e *Edge) dropped(f transport.Flow, why gate.Reason) {
	e.refusal(e.world.Load().trunkOf(f, e.namesOf(f)), refusedNoise, why.String(), f)
}

// heard says whether a request that proves nothing may be answered: a known
// address can be forged, and where anybody may try a password nobody is known.
func (e *Edge) heard(t *trunk, f transport.Flow, now time.Time) bool {
	if e.answers.Take(f.Peer.Addr(), now) {
		return true
	}
	e.refusal(t, refusedSource, "", f)
	return false
}

// flood writes a line of which a peer decides how often it comes.
func (e *Edge) flood(key, msg string, attrs ...slog.Attr) {
	e.floods.Log(context.Background(), slog.LevelWarn, key, msg, attrs...)
}

// alarm is a flood's line at the level that wakes somebody.
func (e *Edge) alarm(key, msg string, attrs ...slog.Attr) {
	e.floods.Log(context.Background(), slog.LevelError, key, msg, attrs...)
}

// drops yields what was dropped or refused before a call came of it.
func (e *Edge) drops(yield func(reason string, n uint64)) {
	m := &e.meter
	for _, d := range []struct {
		reason string
		n      uint64
	}{
		{"stray_response", m.strays.Load()}, {"gateway_invite", m.strange.Load()}, {"forged", m.forged.Load()},
		{"scanner", m.scans.Load()}, {"unsent", m.unsent.Load()}, {"unjournaled", m.unjournaled.Load()}, {"fault", m.faults.Load()},
	} {
		yield(d.reason, d.n)
	}
	if e.state.Load() == starting {
		return // no sockets yet
	}
	c := e.layer.Counters()
	for r := range gate.Reasons {
		yield(gate.Reason(r).String(), c.Dropped[r].Load()+c.Refused[r].Load())
	}
	yield("stranger", c.Strangers.Load())
	yield("unreadable", c.Unreadable.Load()+c.ParseFaults.Load())
	yield("queue_full", c.QueueFull.Load())
	yield("connections", c.ConnsRefused.Load())
	yield("handshake", c.Handshakes.Load())
	yield("slow", c.Slow.Load())
	yield("truncated", c.Truncated.Load())
	var kernel uint64
	for i := range e.world.Load().listeners {
		kernel += e.layer.KernelDrops(i)
	}
	yield("kernel", kernel)
}
