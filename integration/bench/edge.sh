#!/bin/bash
# The edge as one of the systems of a side-by-side load harness:
#
#   edge.sh HOST:PORT LEGACY_HOST:PORT SPEAKOPS_HOST:PORT REDIS_HOST:PORT RECORDS.csv WORKDIR
#
# It writes a configuration, imports the records and becomes the edge. No probes,
# since a load generator takes an OPTIONS for a call that failed, and no limits,
# since the harness is meant to find the real ones.
# SIPEDGE_BIN names a binary that is already built; ADMIN another admin address.
set -euo pipefail
[ $# -eq 6 ] || { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }
listen=$1 legacy=$2 speakops=$3 redis=$4 records=$5 work=$6
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$work/data"
work=$(cd "$work" && pwd)
records=$(realpath "$records")

bin=${SIPEDGE_BIN:-}
if [ -z "$bin" ]; then
	command -v go >/dev/null || PATH=$PATH:/usr/local/go/bin
	bin=$work/sipedge
	(cd "$root" && go build -o "$bin" ./cmd/sipedge)
fi

cat >"$work/edge.yaml" <<YAML
edge:
  id: bench-1
  data_dir: $work/data
  token_keys: [ "\${SIPEDGE_BENCH_KEY}" ]
sip:
  listen:
    - { name: udp, transport: udp, address: "$listen" }
redis: { mode: standalone, addresses: [ "$redis" ], prefix: bench }
trunks:
  - { id: load, profile: generic, sources: [ "127.0.0.0/8" ], trust: { identity: true } }
routes:
  - { id: legacy, authority: legacy, gateways: [ { id: legacy-1, uri: "sip:$legacy" } ], probe: { method: none } }
  - { id: speakops, authority: speakops, gateways: [ { id: speakops-1, uri: "sip:$speakops" } ], probe: { method: none } }
defaults: { legacy: legacy, speakops: speakops }
limits:
  per_number: { cps: 0, concurrent: 0 }
  overload: { max_inflight: 100000, target_queue_delay: 200ms }
admin: { listen: "${ADMIN:-127.0.0.1:25090}" }
telemetry:
  log: { level: warn, format: json }
YAML
export SIPEDGE_BENCH_KEY="one key for a bench of 32 bytes."
"$bin" numbers import --config "$work/edge.yaml" "$records"
exec "$bin" serve --config "$work/edge.yaml"
