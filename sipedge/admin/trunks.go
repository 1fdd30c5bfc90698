package admin

// TrunkLister gives every trunk.
type TrunkLister interface{ Trunks() []Trunk }

// Trunk is one source of calls and how much of its limits is used.
type Trunk struct {
	Trunk      string   `json:"trunk" example:"twilio-us"`
	Profile    string   `json:"profile" example:"twilio"`
	Sources    []string `json:"sources,omitempty"`
	TLSSubject string   `json:"tls_subject,omitempty"`
	Up         int      `json:"up" doc:"Calls that hold a place."`
	Concurrent int      `json:"concurrent,omitempty" doc:"Of so many; absent for no limit."`
	CPS        float64  `json:"cps,omitempty" doc:"Calls per second; absent for no limit."`
	Burst      int      `json:"burst,omitempty"`
}

// TrunkList is every trunk.
type TrunkList struct {
	Trunks []Trunk `json:"trunks" nullable:"false"`
}

// TrunksOf shows trunks and their limits.
func TrunksOf(l TrunkLister) Resource {
	return func(a *API) {
		show(a, Op{ID: "list-trunks", Path: "/v1/trunks", Tag: "trunks", Summary: "Every trunk and how much of its limits is used"},
			func() TrunkList { return TrunkList{some(l.Trunks())} })
	}
}
