package order

// File is what `cutoverctl plan FILE` reads: an order, a cutover, or both.
type File struct {
	// Zone is that of every wall time below that names none.
	Zone    string `json:"zone,omitempty"`
	Order   *Order `json:"order,omitempty"`
	Cutover *Plan  `json:"cutover,omitempty"`
}

// ParseFile reads a File in YAML, of which JSON is a part. An order's standing
// may say what papers there are; where it stands, only events say. The error is
// Mistakes, with lines.
func ParseFile(data []byte, zones Zones) (File, error) {
	var f File
	d := newDecoder(false)
	if !d.document(data, &f) {
		return f, d.report.err()
	}
	if f.Order == nil && f.Cutover == nil {
		d.report.add("", "holds neither an order nor a cutover", "write order: or cutover: and what belongs to it")
	}
	if o := f.Order; o != nil {
		d.orderWalls(o, d.report.under("order"), zones, f.Zone)
		d.untold(o)
	}
	if p := f.Cutover; p != nil {
		if p.Order == "" && f.Order != nil {
			p.Order = f.Order.ID
		}
		if p.FOC == "" && f.Order != nil && f.Order.FOC != nil {
			p.FOC = f.Order.FOC.Version
		}
		d.planWalls(p, d.report.under("cutover"), zones, f.Zone)
	}
	if !d.report.none() {
		return f, d.report.err()
	}
	if f.Order != nil {
		f.Order.check(d.report.under("order"))
	}
	if f.Cutover != nil {
		f.Cutover.checkDraft(d.report.under("cutover"))
	}
	return f, d.report.err()
}

// untold are the keys a file must not have: a state is not claimed.
func (d *decoder) untold(o *Order) {
	r := d.report.under("order")
	for key, given := range map[string]bool{
		"porting_state": o.PortingState != 0, "previous": o.Previous != 0, "live": o.Live != nil, "cancel": o.Cancel != nil,
		"activated": !o.Activated.IsZero(), "waiting": o.Waiting != nil, "revision": o.Revision != 0, "exceptions": o.Exceptions != nil,
	} {
		if given {
			r.add(key, "is not written, it happens", "remove it, and send the event that brings it about")
		}
	}
}
