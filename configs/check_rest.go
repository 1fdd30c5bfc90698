package configs

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func (c *checker) redis() {
	r := c.edge.Redis
	if !c.enum("redis.mode", r.Mode, "standalone", "sentinel", "cluster", "embedded") {
		return
	}
	for i, a := range r.Addresses {
		path := at("redis.addresses", i)
		if strings.Contains(a, "@") {
			c.mistake(path, "an address with a credential in it", "write host:port here, and username and password beside it")
		} else if _, port, err := splitHostPort(a); err != nil {
			c.mistake(path, c.show(path, a)+" "+err.Error(), "write host:port, such as 127.0.0.1:6379")
		} else if port == 0 {
			c.mistake(path, c.show(path, a)+" has no port", "write host:port, such as 127.0.0.1:6379")
		}
	}
	switch {
	case len(r.Addresses) == 0 && r.Mode != "embedded":
		c.mistake("redis.addresses", "no address", `write addresses: [ "127.0.0.1:6379" ]`)
	case len(r.Addresses) > 1 && r.Mode == "standalone":
		c.mistake("redis.addresses", "a standalone Redis has one address", "write mode: sentinel or mode: cluster, or keep one address")
	}
	if r.Mode == "sentinel" && r.SentinelMaster == "" {
		c.mistake("redis.sentinel_master", "is missing", "write the master's name as the Sentinels know it")
	}
	if r.Mode != "sentinel" && r.SentinelMaster != "" {
		c.mistake("redis.sentinel_master", "only mode: sentinel uses it", "remove it or write mode: sentinel")
	}
	c.between("redis.db", r.DB, 0, 15)
	if r.DB != 0 && r.Mode == "cluster" {
		c.mistake("redis.db", "a cluster has only database 0", "remove it")
	}
	if !idForm.MatchString(r.Prefix) {
		c.mistake("redis.prefix", c.show("redis.prefix", r.Prefix)+" cannot begin a key", "use letters, digits, dots, - and _")
	}
	if r.TLS != nil {
		c.clientTLS("redis.tls", *r.TLS)
	}
	if r.Writer != nil && r.Writer.Username == "" && r.Writer.Password.IsZero() && !c.reported("redis.writer.password") {
		c.mistake("redis.writer", "a writer needs a credential of its own", `write writer: { username: NAME, password: "file:PATH" }`)
	}
}

func (c *checker) clientTLS(path string, t ClientTLS) {
	c.pair(path, t.Cert, t.Key)
	c.authorities(under(path, "ca"), t.CA)
	if p := under(path, "server_name"); t.ServerName != "" && !isHost(t.ServerName) {
		c.mistake(p, c.show(p, t.ServerName)+" is not a host name", "write the name in the gateway's certificate")
	}
}

func (c *checker) egress(path string, e Egress, hop Hop) {
	c.enum(under(path, "number_format"), e.NumberFormat, "e164", "digits", "national")
	for _, name := range slices.Sorted(maps.Keys(e.HeadersAdd)) {
		value := e.HeadersAdd[name]
		p := under(under(path, "headers_add"), name)
		c.header(p, name, false)
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			c.mistake(p, "the value holds a line end or another control character", "write it on one line")
		}
	}
	for i, name := range e.HeadersStrip {
		c.header(at(under(path, "headers_strip"), i), name, true)
	}
	if tlsPath := under(path, "tls"); c.given(tlsPath) {
		if hop.Transport != "tls" && hop.Transport != "" {
			c.mistake(tlsPath, "the gateway is reached over "+hop.Transport, "remove tls or write ;transport=tls in its uri")
		}
		c.clientTLS(tlsPath, e.TLS)
	}
}

var headerForm = regexp.MustCompile("^[A-Za-z0-9.!%_+`'~-]+$")

// structural headers are the call's own bones; taking them off or adding a
// second one breaks it.
var structural = regexp.MustCompile(`(?i)^(via|v|from|f|to|t|call-id|i|cseq|contact|m|route|record-route|max-forwards|content-length|l|content-type|c|rack|rseq|require|proxy-require)$`)

// header checks a header name; a * at its end is a prefix where that is allowed.
func (c *checker) header(path, name string, prefix bool) {
	bare := name
	if prefix {
		bare = strings.TrimSuffix(name, "*")
	}
	switch {
	case !headerForm.MatchString(bare):
		c.mistake(path, c.show(path, name)+" is not a header name", "write a name such as X-Customer")
	case structural.MatchString(bare):
		c.mistake(path, c.show(path, name)+" holds the call together and is the edge's own to write", "remove it")
	}
}

func (c *checker) timing() {
	e := c.edge
	c.positive("numbers.snapshot_every", e.Numbers.SnapshotEvery)
	c.positive("numbers.max_staleness", e.Numbers.MaxStaleness)
	c.positive("clock.max_error", e.Clock.MaxError)
	c.positive("clock.sample_every", e.Clock.SampleEvery)
	c.between("clock.max_held", e.Clock.MaxHeld, 0, 1_000_000)
	c.positive("cutover.lead", e.Cutover.Lead)
	c.positive("cutover.guard", e.Cutover.Guard)
	c.positive("cutover.prepare_timeout", e.Cutover.PrepareTimeout)
	c.positive("cutover.settle_grace", e.Cutover.SettleGrace)
	c.shorter("cutover.guard", "cutover.lead", e.Cutover.Guard, e.Cutover.Lead, "no edge could acknowledge in time")
	c.enum("cutover.init", e.Cutover.Init, "explicit", "auto")
	c.testTrunk()
	for i, w := range e.Cutover.Webhooks {
		path := under(at("cutover.webhooks", i), "url")
		if u, err := url.Parse(w.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			c.mistake(path, c.show(path, w.URL)+" is not a web address", "write https://host/path")
		}
	}
}

// testTrunk looks at the trunk that rehearsals call as.
func (c *checker) testTrunk() {
	const path = "cutover.test_trunk"
	id := c.edge.Cutover.TestTrunk
	if id == "" {
		return
	}
	for i := range c.edge.Trunks {
		t := &c.edge.Trunks[i]
		switch {
		case t.ID != id:
			continue
		case !t.Trust.TestOverride:
			c.mistake(path, fmt.Sprintf("trunk %s may not choose a side", id), "give it trust: { test_override: true }, or name one that has it")
		case t.Digest != nil || t.TLSSubject != "":
			c.mistake(path, fmt.Sprintf("trunk %s is known by a password or a certificate", id), "name one that is known by its sources alone")
		}
		return
	}
	c.mistake(path, fmt.Sprintf("there is no trunk %s", id), "name one of trunks")
}

// Admits says whether a trunk's calls may come from an address, whatever the port.
func (t *Trunk) Admits(from netip.Addr) bool {
	return slices.ContainsFunc(t.Sources, func(s Source) bool { return s.Prefix.Contains(from) })
}

func (c *checker) limits() {
	l := c.edge.Limits
	c.positive("limits.setup_deadline", l.SetupDeadline)
	c.positive("limits.max_call_duration", l.MaxCallDuration)
	c.shorter("limits.setup_deadline", "limits.max_call_duration", l.SetupDeadline, l.MaxCallDuration, "a call could end while it is set up")
	c.rate("limits.per_number.cps", l.PerNumber.CPS)
	c.between("limits.per_number.concurrent", l.PerNumber.Concurrent, 0, 10_000_000)
	c.rate("limits.per_caller.cps", l.PerCaller.CPS)
	c.between("limits.per_caller.concurrent", l.PerCaller.Concurrent, 0, 10_000_000)
	c.rate("limits.unknown_source.cps", l.UnknownSource.CPS)
	c.rate("limits.per_source.cps", l.PerSource.CPS)
	c.between("limits.overload.max_inflight", l.Overload.MaxInflight, 1, 10_000_000)
	c.positive("limits.overload.target_queue_delay", l.Overload.TargetQueueDelay)
	c.between("limits.per_source_conns", l.PerSourceConns, 1, 100_000)
}

func (c *checker) admin() {
	a := c.edge.Admin
	if a.TLS != nil {
		if a.TLS.Cert == "" {
			c.mistake("admin.tls.cert", "is missing", "name the certificate's PEM file")
		} else {
			c.pair("admin.tls", a.TLS.Cert, a.TLS.Key)
		}
		c.authorities("admin.tls.client_ca", a.TLS.ClientCA)
	}
	c.exposed(a)
	names := map[string]int{}
	for i, t := range a.Tokens {
		path := at("admin.tokens", i)
		c.id(under(path, "name"), t.Name)
		if first, twice := names[t.Name]; twice && t.Name != "" {
			c.mistake(under(path, "name"), fmt.Sprintf("%s is already the token on line %d", quote(t.Name), c.lineOf(at("admin.tokens", first))), "give each its own name")
		}
		names[t.Name] = i
		c.enum(under(path, "role"), t.Role, "viewer", "operator", "approver")
		if !t.Usable() {
			// Not a mistake: it lets nobody in, and the edge can still carry calls.
			c.warn(under(path, "hash"), "is not a SHA-256 in hex, so no token of this name is accepted; sipedge token makes one and prints its hash")
		}
	}
}

var hashForm = regexp.MustCompile(`^(sha256:)?[0-9a-fA-F]{64}$`)

// Usable says whether the hash can be that of a token at all.
func (t AdminToken) Usable() bool { return hashForm.MatchString(t.Hash) }

// exposed is about an admin API that other machines can reach.
func (c *checker) exposed(a Admin) {
	if !a.Listen.IsValid() || a.Listen.Addr().IsLoopback() || a.TLS != nil && len(a.Tokens) > 0 {
		return
	}
	problem := "and has no tls: tokens travel in the clear"
	if a.TLS != nil {
		problem = "and has no tokens: nobody is asked who he is"
	}
	if problem = a.Listen.String() + " can be reached from other machines " + problem; a.Insecure {
		c.warn("admin.insecure", problem)
		return
	}
	c.mistake("admin.listen", problem, "give admin tls and tokens, listen on 127.0.0.1, or write insecure: true")
}

func (c *checker) telemetry() {
	t, r := c.edge.Telemetry, c.edge.Records
	c.enum("telemetry.log.level", t.Log.Level, "debug", "info", "warn", "error")
	c.enum("telemetry.log.format", t.Log.Format, "json", "text")
	if t.OTLP.Sample < 0 || t.OTLP.Sample > 1 {
		c.mistake("telemetry.otlp.sample", fmt.Sprintf("%g is not a share", t.OTLP.Sample), "write a number from 0 to 1")
	}
	if a := t.HEP.Address; a != "" {
		if _, port, err := splitHostPort(strings.TrimPrefix(a, "tcp://")); err != nil || port == 0 {
			c.mistake("telemetry.hep.address", c.show("telemetry.hep.address", a)+" is not host:port", "write host:port, such as homer.example.net:9060, or tcp://host:port for a stream, which costs less")
		}
	}
	if e := t.OTLP.Endpoint; e != "" {
		if u, err := url.Parse(e); strings.Contains(e, "://") && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
			c.mistake("telemetry.otlp.endpoint", c.show("telemetry.otlp.endpoint", e)+" is no http or https address", "write http://host:4318 for OTLP over HTTP, host:4317 for gRPC")
		} else if _, port, err := splitHostPort(e); !strings.Contains(e, "://") && (err != nil || port == 0) {
			c.mistake("telemetry.otlp.endpoint", c.show("telemetry.otlp.endpoint", e)+" is not host:port", "write host:4317 for OTLP over gRPC, http://host:4318 for HTTP")
		}
	}
	if t.HEP.Agent < 0 || t.HEP.Agent > 1<<32-1 {
		c.mistake("telemetry.hep.agent", fmt.Sprintf("%d is no capture agent id", t.HEP.Agent), "write a number from 0 to 4294967295")
	}
	if m := t.Ladders.Memory; m != 0 && (m < 1<<20 || m > 4<<30) {
		c.mistake("telemetry.ladders.memory", m.String()+" is out of range", "write 0 to keep none, or 1MiB to 4GiB")
	}
	if n := t.Ladders.PerTrunk; n < 1 || n > 100_000 {
		c.mistake("telemetry.ladders.per_trunk", fmt.Sprintf("%d is out of range", n), "write 1 to 100000")
	}
	c.enum("records.decisions", r.Decisions, "file", "none")
	c.enum("records.cdr", r.CDR, "file", "none")
	if r.MaxBytes < 1<<20 {
		c.mistake("records.max_bytes", r.MaxBytes.String()+" holds hardly any record", "write at least 1MiB")
	}
}
