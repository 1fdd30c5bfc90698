package demo

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/speakops/sipedge/configs"
)

// Site is what a demo edge is built on.
type Site struct {
	ID            string
	Listen, Admin netip.AddrPort
	DataDir       string
	Redis         string // host:port
	Gateways      []*Gateway
	TokenKey      string               // all edges of one fleet have the same
	People        []configs.AdminToken // who may ask its admin API; nobody: this machine looks
	First         bool                 // it begins the chain, and may write number records
}

// Key makes a TokenKey.
func Key() string {
	var key [32]byte
	rand.Read(key[:])
	return hex.EncodeToString(key[:])
}

// Prefix of the demo's keys in Redis.
const Prefix = "dev"

// Config is the configuration of a demo edge: an ordinary file, that nobody has
// written to disk. Nothing in it limits a newcomer who tries things out.
func (s Site) Config() (*configs.Edge, error) {
	edge, _, err := configs.Parse("sipedge dev", []byte(s.yaml()), os.LookupEnv, os.ReadFile)
	return edge, err
}

func (s Site) yaml() string {
	sources := `"127.0.0.0/8", "::1"`
	if ip := s.Listen.Addr(); !ip.IsLoopback() {
		sources += fmt.Sprintf(", %q", ip) // phones on this machine call from it
	}
	gateways := map[bool]string{}
	for i, g := range s.Gateways {
		ours := g.Name() == SpeakOpsA
		gateways[ours] += fmt.Sprintf("\n      - { id: %s, uri: \"sip:%s\", priority: %d }", g.Name(), g.Addr(), i+1)
	}
	cutover, writer, people := "explicit", "", ""
	if s.First {
		// In this Redis whoever says that he is "default" is believed.
		cutover, writer = "auto", ", writer: { username: default }"
	}
	for _, who := range s.People {
		people += fmt.Sprintf("{ name: %s, role: %s, hash: %q }, ", who.Name, who.Role, who.Hash)
	}
	return strings.NewReplacer(
		"NAME", s.ID, "BEGIN", cutover, "WRITER", writer, "PEOPLE", people, "LISTEN", s.Listen.String(), "MEDIA", s.Listen.Addr().String(), "PORTS", s.mediaPorts(), "ADMIN", s.Admin.String(), "DATA", strings.ReplaceAll(s.DataDir, "'", "''"), "REDIS", s.Redis, "PREFIX", Prefix,
		"SOURCES", sources, "KEY", s.TokenKey, "LEGACY", gateways[false], "SPEAKOPS", gateways[true],
	).Replace(config)
}

// mediaPorts are 400 of them, beside the port the edge listens on.
func (s Site) mediaPorts() string {
	from := 26000
	if port := int(s.Listen.Port()); port >= from && port < from+400 {
		from += 400
	}
	return fmt.Sprintf("%d-%d", from, from+399)
}

const config = `
edge: { id: NAME, data_dir: 'DATA', token_keys: [ "KEY" ], drain_timeout: 5s }
sip:
  listen:
    - { name: udp, transport: udp, address: "LISTEN" }
    - { name: tcp, transport: tcp, address: "LISTEN" }
redis: { addresses: [ "REDIS" ], prefix: PREFIXWRITER }
cutover: { init: BEGIN }
trunks:
  - id: local
    profile: generic
    sources: [ SOURCES ]
    default_country: US
    trust: { identity: true, routing_number: true, test_override: true, psap_callback: true, diagnostics: true }
routes:
  - id: legacy-main
    authority: legacy
    ring_timeout: 20s
    gateways:LEGACY
  - id: speakops-main
    authority: speakops
    ring_timeout: 20s
    gateways:SPEAKOPS
  - { id: lines, authority: speakops, builtin: testline }
defaults: { legacy: legacy-main, speakops: speakops-main }
limits: { per_number: { cps: 0, concurrent: 0 } }
media: { address: "MEDIA", ports: PORTS }   # of test lines
admin: { listen: "ADMIN", tokens: [ PEOPLE ] }
telemetry: { log: { level: warn, format: text, mask_numbers: false } }
`
