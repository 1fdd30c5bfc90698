package admin

import "time"

// GatewayLister gives every gateway of every route.
type GatewayLister interface{ Gateways() []Gateway }

// Gateway is one next hop and what is thought of its health.
type Gateway struct {
	Gateway   string     `json:"gateway" example:"lg1"`
	Route     string     `json:"route" example:"legacy-main"`
	URI       string     `json:"uri"`
	Addresses []string   `json:"addresses,omitempty" doc:"Where the name leads now."`
	State     string     `json:"state" enum:"up,dark,unknown"`
	Because   string     `json:"because,omitempty" doc:"What made it so: probe, calls, ..."`
	Detail    string     `json:"detail,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	Priority  int        `json:"priority" doc:"Lower is tried first."`
	Weight    int        `json:"weight" doc:"Share among equal priorities."`
}

// GatewayList is every gateway; an object, so that it can grow a second field.
type GatewayList struct {
	Gateways []Gateway `json:"gateways" nullable:"false"`
}

// GatewaysOf shows gateways and their health.
func GatewaysOf(l GatewayLister) Resource {
	return func(a *API) {
		show(a, Op{ID: "list-gateways", Path: "/v1/gateways", Tag: "gateways", Summary: "Every gateway and its health"},
			func() GatewayList { return GatewayList{some(l.Gateways())} })
	}
}
