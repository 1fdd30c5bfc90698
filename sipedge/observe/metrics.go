package observe

import (
	"time"

	"github.com/speakops/sipedge/routing"
)

// Words are the fixed sets that labels may take; any other word counts as Other.
type Words struct {
	Because  []routing.Because // every reason of a decision, the edge's own included
	Outcomes []string          // every outcome of a refusal
	Results  []string          // every result of an attempt at a gateway
	Panics   []string          // the places a panic is caught in
	Rescues  []string          // what became of a call whose own side had failed
}

// Metrics is what the edge counts. Every method is cheap enough for the call
// path and safe for concurrent use.
type Metrics struct {
	calls, refusals, answers, attempts *Table
	oneWay, sound, heard, rescues      *Table
	panics                             *Row

	InFlight Gauge // INVITEs without a final answer
	Held     Gauge // of these, waiting for the clock
	Dialogs  Gauge // calls that are up

	SetupTime     *Histogram // INVITE to 2xx
	PostDialDelay *Histogram // INVITE to the first 18x relayed
	QueueDelay    *Histogram // a message's wait for its shard
	MediaJitter   *Histogram // mean over a stream

	start time.Time
}

// NewMetrics makes counters that all stand at zero.
func NewMetrics(w Words) *Metrics {
	because := make([]string, len(w.Because))
	for i, b := range w.Because {
		because[i] = string(b)
	}
	m := &Metrics{
		calls:         newTable(because),
		refusals:      newTable(w.Outcomes),
		answers:       newTable(codeWords),
		attempts:      newTable(w.Results),
		oneWay:        newTable(endWords),
		sound:         newTable(soundWords),
		heard:         newTable(heardWords),
		rescues:       newTable(w.Rescues),
		panics:        newTable(w.Panics).Row(""),
		SetupTime:     newHistogram(setupBounds),
		PostDialDelay: newHistogram(setupBounds),
		QueueDelay:    newHistogram(queueBounds),
		MediaJitter:   newHistogram(queueBounds),
		start:         time.Now(),
	}
	for _, exception := range []routing.Because{routing.RescueEarlyDisconnect, routing.FallbackAfterCut} {
		m.rescues.Row(string(exception))
	}
	return m
}

// Trunk is what is counted for one trunk.
type Trunk struct {
	calls, refusals, answers *Row
	oneWay, sound, heard     *Row
	jitter                   *Histogram
}

// Trunk returns a trunk's counters; keep them with the trunk.
func (m *Metrics) Trunk(id routing.TrunkID) *Trunk {
	name := string(id)
	return &Trunk{
		m.calls.Row(name), m.refusals.Row(name), m.answers.Row(name),
		m.oneWay.Row(name), m.sound.Row(name), m.heard.Row(name), m.MediaJitter,
	}
}

// Decided counts one decision by its reason.
func (t *Trunk) Decided(because routing.Because) { t.calls.Inc(string(because)) }

// Refused counts one call that this edge or its gateways refused, by outcome.
func (t *Trunk) Refused(outcome string) { t.refusals.Inc(outcome) }

// Answered counts one final response sent to an INVITE.
func (t *Trunk) Answered(code int) { t.answers.Code(code) }

// Gateway is what is counted for one gateway.
type Gateway struct{ attempts *Row }

// Gateway returns a gateway's counters; keep them with the gateway.
func (m *Metrics) Gateway(id routing.GatewayID) *Gateway {
	return &Gateway{m.attempts.Row(string(id))}
}

// Attempted counts one finished attempt by its result.
func (g *Gateway) Attempted(result string) { g.attempts.Inc(result) }

// Rescued counts one call whose own side had failed as an exception is for, by
// that exception and by what became of it.
func (m *Metrics) Rescued(because routing.Because, result string) {
	m.rescues.Row(string(because)).Inc(result)
}

// Panicked counts one panic that was caught, by the place that caught it.
func (m *Metrics) Panicked(where string) { m.panics.Inc(where) }
