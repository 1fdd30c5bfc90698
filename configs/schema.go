// Package configs answers: what has the operator asked for, and is it whole?
//
// One YAML file per edge is decoded strictly: an unknown key is an error with
// its line, and every mistake is reported in one go. Secrets are referenced as
// ${ENV} or file:PATH and never printed. The package also carries the shipped
// provider profiles.
package configs

import (
	"net/netip"
	"time"
)

// Edge is one edge's whole configuration.
type Edge struct {
	Edge      Identity  `yaml:"edge"`
	SIP       SIP       `yaml:"sip"`
	Redis     Redis     `yaml:"redis"`
	Trunks    []Trunk   `yaml:"trunks"`
	Profiles  []Profile `yaml:"profiles"` // overrides of shipped profiles and new ones
	Routes    []Route   `yaml:"routes"`
	Defaults  Defaults  `yaml:"defaults"`
	Numbers   Numbers   `yaml:"numbers"`
	Clock     Clock     `yaml:"clock"`
	Cutover   Cutover   `yaml:"cutover"`
	Limits    Limits    `yaml:"limits"`
	Media     Media     `yaml:"media"`
	Admin     Admin     `yaml:"admin"`
	Telemetry Telemetry `yaml:"telemetry"`
	Records   Records   `yaml:"records"`
}

// Identity names the edge and where it keeps its files.
type Identity struct {
	ID           string        `yaml:"id"`
	DataDir      string        `yaml:"data_dir"`
	TokenKeys    []Secret      `yaml:"token_keys"` // 32 bytes each (raw, hex or base64); the first seals, all open
	DrainTimeout time.Duration `yaml:"drain_timeout"`
}

// SIP is the signalling side.
type SIP struct {
	Listen []Listener `yaml:"listen"`
}

// Listener is one socket the edge listens on.
type Listener struct {
	Name      string         `yaml:"name"` // default: transport-port, made unique
	Transport string         `yaml:"transport"`
	Address   netip.AddrPort `yaml:"address"`
	Advertise string         `yaml:"advertise"` // host:port written into Via, Record-Route, Contact; default: address
	Cert      string         `yaml:"cert"`
	Key       Secret         `yaml:"key"`
	ClientCA  string         `yaml:"client_ca"`
	Sockets   int            `yaml:"sockets"` // UDP sockets sharing the port (SO_REUSEPORT); default 1
}

// Trunk is who may send us calls, and how their provider speaks.
type Trunk struct {
	ID             string      `yaml:"id"`
	Listener       string      `yaml:"listener"`
	Profile        string      `yaml:"profile"`
	Sources        []Source    `yaml:"sources"`
	TLSSubject     string      `yaml:"tls_subject"` // a SIP domain that the client certificate proves (RFC 5922): a DNS name or sip URI in it; the common name if it has neither
	Digest         *Digest     `yaml:"digest"`
	DefaultCountry string      `yaml:"default_country"`
	Limits         TrunkLimits `yaml:"limits"`
	Media          string      `yaml:"media"` // direct, anchor
	NAT            bool        `yaml:"nat"`   // its media comes from other addresses than its SDP says
	Hide           bool        `yaml:"hide"`
	SessionTimer   string      `yaml:"session_timer"`
	Trust          Trust       `yaml:"trust"`
}

// Source is a CIDR with an optional port; port 0 is any.
type Source struct {
	Prefix netip.Prefix
	Port   uint16
}

// TrunkLimits bounds what one trunk may ask of the edge; 0 is no limit.
type TrunkLimits struct {
	CPS        float64 `yaml:"cps"`
	Burst      int     `yaml:"burst"`
	Concurrent int     `yaml:"concurrent"`
}

// Trust says which of a trunk's claims are believed.
type Trust struct {
	Identity      bool `yaml:"identity"`
	RoutingNumber bool `yaml:"routing_number"`
	TestOverride  bool `yaml:"test_override"`
	PSAPCallback  bool `yaml:"psap_callback"`
	Diagnostics   bool `yaml:"diagnostics"`
	Trace         bool `yaml:"trace"` // traceparent of its INVITEs (W3C Trace Context)
}

// Route is where an authority's calls go.
type Route struct {
	ID                    string        `yaml:"id"`
	Authority             string        `yaml:"authority"`
	Target                string        `yaml:"target"`
	Builtin               string        `yaml:"builtin"`
	Line                  string        `yaml:"line"` // of a builtin testline: see package testline
	Listener              string        `yaml:"listener"`
	Media                 string        `yaml:"media"` // "" as the trunk says, or anchor, direct
	Gateways              []Gateway     `yaml:"gateways"`
	NoAnswer              time.Duration `yaml:"no_answer"`
	Progress              time.Duration `yaml:"progress"`
	RingTimeout           time.Duration `yaml:"ring_timeout"`
	FailoverBudget        time.Duration `yaml:"failover_budget"`
	FailoverOn            []int         `yaml:"failover_on"`
	FailoverAfterProgress string        `yaml:"failover_after_progress"` // "" or announcement
	Rescue                Rescue        `yaml:"rescue"`
	Probe                 Probe         `yaml:"probe"`
}

// Rescue lets calls go to the other authority's route when every gateway of
// this one has failed, where the port allows it: from legacy while the number
// is about to be ported (the losing carrier let go too soon), from speakops
// once it was (SpeakOps is down, and the losing carrier still answers).
type Rescue struct {
	CPS   float64 `yaml:"cps"`   // calls a second at one edge; 0 is no rescue at all
	Burst int     `yaml:"burst"` // at once; 0 is cps rounded up
	On    []int   `yaml:"on"`    // the finals that count; nil: see Route.RescueOn
}

// RescueOn are the finals that every gateway of a route must have given before
// the other authority is asked. A losing carrier that serves the number no more
// says so; SpeakOps is down when it says so, or nothing.
func (r *Route) RescueOn() []int {
	switch {
	case r.Rescue.On != nil:
		return r.Rescue.On
	case r.Authority == "legacy":
		return []int{404, 410, 604}
	}
	return []int{408, 500, 502, 503, 504}
}

// Gateway is one next hop of a route.
type Gateway struct {
	ID       string `yaml:"id"`
	URI      string `yaml:"uri"`
	Priority int    `yaml:"priority"`
	Weight   int    `yaml:"weight"`
	Egress   Egress `yaml:"egress"`
}

// Egress shapes what a gateway is sent.
type Egress struct {
	NumberFormat string            `yaml:"number_format"` // e164 (default, +), digits, national
	HeadersAdd   map[string]string `yaml:"headers_add"`
	HeadersStrip []string          `yaml:"headers_strip"`
	TLS          ClientTLS         `yaml:"tls"`
	Trace        bool              `yaml:"trace"` // INVITEs carry a traceparent (W3C Trace Context)
}

// ClientTLS is the edge's identity and trust towards one gateway.
type ClientTLS struct {
	CA         string `yaml:"ca"`
	Cert       string `yaml:"cert"`
	Key        Secret `yaml:"key"`
	ServerName string `yaml:"server_name"`
}

// Probe asks a gateway for life; Method "" or none turns it off.
type Probe struct {
	Method string        `yaml:"method"`
	Every  time.Duration `yaml:"every"`
	Fall   int           `yaml:"fall"`
	Rise   int           `yaml:"rise"`
}

// Defaults names the route of each authority for numbers that name none.
type Defaults struct {
	Legacy   string `yaml:"legacy"`
	SpeakOps string `yaml:"speakops"`
}

// Numbers is how the near table is kept.
type Numbers struct {
	SnapshotEvery time.Duration `yaml:"snapshot_every"`
	MaxStaleness  time.Duration `yaml:"max_staleness"`
}

// Clock bounds the interval of store time.
type Clock struct {
	MaxError    time.Duration `yaml:"max_error"`
	SampleEvery time.Duration `yaml:"sample_every"`
	MaxHeld     int           `yaml:"max_held"`
}

// Limits bounds the whole edge.
type Limits struct {
	SetupDeadline   time.Duration  `yaml:"setup_deadline"`
	MaxCallDuration time.Duration  `yaml:"max_call_duration"`
	PerNumber       NumberLimits   `yaml:"per_number"`
	PerCaller       NumberLimits   `yaml:"per_caller"` // of one calling number, over all trunks
	UnknownSource   UnknownSource  `yaml:"unknown_source"`
	PerSource       SourceLimits   `yaml:"per_source"` // answers to one address for requests that prove nothing
	Overload        OverloadLimits `yaml:"overload"`
	Shared          bool           `yaml:"shared"`           // trunk limits hold over all edges of the store together
	PerSourceConns  int            `yaml:"per_source_conns"` // TCP and TLS connections per source address; default 64
}

// NumberLimits bounds calls to one public number, or from one caller; 0 is no limit.
type NumberLimits struct {
	CPS        float64 `yaml:"cps"`
	Concurrent int     `yaml:"concurrent"`
}

// UnknownSource bounds answers to strangers; 0 is silence.
type UnknownSource struct {
	CPS float64 `yaml:"cps"`
}

// SourceLimits bounds the answers to one source address, IPv6 by /64, for messages
// that are broken, for requests without the password where any address may try it,
// and TLS handshakes where any address may have a certificate. What is over hears nothing; good calls are never counted. 0 is no limit.
type SourceLimits struct {
	CPS float64 `yaml:"cps"`
}

// OverloadLimits bounds work in progress.
type OverloadLimits struct {
	MaxInflight      int           `yaml:"max_inflight"`
	TargetQueueDelay time.Duration `yaml:"target_queue_delay"`
}
