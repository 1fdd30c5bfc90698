package configs

import (
	"net/netip"
	"time"
)

// Redis is the shared store of numbers.
type Redis struct {
	Mode             string     `yaml:"mode"`      // standalone, sentinel, cluster, embedded (dev only)
	Addresses        []string   `yaml:"addresses"` // host:port
	DB               int        `yaml:"db"`        // 0 to 15; standalone and sentinel only
	Prefix           string     `yaml:"prefix"`    // of every key
	Username         string     `yaml:"username"`
	Password         Secret     `yaml:"password"`
	SentinelMaster   string     `yaml:"sentinel_master"`
	SentinelUsername string     `yaml:"sentinel_username"`
	SentinelPassword Secret     `yaml:"sentinel_password"`
	TLS              *ClientTLS `yaml:"tls"`    // nil: plain TCP
	Writer           *RedisUser `yaml:"writer"` // nil: this edge writes no numbers with a second credential
}

// RedisUser is a credential of its own.
type RedisUser struct {
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
}

// Digest is how a trunk without a fixed address proves itself (RFC 7616, RFC 8760).
type Digest struct {
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
	Realm    string `yaml:"realm"`
}

// Cutover holds the first values of the fleet's settings.
type Cutover struct {
	Lead                time.Duration `yaml:"lead"`  // from proposal to the first instant that changes
	Guard               time.Duration `yaml:"guard"` // between the last acknowledgement and that instant
	Init                string        `yaml:"init"`  // explicit, auto
	PrepareTimeout      time.Duration `yaml:"prepare_timeout"`
	TestTrunk           string        `yaml:"test_trunk"` // as which rehearsals call each side; "": they place no calls
	SettleGrace         time.Duration `yaml:"settle_grace"`
	RequireSecondPerson bool          `yaml:"require_second_person"`
	Webhooks            []Webhook     `yaml:"webhooks"`
}

// Webhook is told of every step of a cutover.
type Webhook struct {
	URL    string `yaml:"url"`
	Secret Secret `yaml:"secret"` // signs the body
}

// Media is the relay of RTP for anchored calls.
type Media struct {
	Address      netip.Addr    `yaml:"address"`  // written into SDP
	Address6     netip.Addr    `yaml:"address6"` // the same of the other family, for peers of that
	Bind         netip.Addr    `yaml:"bind"`     // of this host, where address is translated to it 1:1; default: the address itself
	Ports        PortRange     `yaml:"ports"`    // two pairs per call
	Inactivity   time.Duration `yaml:"inactivity"`
	OnInactivity string        `yaml:"on_inactivity"` // release, hangup
	DrainTimeout time.Duration `yaml:"drain_timeout"` // anchored calls may finish for so long
	Realtime     string        `yaml:"realtime"`      // auto, true, false: whether packets go before all other work of this host
}

// Admin is the HTTP side for people and monitoring.
type Admin struct {
	Listen   netip.AddrPort `yaml:"listen"`
	TLS      *ServerTLS     `yaml:"tls"` // nil: plain HTTP
	Tokens   []AdminToken   `yaml:"tokens"`
	Insecure bool           `yaml:"insecure"` // listen beyond this machine without tls or without tokens
}

// ServerTLS is a certificate to serve with, and whom to ask one of.
type ServerTLS struct {
	Cert     string `yaml:"cert"`
	Key      Secret `yaml:"key"`
	ClientCA string `yaml:"client_ca"`
}

// AdminToken lets a person or a program in. Only the hash of the token is
// written: the SHA-256 of its text in hex, with or without "sha256:" before it,
// as "sipedge token" prints it.
type AdminToken struct {
	Name string `yaml:"name"`
	Role string `yaml:"role"` // viewer, operator, approver
	Hash string `yaml:"hash"`
}

// Telemetry is what the edge tells about itself.
type Telemetry struct {
	Log        Log     `yaml:"log"`
	Prometheus bool    `yaml:"prometheus"` // /metrics on the admin listener
	OTLP       OTLP    `yaml:"otlp"`
	HEP        HEP     `yaml:"hep"`
	Ladders    Ladders `yaml:"ladders"`
}

// Log is the edge's own log, on standard error.
type Log struct {
	Level       string `yaml:"level"`  // debug, info, warn, error
	Format      string `yaml:"format"` // json, text
	MaskNumbers bool   `yaml:"mask_numbers"`
}

// OTLP exports spans and metrics; an empty endpoint is off.
type OTLP struct {
	Endpoint string  `yaml:"endpoint"` // host:port speaks gRPC, http://host:port and https:// speak HTTP
	Sample   float64 `yaml:"sample"`   // share of calls with a span, 0 to 1; failed ones always have one, within bounds
}

// HEP mirrors messages to a Homer over UDP; an empty address is off.
type HEP struct {
	Address  string `yaml:"address"`
	Agent    int    `yaml:"agent"` // capture agent id by which Homer knows this edge
	Password Secret `yaml:"password"`
}

// Ladders are the messages of calls kept in memory; a memory of 0 is off.
type Ladders struct {
	Memory   ByteSize `yaml:"memory"`
	PerTrunk int      `yaml:"per_trunk"` // of each trunk, so many calls that went well
}

// Records are what the edge writes down about each call.
type Records struct {
	Decisions   string   `yaml:"decisions"` // file, none
	CDR         string   `yaml:"cdr"`       // file, none
	RedisStream bool     `yaml:"redis_stream"`
	MaxBytes    ByteSize `yaml:"max_bytes"` // of each kind on disk, over all its files
}

// Profile is how a provider speaks, as it is written in YAML. The shipped ones
// lie in profiles/; an edge's own section changes them field by field.
type Profile struct {
	Name         string             `yaml:"name"`
	Base         string             `yaml:"base"`          // the profile this one starts from; generic when empty
	Called       []string           `yaml:"called"`        // where the called number is: request_uri, to, p_called_party_id, diversion, p_preferred_identity; the first that names a number
	NumberFormat string             `yaml:"number_format"` // how digits without + are read: any, digits (country code first)
	Translate    string             `yaml:"translate"`     // a gateway's finals: keep, outcomes
	RetriesOn    []int              `yaml:"retries_on"`    // finals after which this upstream tries another route
	Late2xx      string             `yaml:"late_2xx"`      // from another gateway than the first: forward, ack_bye
	MergeKey     string             `yaml:"merge_key"`     // header that is equal in two deliveries of one call; "" for none
	Headers      HeaderPolicy       `yaml:"headers"`
	Outcomes     map[string]Outcome `yaml:"outcomes"` // by the names of profile.Outcome
}

// HeaderPolicy lists headers that do not pass; a * at the end matches a prefix.
type HeaderPolicy struct {
	StripUntrusted []string `yaml:"strip_untrusted"` // from requests of a trunk without trust.identity
	StripTrusted   []string `yaml:"strip_trusted"`   // from requests of a trunk with it
	StripGateway   []string `yaml:"strip_gateway"`   // towards gateways, in either case
	StripUpstream  []string `yaml:"strip_upstream"`  // from everything sent towards the trunk
}

// Outcome is the final response that one outcome becomes.
type Outcome struct {
	Code       int           `yaml:"code"`
	Reason     string        `yaml:"reason"`      // phrase; the code's usual one when empty
	Cause      int           `yaml:"cause"`       // Q.850; 0 for none
	RetryAfter time.Duration `yaml:"retry_after"` // whole seconds; overload and draining only
}
