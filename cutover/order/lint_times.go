package order

import "time"

// purge is how long after its due date the registry keeps a pending port.
const purge = 30 * 24 * time.Hour

// late is how long after the commitment a flip still counts as with it.
const late = 30 * time.Minute

func (l *linter) times() {
	p := l.p
	for _, key := range []string{"window_open", "window_close", "at"} {
		l.wall(key, *p.walls()[key])
	}
	if l.o.FOC != nil {
		l.wall("foc.due", l.o.FOC.Due)
		l.wall("foc.until", l.o.FOC.Until)
	}
	soonest := l.f.Now.Add(l.f.Fleet.Lead)
	armed := l.o.Live.flips() && l.o.Live.Cutover == p.ID
	switch {
	case p.WindowClose.UTC.IsZero():
	case !l.f.Now.Before(p.WindowClose.UTC) || !armed && soonest.After(p.WindowClose.UTC):
		l.say("window_over", "window_close", "plan another window", "the window closes at %s, and no revision can take force before %s", p.WindowClose, soonest.UTC().Format(time.RFC3339))
	case p.Mode == Scheduled && !p.At.UTC.IsZero() && !armed && soonest.After(p.At.UTC):
		l.say("flip_too_soon", "at", "choose a later instant inside the window", "no revision can take force before %s, and the flip is planned at %s", soonest.UTC().Format(time.RFC3339), p.At)
	}
	if length := p.WindowClose.UTC.Sub(p.WindowOpen.UTC); length > 24*time.Hour {
		l.say("window_long", "window_close", "narrow the window to when people are there", "the window is open for %s", length)
	}
}

// wall asks the zone again: governments change the rules between the planning
// of a night and the night.
func (l *linter) wall(key string, w Wall) {
	if w.IsZero() || l.f.Zones == nil {
		return
	}
	again, err := w.Resolve(l.f.Zones)
	switch e, _ := err.(*WallError); {
	case e != nil:
		l.say("wall_time_wrong", key, e.Remedy, "%s", e.Problem)
	case !again.Same(w):
		l.say("wall_time_moved", key, "enter it again, and tell everybody which instant it is", "%s %s was %s when it was entered and is %s by today's rules",
			w.Local, w.Zone, w.UTC.UTC().Format(time.RFC3339), again.UTC.Format(time.RFC3339))
	}
}

// commitment holds the plan against the losing provider's word. The way back of
// an activated port rests on none.
func (l *linter) commitment() {
	o, p := l.o, l.p
	if p.Purpose == Return {
		return
	}
	foc := o.FOC
	switch {
	case foc == nil || foc.Version == "":
		l.say("foc_missing", "foc", "wait for the commitment, and plan for it", "the losing provider has committed to nothing")
		return
	case foc.Version != p.FOC:
		l.say("foc_changed", "foc", "look at the commitment in force and plan again", "the plan was made for version %s, and %s is in force", quote(p.FOC), quote(foc.Version))
	}
	if foc.Due.UTC.IsZero() || p.WindowOpen.UTC.IsZero() || p.WindowClose.UTC.IsZero() || p.Purpose != Arrive {
		return // a number that leaves flips when its grace ends, not when it leaves
	}
	from, until := foc.Due.UTC, foc.Due.UTC
	if !foc.Until.UTC.IsZero() {
		until = foc.Until.UTC
	}
	switch {
	case until.Before(p.WindowOpen.UTC) || from.After(p.WindowClose.UTC):
		l.say("foc_outside_window", "foc", "plan a window around the commitment, or have it changed", "committed to %s, and the window is from %s to %s", foc.Due, p.WindowOpen, p.WindowClose)
	case from.Before(p.WindowOpen.UTC) || until.After(p.WindowClose.UTC):
		l.say("foc_partly_outside", "foc", "widen the window, or have somebody there outside it", "the port may activate between %s and %s, and the window is from %s to %s",
			from.Format(time.RFC3339), until.Format(time.RFC3339), p.WindowOpen, p.WindowClose)
	}
	if l.f.Now.After(from.Add(purge)) || p.WindowOpen.UTC.After(from.Add(purge)) {
		l.say("foc_expired", "foc", "supplement the order for another date", "due %s; what is pending is purged 30 days later", foc.Due)
	}
	l.dayOf(foc)
	if p.Mode != Scheduled || p.At.UTC.IsZero() {
		return
	}
	switch {
	case p.At.UTC.Before(from):
		l.say("flip_before_foc", "at", "flip at the commitment or after it", "the flip is %s before the commitment %s: calls reach speakops that nobody has ported yet", from.Sub(p.At.UTC), foc.Due)
	case p.At.UTC.After(until.Add(late)):
		l.say("flip_long_after_foc", "at", "flip nearer to the commitment, and see that early_disconnect rescues", "the flip is %s after the commitment ends", p.At.UTC.Sub(until))
	}
}

func (l *linter) dayOf(foc *FOC) {
	if l.f.Zones == nil {
		return
	}
	zone, err := l.f.Zones(foc.Due.Zone)
	if err != nil {
		return // said by wall
	}
	if day := foc.Due.UTC.In(zone).Weekday(); day == time.Saturday || day == time.Sunday {
		l.say("foc_on_weekend", "foc", "ask whether the losing provider works that day, and who can be called", "%s is a %s", foc.Due, day)
	}
}
