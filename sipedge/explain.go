package sipedge

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/admin"
	"github.com/speakops/sipedge/sipedge/profile"
)

// inquiry is a question under way: the call it is about, and what was asked so far.
type inquiry struct {
	edge  *Edge
	w     *world
	trunk *trunk // nil: none was named
	now   bool   // not about another instant
	at    routing.Interval
	call  routing.Call
	out   admin.Explanation
}

// Explain implements admin.Explainer: the conditions of a call in the order the
// hall asks them, Decide among them. Nothing is counted or charged.
func (e *Edge) Explain(q admin.Question) (admin.Explanation, error) {
	i := &inquiry{edge: e, w: e.world.Load(), now: q.At.IsZero(), at: e.clock.Now()}
	i.out.Edge = i.w.config.Edge.ID
	if !i.now {
		i.at = routing.Around(q.At, i.at.Width()/2)
	}
	i.out.At, i.out.ClockError = i.at.Mid().UTC(), (i.at.Width() / 2).Seconds()
	if err := i.onTrunk(q); err != nil {
		return i.out, err
	}
	i.room()
	emergency, err := i.numbers(q)
	if err != nil {
		return i.out, err
	}
	if emergency {
		i.conclude(routing.Refuse(routing.NotOurs, becauseEmergency))
		i.out.Otherwise = "nothing: an emergency number is never routed by table"
		return i.out, nil
	}
	i.decide()
	return i.out, nil
}

func (i *inquiry) say(rule, format string, args ...any) {
	i.out.Steps = append(i.out.Steps, admin.ExplainStep{Rule: rule, Says: fmt.Sprintf(format, args...)})
}

// onTrunk finds the trunk, and what it may ask for.
func (i *inquiry) onTrunk(q admin.Question) error {
	i.call = routing.Call{Trunk: routing.TrunkID(q.Trunk), PSAP: q.PSAP}
	switch q.Forced {
	case "legacy":
		i.call.Forced = routing.Legacy
	case "speakops":
		i.call.Forced = routing.SpeakOps
	}
	if q.Trunk == "" {
		i.say("trunk", "none was named")
		return nil
	}
	if i.trunk = i.w.trunkNamed(i.call.Trunk); i.trunk == nil {
		var known []string
		for _, t := range i.w.trunks {
			known = append(known, string(t.id))
		}
		return admin.NewProblem(http.StatusUnprocessableEntity, "unknown_trunk", "%.80q is no trunk of this edge; it knows %s", q.Trunk, strings.Join(known, ", "))
	}
	i.out.Trunk = q.Trunk
	i.say("trunk", "%s, profile %s", q.Trunk, i.trunk.profile.Name)
	if q.Forced != "" && !i.trunk.override {
		i.say("trust", "test_override is not trusted on this trunk: the override is ignored")
		i.call.Forced = routing.AuthorityNone
	}
	if q.PSAP && !i.trunk.psap {
		i.say("trust", "psap_callback is not trusted on this trunk: the call is like any other")
		i.call.PSAP = false
	}
	return nil
}

// room is what would turn a call away before it is decided; only for now.
func (i *inquiry) room() {
	if !i.now {
		return
	}
	if why := i.edge.unready(); why != "" {
		i.say("ready", "no: %s; a call is refused before it is decided", why)
	} else {
		i.say("ready", "yes")
	}
	if t := i.trunk; t != nil {
		for _, c := range i.w.config.Trunks {
			if c.ID == string(t.id) {
				i.say("trunk_limit", "%d calls are up (%s), calls per second: %s", t.limits.Up(), bound(c.Limits.Concurrent), bound(c.Limits.CPS))
			}
		}
	}
}

// bound is a limit for people.
func bound[T int | float64](n T) string {
	if n == 0 {
		return "no limit"
	}
	return fmt.Sprintf("at most %v", n)
}

// numbers reads the called number and the caller as the trunk's would be read.
func (i *inquiry) numbers(q admin.Question) (emergency bool, err error) {
	read := func(text string) (e164.Number, error) {
		if i.trunk == nil || strings.HasPrefix(text, "+") {
			return e164.Parse(text)
		}
		d, err := i.trunk.plan.Normalise([]byte(text))
		return d.Number, err
	}
	if i.trunk != nil && i.trunk.plan.Emergency([]byte(q.Number)) {
		i.say("emergency", "%s is an emergency number: refused loudly, never routed by table", q.Number)
		return true, nil
	}
	wrong := func(what, text string, err error) error {
		hint := "write it in E.164, such as +12025550143"
		if i.trunk == nil {
			hint += ", or name the trunk whose callers dial it so"
		}
		return admin.NewProblem(http.StatusUnprocessableEntity, "not_a_number", "%s: %.80q is %s; %s", what, text, err, hint)
	}
	if i.call.To, err = read(q.Number); err != nil {
		return false, wrong("number", q.Number, err)
	}
	if q.Caller != "" {
		if i.call.From, err = read(q.Caller); err != nil {
			return false, wrong("caller", q.Caller, err)
		}
	}
	if i.out.PublicNumber = i.call.To.String(); i.out.PublicNumber != q.Number {
		i.say("dialled", "%s reads as %s", q.Number, i.out.PublicNumber)
	}
	if i.now && (i.trunk == nil || !i.trunk.override) {
		i.call.Looped = i.edge.guard.looped(i.call.From, i.call.To)
	}
	return false, nil
}

// asOfNow is a view whose table is as fresh at any instant as it is now: how old
// it will be is nobody's to say.
type asOfNow struct {
	*routing.World
	at routing.Interval
}

// Stale implements routing.View.
func (v asOfNow) Stale(routing.Interval) bool { return v.World.Stale(v.at) }

func (i *inquiry) decide() {
	view := asOfNow{&i.w.routing, i.edge.clock.Now()}
	for _, s := range routing.Explain(view, i.at, i.call) {
		i.say(s.Rule, "%s", s.Says)
	}
	d := routing.Decide(view, i.at, i.call)
	i.conclude(d)
	i.out.Otherwise = d.Because.Otherwise()
	for _, t := range routing.Outlook(view, i.at, i.call) {
		i.out.Turnings = append(i.out.Turnings, admin.ExplainTurns{At: t.At.UTC(), Decision: t.Decision.String()})
	}
}

// conclude tells the decision, and what it comes to on this trunk.
func (i *inquiry) conclude(d routing.Decision) {
	o := &i.out
	o.Decision, o.Kind, o.Because, o.Revision, o.PortingState = d.String(), d.Kind.String(), string(d.Because), d.Revision, d.PortingState.String()
	switch d.Kind {
	case routing.KindRoute:
		o.Authority, o.Route = d.Authority.String(), string(d.Route.ID)
		i.carried(&d)
	case routing.KindHold:
		at := d.Until.UTC()
		o.Until = &at
	case routing.KindRefuse:
		o.Intent = d.Intent.String()
		i.refused(profile.OfIntent(d.Intent))
	}
	if why := i.edge.unready(); i.now && why != "" {
		i.refused(profile.Draining)
	}
	o.Turnings = []admin.ExplainTurns{}
}

// carried tells what a route is worth: the number's limit, and who is alive.
func (i *inquiry) carried(d *routing.Decision) {
	if l := i.w.config.Limits.PerNumber; i.now {
		i.say("number_limit", "%d calls are up (%s), calls per second: %s", i.edge.numbers.Up(i.call.To), bound(l.Concurrent), bound(l.CPS))
	}
	if d.Route.Builtin != "" {
		return
	}
	states := i.w.set.States()
	for _, at := range d.Order.At[:d.Order.N] {
		id := d.Route.Gateways[at].ID
		i.out.Gateways = append(i.out.Gateways, string(id))
		for _, s := range states {
			if s.Gateway == string(id) && s.Route == string(d.Route.ID) {
				i.say("gateway", "%s at %s is %s since %s (%s)", id, s.Address, s.State, s.Since.UTC().Format(time.RFC3339), s.Reason)
			}
		}
	}
}

func (i *inquiry) refused(o profile.Outcome) {
	a := i.w.profileOf(i.trunk).Final(o)
	i.out.Outcome, i.out.Code, i.out.Reason = o.String(), a.Code, a.Reason
	i.say("answer", "%d %s (%s)", a.Code, a.Reason, o)
}
