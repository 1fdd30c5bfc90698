package configs

import (
	"maps"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Default is an edge of which nothing was said: every default value of a key
// outside a list is written here and nowhere else.
func Default() *Edge {
	return &Edge{
		Edge:    Identity{DataDir: "/var/lib/sipedge", DrainTimeout: 30 * time.Second},
		Redis:   Redis{Mode: "standalone", Addresses: []string{"127.0.0.1:6379"}, Prefix: "speakops"},
		Numbers: Numbers{SnapshotEvery: 30 * time.Second, MaxStaleness: 15 * time.Minute},
		Clock:   Clock{MaxError: 250 * time.Millisecond, SampleEvery: time.Second, MaxHeld: 5000},
		Cutover: Cutover{
			Lead: 3 * time.Second, Guard: time.Second, Init: "explicit",
			PrepareTimeout: 5 * time.Second, SettleGrace: 24 * time.Hour, RequireSecondPerson: true,
		},
		Limits: Limits{
			SetupDeadline:   180 * time.Second,
			MaxCallDuration: 4 * time.Hour,
			PerNumber:       NumberLimits{CPS: 20, Concurrent: 200},
			Overload:        OverloadLimits{MaxInflight: 20000, TargetQueueDelay: 20 * time.Millisecond},
			PerSource:       SourceLimits{CPS: 50},
			PerSourceConns:  64,
		},
		Media:     Media{Ports: PortRange{20000, 29999}, Inactivity: 60 * time.Second, OnInactivity: "release", DrainTimeout: 4 * time.Hour, Realtime: "auto"},
		Admin:     Admin{Listen: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 8080)},
		Telemetry: Telemetry{Log: Log{Level: "info", Format: "json", MaskNumbers: true}, Prometheus: true, OTLP: OTLP{Sample: 0.01}, HEP: HEP{Agent: 1}, Ladders: Ladders{Memory: 32 << 20, PerTrunk: 100}},
		Records:   Records{Decisions: "file", CDR: "file", MaxBytes: 1 << 30},
	}
}

func defaultListener() Listener { return Listener{Transport: "udp", Sockets: 1} }

func defaultTrunk() Trunk {
	return Trunk{Profile: "generic", Media: "direct", SessionTimer: "transparent"}
}

func defaultRoute() Route {
	return Route{
		Target:         "direct_sip",
		NoAnswer:       2 * time.Second,
		Progress:       4 * time.Second,
		RingTimeout:    90 * time.Second,
		FailoverBudget: 8 * time.Second,
		FailoverOn:     []int{408, 500, 502, 503, 504},
		Probe:          Probe{Method: "OPTIONS", Every: 10 * time.Second, Fall: 3, Rise: 2},
	}
}

func defaultGateway() Gateway {
	return Gateway{Priority: 1, Weight: 1, Egress: Egress{NumberFormat: "e164"}}
}

// prefill gives a new list element its defaults before its keys are read.
func (d *decoder) prefill(n *yaml.Node, v reflect.Value) {
	switch p := v.Addr().Interface().(type) {
	case *Listener:
		*p = defaultListener()
	case *Trunk:
		*p = defaultTrunk()
	case *Route:
		*p = defaultRoute()
	case *Gateway:
		*p = defaultGateway()
	case *Profile:
		*p = baseOf(scalarAt(n, "name"), scalarAt(n, "base"))
	}
}

// baseOf is what a written profile starts from: the base it names, else the
// shipped profile of its own name, else generic.
func baseOf(name, base string) Profile {
	if base == "" {
		base = name
	}
	p, ok := shipped()[base]
	if !ok {
		p = shipped()["generic"]
	}
	p.Called = slices.Clone(p.Called)
	p.Outcomes = maps.Clone(p.Outcomes)
	return p
}

// complete fills in what follows from other values.
func (e *Edge) complete() {
	e.nameListeners()
	for i := range e.SIP.Listen {
		if l := &e.SIP.Listen[i]; l.Advertise == "" && l.Address.IsValid() {
			l.Advertise = l.Address.String()
		}
	}
	for i := range e.Trunks {
		// A bucket that holds less than a second's worth would refuse calls
		// within the rate whenever two of them come close together.
		if l := &e.Trunks[i].Limits; l.CPS > 0 && l.Burst == 0 {
			l.Burst = int(math.Ceil(min(l.CPS, 1e6)))
		}
	}
}

// nameListeners names each nameless listener transport-port, made unique.
func (e *Edge) nameListeners() {
	taken := map[string]bool{}
	for _, l := range e.SIP.Listen {
		taken[l.Name] = true
	}
	for i := range e.SIP.Listen {
		l := &e.SIP.Listen[i]
		if l.Name != "" {
			continue
		}
		base := l.Transport + "-" + strconv.Itoa(int(l.Address.Port()))
		l.Name = base
		for n := 2; taken[l.Name]; n++ {
			l.Name = base + "-" + strconv.Itoa(n)
		}
		taken[l.Name] = true
	}
}
