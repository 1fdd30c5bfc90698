package sipedge

import (
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/profile"
)

// sentences say for people what a reason for a refusal means, and where to look.
var sentences = map[routing.Because]string{
	routing.NotANumber:    "what was dialled names no public number; look at called in the trunk's profile and at default_country",
	routing.NumberUnknown: "the number is not in the table, which is fresh: it is not ours",
	routing.TableStale:    "the number is not in the table, and the table is too old to be sure; is Redis reachable?",
	routing.NoAuthority:   "the record says that nobody carries this number",
	routing.OverrideBlock: "an override blocks the number",
	routing.NoRoute:       "no route is configured for the side that holds the number, or it has no gateway",
	routing.WrongRoute:    "the record names a route of the other side",
	routing.PSTNComesBack: "the route dials the number over the PSTN, which would bring the call back here",
	routing.ClockTooWide:  "this edge's clock is not sure enough for a number that changes hands now",

	routing.RescueEarlyDisconnect: "the losing carrier lets go of a number before its cut; is its order being worked early? cutoverctl flip brings the cut forward",
	routing.FallbackAfterCut:      "every gateway of speakops is down, and the losing carrier is asked",

	becauseNumberLimit: "too many calls to this number: limits.per_number",
	becauseEmergency:   "an emergency number was dialled through a trunk; it is never routed by table",
	becauseHeldFull:    "as many calls as may be held for the clock are held: clock.max_held",
	becauseLoop:        "the call has been here before: its Vias show a loop",
	becauseOverload:    "messages wait too long, or as many calls as may be set up at once are: limits.overload",
	becauseCallerLimit: "too many calls from this caller: limits.per_caller",
	"not_in_fleet":     "the fleet does not count on this edge: cutoverctl edges says what it waits for",
	becauseMediaPorts:  "no media ports are left: media.ports",
	becauseSDP:         "the SDP cannot be read, or asks for what the policy forbids",
	becauseLinesFull:   "as many calls to test lines are up as one edge answers",
	becauseDialogs:     "as many calls as an edge can remember are up",
	becausePanic:       "a bug of this program: the log has its stack",
	"over_rate":        "more calls per second than the trunk's limits allow",
	"over_concurrent":  "more calls at once than the trunk's limits allow",
	refusedRoute:       "it carries a Route that this edge did not give out; an outbound-proxy setting may name this edge only",
	refusedMerged:      "the same request came on two ways, and the first one is being served (RFC 3261 section 8.2.2.2)",
	becauseStrange:     "it comes from a gateway that is no trunk; add a trunk with this source if it should be one",
	refusedForged:      "it has a route token of this edge, and comes from or leads to an address that is not of its dialog's side",
	refusedPassword:    "the trunk's user name or password is wrong, or its answer is to an old question",
	"draining":         "the edge is stopping",
	"table_not_loaded": "the numbers have not been loaded from Redis yet",
	becauseFault:       "",
}

// whyFailed is a sentence for a call that ended without an answer.
func (s *shard) whyFailed(inv *invite, ending call.Ending) []byte {
	b := s.text[:0]
	switch ending {
	case call.Canceled:
		b = append(b, "the caller gave up after "...)
		b = append(b, time.Duration(s.at-inv.legsBegan(s.edge)).Round(time.Millisecond).String()...)
	case call.Refused:
		b = append(b, sentences[inv.because()]...)
		if inv.because() == routing.NotANumber && inv.raw != nil {
			b = strconv.AppendQuoteToASCII(append(b, "; dialled: "...), string(cut(s.original(inv).Target.User)))
		}
		if inv.mediaWhy != "" {
			b = append(append(b, ": "...), inv.mediaWhy...)
		}
	case call.Unanswered:
		b = append(b, "it rang, and nobody answered in time"...)
	}
	for i := range inv.legs {
		l := &inv.legs[i]
		if l.hop == nil {
			continue
		}
		if len(b) > 0 {
			b = append(b, "; "...)
		}
		b = append(append(append(b, "gateway "...), l.hop.id...), ' ')
		b = l.appendSays(b)
	}
	if ending == call.GatewaysFailed {
		b = inv.appendMissing(b)
	}
	s.text = b
	return b
}

// appendMissing names the gateways of the route that could not even be tried.
func (inv *invite) appendMissing(b []byte) []byte {
	if inv.route == nil {
		return b
	}
	for _, h := range inv.route.hops {
		why := inv.world.set.Missing(h.index)
		if why == "" {
			continue
		}
		if len(b) > 0 {
			b = append(b, "; "...)
		}
		b = append(append(append(b, "gateway "...), h.id...), " has no address: "...)
		b = append(b, why...)
	}
	return b
}

// maxTold bounds what is repeated of somebody else's words.
const maxTold = 120

func cut(b []byte) []byte { return b[:min(len(b), maxTold)] }

// saysWhy is what a gateway's final says beside its code: a Warning or a Reason
// (RFC 3261 section 20.43, RFC 3326), or a phrase that is not the usual one.
func saysWhy(m *message.Message) string {
	for _, k := range [...]message.Kind{message.KWarning, message.KReason} {
		if v := m.Value(k); len(v) > 0 {
			return string(cut(v))
		}
	}
	if phrase := string(cut(m.Reason)); !strings.EqualFold(phrase, profile.Phrase(m.Status)) {
		return phrase
	}
	return ""
}

// legsBegan is when the INVITE came.
func (inv *invite) legsBegan(e *Edge) call.Instant { return call.Instant(inv.arrived.Sub(e.epoch)) }

// appendSays writes how an attempt went.
func (l *leg) appendSays(b []byte) []byte {
	if l.code != 0 {
		b = append(b, "said "...)
		b = strconv.AppendInt(b, int64(l.code), 10)
		b = append(append(b, ' '), profile.Phrase(l.code)...)
		if l.why != "" {
			b = append(append(append(b, " ("...), l.why...), ')')
		}
		return b
	}
	switch l.result() {
	case resultUnreachable:
		b = append(b, "could not be reached"...)
		if l.why != "" {
			b = append(append(b, ": "...), l.why...)
		}
		return b
	case resultRang:
		return append(b, "rang"...)
	case resultStalled:
		return append(b, "said 100 and nothing more"...)
	}
	return append(b, "said nothing"...)
}
