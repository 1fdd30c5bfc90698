package order

import (
	"fmt"
	"slices"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Check says everything that is wrong with a plan in itself: the error is
// Mistakes. Its walls must be resolved.
func (p *Plan) Check() error {
	r := newReport()
	p.check(r)
	return r.err()
}

func (p *Plan) check(r report) {
	name(r, "author", p.Author)
	p.checkDraft(r)
}

// checkDraft leaves out what the desk that takes the plan in adds to it.
func (p *Plan) checkDraft(r report) {
	name(r, "id", string(p.ID))
	name(r, "order", string(p.Order))
	word(r, "purpose", p.Purpose)
	word(r, "mode", p.Mode)
	if p.FOC != "" {
		name(r, "foc", p.FOC)
	}
	p.checkTimes(r)
	p.checkMode(r)
	texts(r.under("rollback"), "when", p.Rollback.When)
	texts(r.under("rollback"), "by", p.Rollback.By)
	if p.Rollback.Within < 0 || p.Rollback.Within.Duration() > 30*24*time.Hour {
		r.under("rollback").addf("within", "write a time between 0s and 720h", "%s is not how long a way back stays open", p.Rollback.Within)
	}
	for i := range p.Acknowledged {
		a, at := &p.Acknowledged[i], r.under(fmt.Sprintf("acknowledged[%d]", i))
		f, ok := finding(a.Warning)
		switch {
		case a.Warning == "":
			at.add("warning", "is missing", "name the warning, as lint spells it")
		case !ok:
			at.add("warning", quote(a.Warning)+" is no finding of lint", "write the name that lint shows")
		case f.Severity == Error:
			at.add("warning", a.Warning+" is an error", "errors are put right, not acknowledged")
		}
		name(at, "by", a.By)
		needText(at, "because", a.Because)
	}
}

// maxWindow bounds how long an armed cutover may wait for its flip.
const maxWindow = 14 * 24 * time.Hour

func (p *Plan) checkTimes(r report) {
	for _, key := range []string{"window_open", "window_close"} {
		if p.walls()[key].IsZero() {
			r.add(key, "is missing", "every flip lies in a window: write its first and its last instant")
		}
	}
	open, shut := p.WindowOpen.UTC, p.WindowClose.UTC
	if open.IsZero() || shut.IsZero() {
		return
	}
	switch {
	case !open.Before(shut):
		r.addf("window_close", "write an instant after it", "%s is not after window_open %s", p.WindowClose, p.WindowOpen)
	case shut.Sub(open) > maxWindow:
		r.addf("window_close", "close it within 14 days of its opening", "the window is open for %s", shut.Sub(open))
	case !p.At.UTC.IsZero() && (p.At.UTC.Before(open) || p.At.UTC.After(shut)):
		r.addf("at", "choose an instant inside the window, or move the window", "%s lies outside the window from %s to %s", p.At, p.WindowOpen, p.WindowClose)
	}
}

func (p *Plan) checkMode(r report) {
	switch p.Mode {
	case Scheduled:
		if p.At.IsZero() {
			r.add("at", "is missing", "mode scheduled wants the instant of the flip")
		}
		if p.OnClose != "" {
			r.add("on_close", "means nothing in mode scheduled", "remove it: the flip has its instant")
		}
	case Manual, OnEvidence:
		if !p.At.IsZero() {
			r.addf("at", "remove it, or write mode: scheduled", "mode %s has no fixed instant", p.Mode)
		}
		word(r, "on_close", p.OnClose)
	}
	switch {
	case p.Mode == OnEvidence && p.Evidence == nil:
		r.add("evidence", "is missing", "say which signals flip: provider_webhook, routing_number, native_ingress")
	case p.Mode != OnEvidence && p.Evidence != nil:
		r.addf("evidence", "remove it, or write mode: on_evidence", "is not asked in mode %s", p.Mode)
	case p.Evidence != nil:
		p.Evidence.check(r.under("evidence"), p.Purpose)
	}
}

func (e *Rules) check(r report, purpose Purpose) {
	if e.Need != "" {
		word(r, "need", e.Need)
	}
	if !e.Webhook && e.RoutingNumber == nil && e.NativeIngress == nil {
		r.add("", "names no rule", "write at least one of provider_webhook, routing_number, native_ingress")
	}
	e.RoutingNumber.check(r.under("routing_number"))
	e.NativeIngress.check(r.under("native_ingress"))
	if e.RoutingNumber != nil && len(e.LRNs) == 0 {
		r.add("lrns", "is missing", "list the routing numbers of the switch that serves the numbers afterwards")
	}
	if len(e.LRNs) > 100 || slices.ContainsFunc(e.LRNs, func(n routing.PublicNumber) bool { return !n.Valid() }) {
		r.add("lrns", "is no list of routing numbers", "write 1 to 100 E.164 numbers")
	}
	if e.NativeIngress != nil && purpose == Return {
		r.add("native_ingress", "proves nothing about a number that goes back", "use provider_webhook or routing_number with the old switch's lrns")
	}
}

func (t *Threshold) check(r report) {
	if t == nil {
		return
	}
	if t.Originators < 1 || t.Originators > 100 {
		r.addf("originators", "write 1 to 100", "%d is no number of networks", t.Originators)
	}
	if t.Numbers < 1 || t.Numbers > 1000 {
		r.addf("numbers", "write 1 to 1000", "%d is out of range", t.Numbers)
	}
	if t.Within.Duration() < time.Second || t.Within.Duration() > 24*time.Hour {
		r.addf("within", "write a time between 1s and 24h", "%s is out of range", t.Within)
	}
}
