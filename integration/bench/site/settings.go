package site

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/speakops/sipedge/sipedge/admin"
)

// write makes the edge's configuration. The load comes from 127.0.0.1; further
// trunks own ranges of 10.0.0.0/8. No probes, since a SIPp gateway takes an
// OPTIONS for a call that failed, and no limits: a ladder is for finding them.
func (set Settings) write(s *Site, dir string) error {
	transport := set.Transport
	if transport == "" {
		transport = "udp"
	}
	var b strings.Builder
	fmt.Fprintf(&b, `edge:
  id: bench
  data_dir: %s
  token_keys: [ "${SIPEDGE_BENCH_KEY}" ]
sip:
  listen:
    - { name: inside, transport: udp, address: "%s" }
`, filepath.Join(dir, "data"), addr(s.Proxy))
	switch transport {
	case "tcp":
		fmt.Fprintf(&b, "    - { name: outside, transport: tcp, address: %q }\n", addr(s.Proxy))
	case "tls":
		fmt.Fprintf(&b, "    - { name: outside, transport: tls, address: %q, cert: %s, key: \"file:%s\" }\n",
			addr(s.Proxy), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err := certificate(dir); err != nil {
			return err
		}
	}
	fmt.Fprintf(&b, `redis: { mode: standalone, addresses: [ "%s" ], prefix: %s }
numbers: { snapshot_every: 1s }
cutover: { init: auto }
routes:
  - { id: legacy, authority: legacy, gateways: [ { id: legacy-1, uri: "sip:%s" } ], probe: { method: none } }
  - { id: speakops, authority: speakops, gateways: [ { id: speakops-1, uri: "sip:%s" } ], probe: { method: none } }
`, addr(s.Redis), prefix, addr(s.Legacy), addr(s.SpeakOps))
	if set.Gateways > 0 {
		b.WriteString("  - { id: others, authority: legacy, probe: { method: none }, gateways: [")
		for i := range set.Gateways {
			fmt.Fprintf(&b, "\n      { id: other-%d, uri: \"sip:10.%d.%d.%d:5060\" },", i, 128+i>>16, i>>8&255, i&255)
		}
		b.WriteString("\n    ] }\n")
	}
	b.WriteString("defaults: { legacy: legacy, speakops: speakops }\ntrunks:\n  - { id: load, profile: generic, sources: [ \"127.0.0.0/8\" ], trust: { identity: true } }\n")
	for i := range set.Trunks {
		fmt.Fprintf(&b, "  - { id: other-%d, profile: generic, sources: [ \"10.%d.%d.0/28\", \"10.%d.%d.128/28\" ] }\n", i, i>>8&127, i&255, i>>8&127, i&255)
	}
	fmt.Fprintf(&b, `limits:
  per_number: { cps: 0, concurrent: 0 }
  overload: { max_inflight: 200000, target_queue_delay: %v }
`, cmp.Or(set.QueueDelay, 200*time.Millisecond))
	fmt.Fprintf(&b, "admin:\n  listen: %q\n", addr(s.Admin))
	if set.Operator != "" {
		fmt.Fprintf(&b, "  tokens: [ { name: bench, role: operator, hash: %q } ]\n", admin.Hash(set.Operator))
	}
	if !strings.Contains(set.Extra, "telemetry:") {
		b.WriteString("telemetry: { log: { level: warn, format: json } }\n")
	}
	b.WriteString(set.Extra)
	if err := os.Setenv("SIPEDGE_BENCH_KEY", "one key for a bench of 32 bytes."); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "edge.yaml"), []byte(b.String()), 0o600)
}
