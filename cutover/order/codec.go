package order

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// DecodeOrder reads an order in JSON: as stored, where every wall time has its
// instant, or as entered, where zones finds it. The error is Mistakes: every
// unknown key, wrong word and broken rule with its path.
func DecodeOrder(data []byte, zones Zones) (Order, error) {
	var o Order
	d := newDecoder(true)
	if d.document(data, &o) {
		d.orderWalls(&o, d.report, zones, "")
		if d.report.none() {
			o.check(d.report)
		}
	}
	return o, d.report.err()
}

// DecodePlan reads a plan, as DecodeOrder does an order.
func DecodePlan(data []byte, zones Zones) (Plan, error) {
	var p Plan
	d := newDecoder(true)
	if d.document(data, &p) {
		d.planWalls(&p, d.report, zones, "")
		if d.report.none() {
			p.check(d.report)
		}
	}
	return p, d.report.err()
}

// Decode reads any other value of this package in JSON: a Signal, an Approval, a
// Rehearsal, a Tally, Facts for a test. It knows no rules but those of the form;
// the error is Mistakes.
func Decode[T any](data []byte) (T, error) {
	var v T
	d := newDecoder(true)
	d.document(data, &v)
	return v, d.report.err()
}

// document is false when nothing was read whose meaning could be checked.
func (d *decoder) document(data []byte, into any) bool {
	n, ok := parsed(data, !d.strict, d.report)
	if ok {
		d.value(&n, "", reflect.ValueOf(into).Elem())
	}
	return ok
}

func (d *decoder) orderWalls(o *Order, r report, zones Zones, zone string) {
	if o.FOC != nil {
		d.resolve(&o.FOC.Due, r.under("foc"), "due", zones, zone)
		d.resolve(&o.FOC.Until, r.under("foc"), "until", zones, zone)
	}
}

func (d *decoder) planWalls(p *Plan, r report, zones Zones, zone string) {
	for _, key := range []string{"window_open", "window_close", "at"} {
		d.resolve(p.walls()[key], r, key, zones, zone)
	}
}

// resolve finds the instant of a wall time that was entered without one. An
// instant that was stored is left alone, whatever the zone's rules say today.
func (d *decoder) resolve(w *Wall, r report, key string, zones Zones, zone string) {
	if w.IsZero() || !w.UTC.IsZero() && w.Local != "" && w.Zone != "" {
		return
	}
	if w.Zone == "" {
		w.Zone = zone
	}
	if zones == nil {
		r.add(key, "has no instant", "give utc")
		return
	}
	resolved, err := w.Resolve(zones)
	if err != nil {
		e := err.(*WallError)
		r.add(key, e.Problem, e.Remedy)
		return
	}
	*w = resolved
}

// Encode writes a value of this package as Decode reads it: equal values make
// equal bytes.
func Encode(v any) ([]byte, error) { return json.Marshal(v) }

// events are the names under which events travel.
var events = map[string]Event{
	"advanced": Advanced{}, "account_checked": AccountChecked{}, "loa_signed": LOASigned{}, "foc_received": FOCReceived{},
	"exception_raised": ExceptionRaised{}, "exception_cleared": ExceptionCleared{},
	"cancel_asked": CancelAsked{}, "cancel_withdrawn": CancelWithdrawn{}, "cancel_confirmed": CancelConfirmed{},
	"activation_seen": ActivationSeen{}, "snapback_asked": SnapbackAsked{},
	"arm_started": ArmStarted{}, "arm_failed": ArmFailed{}, "arm_committed": ArmCommitted{},
	"cutover_cancelled": CutoverCancelled{}, "cancel_failed": CancelFailed{}, "cutover_flipped": CutoverFlipped{},
	"cutover_rolled_back": CutoverRolledBack{}, "cutover_settled": CutoverSettled{},
}

// names is events the other way round.
var names = func() map[reflect.Type]string {
	m := map[reflect.Type]string{}
	for name, ev := range events {
		m[reflect.TypeOf(ev)] = name
	}
	return m
}()

// EventName is the word under which an event travels and is journaled.
func EventName(ev Event) string { return names[reflect.TypeOf(ev)] }

// DecodeEvent reads { "event": "foc_received", ... }. The error is Mistakes.
func DecodeEvent(data []byte, zones Zones) (Event, error) {
	d := newDecoder(true)
	n, ok := parsed(data, false, d.report)
	if !ok {
		return nil, d.report.err()
	}
	var name string
	for i, f := range n.fields {
		if f.key == "event" && f.value.kind == textNode {
			name = f.value.text
			n.fields = append(n.fields[:i:i], n.fields[i+1:]...)
			break
		}
	}
	ev, ok := events[name]
	if !ok || n.kind != mapNode {
		d.report.at(n.line, "event", quote(name)+" is no event", oneOfEvents())
		return nil, d.report.err()
	}
	v := reflect.New(reflect.TypeOf(ev))
	d.value(&n, "", v.Elem())
	if foc, ok := v.Interface().(*FOCReceived); ok {
		d.resolve(&foc.FOC.Due, d.report.under("foc"), "due", zones, "")
		d.resolve(&foc.FOC.Until, d.report.under("foc"), "until", zones, "")
	}
	return v.Elem().Interface().(Event), d.report.err()
}

// EncodeEvent writes what DecodeEvent reads.
func EncodeEvent(ev Event) ([]byte, error) {
	body, err := json.Marshal(ev)
	if err != nil {
		return nil, err
	}
	head := `{"event":"` + EventName(ev) + `"`
	if string(body) == "{}" {
		return []byte(head + "}"), nil
	}
	return append([]byte(head+","), body[1:]...), nil
}

func oneOfEvents() string {
	return "write one of " + strings.Join(slices.Sorted(maps.Keys(events)), ", ")
}
