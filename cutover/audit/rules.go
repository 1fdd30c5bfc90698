package audit

import (
	"fmt"
	"time"

	"github.com/speakops/sipedge/routing"
)

// stepped is what was seen of one revision's turns of one number.
type stepped struct {
	after  map[string]*Decision // by authority: the decision with the earliest certain time
	before map[string]*Decision // the one with the latest certain time
}

// oneSide: a call is never delivered to both sides. An INVITE transaction that
// reached two edges, or one edge twice, may have been decided twice; then both
// decisions must name one side.
func (a *Auditor) oneSide(d *Decision) {
	if before := a.decided[d.Call]; before != nil {
		a.found("both_sides", []string{before.Where, d.Where}, "call %s has two decisions, for %s and for %s", d.Call, before.Authority, d.Authority)
	}
	a.decided[d.Call] = d
	key := txKey{d.SIPCallID, d.Branch, d.Source}
	if key.branch == "" {
		return
	}
	before := a.byTx[key]
	if before == nil {
		a.byTx[key] = d
		return
	}
	if before.Authority != d.Authority && before.Call != d.Call {
		a.found("both_sides", []string{before.Where, d.Where}, "one INVITE (Call-ID %s) was carried to %s and to %s", d.SIPCallID, before.Authority, d.Authority)
	}
}

// oneAnswer: under one revision of its record a number has one holder, whatever
// edge is asked.
func (a *Auditor) oneAnswer(d *Decision) {
	if d.Number == "" || d.Revision == 0 || exceptions[d.Because] != nil || timeline[d.Because] {
		return
	}
	key := revKey{d.Number, d.Revision}
	before := a.records[key]
	if before == nil {
		a.records[key] = d
		return
	}
	if before.Authority != d.Authority {
		a.found("revision_disagrees", []string{before.Where, d.Where}, "under revision %d of %s one call went to %s (%s) and another to %s (%s)",
			d.Revision, d.Number, before.Authority, before.Because, d.Authority, d.Because)
	}
}

// shuffled is how far apart two decisions of one edge may be written in the wrong
// order: its shards decide beside each other.
const shuffled = 10 * time.Millisecond

// forward: an edge never goes back to a lower revision of what it has answered by.
func (a *Auditor) forward(d *Decision) {
	if d.Number == "" || d.Revision == 0 || exceptions[d.Because] != nil {
		return
	}
	key := edgeNumber{d.Edge, d.Number, timeline[d.Because]}
	before := a.highest[key]
	if before == nil || d.Revision >= before.Revision {
		a.highest[key] = d
		return
	}
	if d.Interval.Mid().Sub(before.Interval.Mid()) < shuffled {
		return
	}
	a.found("revision_goes_back", []string{before.Where, d.Where}, "edge %s decided %s by revision %d after it had decided by %d", d.Edge, d.Number, d.Revision, before.Revision)
}

// holder: with the schedule at hand, a number in a cutover is carried only by who
// holds it over the whole interval of the decision.
func (a *Auditor) holder(d *Decision) {
	if !timeline[d.Because] {
		return
	}
	key := revKey{d.Number, d.Revision}
	s := a.steps[key]
	if s == nil {
		s = &stepped{map[string]*Decision{}, map[string]*Decision{}}
		a.steps[key] = s
	}
	if first := s.after[d.Authority]; first == nil || d.Interval.Latest.Before(first.Interval.Latest) {
		s.after[d.Authority] = d
	}
	if last := s.before[d.Authority]; last == nil || d.Interval.Earliest.After(last.Interval.Earliest) {
		s.before[d.Authority] = d
	}
	if a.schedule == nil {
		return
	}
	t, known := a.schedule(d.Number, d.Revision)
	if !known {
		return
	}
	holds, sure := t.During(d.Interval)
	if !sure || holds.String() != d.Authority {
		a.found("not_the_holder", []string{d.Where}, "%s was carried by %s within [%s, %s], when revision %d gives it to %s (sure: %v)", d.Number, d.Authority,
			d.Interval.Earliest.UTC().Format("15:04:05.000000"), d.Interval.Latest.UTC().Format("15:04:05.000000"), d.Revision, holds, sure)
	}
}

// flips: under one revision with one step, no call goes to the side before the
// step at a time that is certainly later than one that went to the side after it.
func (a *Auditor) flips() {
	for key, s := range a.steps {
		for _, turn := range [...]struct{ because, before string }{
			{string(routing.Cut), string(routing.BeforeCut)},
		} {
			after, before := s.after["speakops"], s.before["legacy"]
			if after == nil || before == nil || after.Because != turn.because || before.Because != turn.before {
				continue
			}
			if before.Interval.Earliest.After(after.Interval.Latest) {
				a.found("flip_goes_back", []string{after.Where, before.Where}, "%s was cut over under revision %d, and a later call still went to %s",
					key.number, key.revision, before.Authority)
			}
		}
	}
}

// retry: a provider that tries its call again after a flip may reach the other
// side. That is no broken promise, for it is another call; it is counted.
func (a *Auditor) retry(d *Decision) {
	if d.CallKey == "" {
		return
	}
	key := d.Trunk + "\x00" + d.CallKey
	if before := a.retries[key]; before != nil && before.Number == d.Number && before.Authority != d.Authority {
		a.totals.StraddlingRetries++
		if len(a.totals.Retries) < maxShown {
			a.totals.Retries = append(a.totals.Retries, Finding{"retry", fmt.Sprintf("trunk %s tried %s to %s again: %s by %s, then %s by %s",
				d.Trunk, d.CallKey, d.Number, before.Authority, before.Because, d.Authority, d.Because), []string{before.Where, d.Where}})
		}
	}
	a.retries[key] = d
}
