package admin

import "time"

// LimitLister gives every trunk's limits as they are in force.
type LimitLister interface{ Limits() LimitList }

// Limit is how close one trunk is to its limits on this edge.
type Limit struct {
	Trunk           string  `json:"trunk" example:"twilio-us"`
	CPS             float64 `json:"cps,omitempty" doc:"Calls per second as configured, over all edges where shared; absent for no limit."`
	Concurrent      int     `json:"concurrent,omitempty" doc:"Calls at once as configured; absent for no limit."`
	Shared          bool    `json:"shared" doc:"A share is in force here, lent by the store."`
	ShareCPS        float64 `json:"share_cps,omitempty" doc:"Calls per second this edge may let in now."`
	ShareConcurrent int     `json:"share_concurrent" doc:"Calls at once this edge may let in now; 0 where there is no limit or no share."`
	Up              int     `json:"up" doc:"Calls that hold a place here."`
	Asked           uint64  `json:"asked" doc:"Calls that asked for a place since the start."`
	OverRate        uint64  `json:"over_rate" doc:"Of these, refused for cps."`
	OverConcurrent  uint64  `json:"over_concurrent" doc:"Of these, refused for concurrent."`
}

// LimitList is every trunk's limits, and how loaded the edge as a whole is.
type LimitList struct {
	Limits     []Limit `json:"limits" nullable:"false"`
	InFlight   int     `json:"in_flight" doc:"INVITEs without a final answer."`
	MaxFlight  int     `json:"max_inflight" doc:"So many are let in at once."`
	Shed       float64 `json:"shed" doc:"Part of new calls that is refused now for the time messages wait, 0 to 1."`
	Dialogs    int     `json:"dialogs"`
	MaxDialogs int     `json:"max_dialogs"`
}

// LimitsOf shows limits, shares and load.
func LimitsOf(l LimitLister) Resource {
	return func(a *API) {
		show(a, Op{ID: "list-limits", Path: "/v1/limits", Tag: "limits", Summary: "Every trunk's limits, the share in force here, and the load of the edge"},
			func() LimitList {
				all := l.Limits()
				all.Limits = some(all.Limits)
				return all
			})
	}
}

// OffenderLister gives the unknown sources that have knocked most.
type OffenderLister interface{ WorstOffenders() []Offender }

// Offender is one unknown source; IPv6 ones are counted by their /64.
type Offender struct {
	Source string    `json:"source" example:"198.51.100.7"`
	Count  uint64    `json:"count" doc:"Messages and connections."`
	Scans  uint64    `json:"scans" doc:"Of these, of programs known to scan."`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// OffenderList is the worst of them.
type OffenderList struct {
	Offenders []Offender `json:"offenders" nullable:"false"`
}

// OffendersOf shows who knocks without being known.
func OffendersOf(l OffenderLister) Resource {
	return func(a *API) {
		show(a, Op{ID: "list-offenders", Path: "/v1/offenders", Tag: "limits", Summary: "The hundred unknown sources that have sent most; all they got is silence"},
			func() OffenderList { return OffenderList{some(l.WorstOffenders())} })
	}
}
