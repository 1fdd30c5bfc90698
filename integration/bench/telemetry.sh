#!/bin/bash
# What does it cost to see every call? CPU of the edge per call with telemetry off
# and on, in turns in one run, so that the machine is the same for both. Records are
# written in both: they are evidence, not telemetry. It needs go, sipp and
# redis-server. Settings:
#   RATE    calls per second (1000)
#   CALLS   in one turn (5000)
#   TURNS   of each (3)
#   WHAT    "off on": ladders, spans of 1 % of the calls and metrics over OTLP, /metrics
#           scraped every 15 s; also: kept (ladders alone), homer (HEP of every
#           message alone: one datagram more for each), every (a span for every call)
set -euo pipefail
cd "$(dirname "$0")/../.."
RATE=${RATE:-1000} CALLS=${CALLS:-5000} TURNS=${TURNS:-3} WHAT=${WHAT:-off on}
work=$(mktemp -d)
pids=()
stop() { for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$work"; }
trap stop EXIT
free() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }
redis=$(free) sip=$(free) gate=$(free) admin=$(free) otlp=$(free) homer=$(free)
go build -o "$work/sipedge" ./cmd/sipedge
go build -o "$work/sink" ./integration/internal/sink
redis-server --port "$redis" --save "" --bind 127.0.0.1 --loglevel warning >/dev/null & pids+=($!)
"$work/sink" "127.0.0.1:$otlp" "127.0.0.1:$homer" >"$work/sink.log" & pids+=($!)
export SIPEDGE_LAB_KEY="laboratory key of 32 bytes, fix."
config() { # config FILE DATA TELEMETRY RECORDS
	sed -e "s#/tmp/sipedge-lab#$work/$2#; s/:6379/:$redis/; s/:5060/:$sip/g; s/:5080/:$gate/; s/:8080/:$admin/" -e 's/test_override: true/test_override: false/; /^telemetry:/,$d' integration/lab.yaml >"$work/$1"
	printf 'telemetry: { log: { level: warn, format: json }%s }\nrecords: { %s }\n' "$3" "$4" >>"$work/$1"
	mkdir -p "$work/$2"
}
config off.yaml off ", prometheus: false, ladders: { memory: 0 }" "decisions: file, cdr: file"
config kept.yaml kept ", ladders: { memory: 32MiB }" "decisions: file, cdr: file"
config on.yaml on ", ladders: { memory: 32MiB }, otlp: { endpoint: \"http://127.0.0.1:$otlp\", sample: 0.01 }" "decisions: file, cdr: file"
config homer.yaml homer ", ladders: { memory: 0 }, hep: { address: \"127.0.0.1:$homer\" }" "decisions: file, cdr: file"
config every.yaml every ", ladders: { memory: 0 }, otlp: { endpoint: \"http://127.0.0.1:$otlp\", sample: 1 }" "decisions: file, cdr: file"
"$work/sipedge" numbers import --config "$work/off.yaml" integration/sipp/numbers.csv >/dev/null 2>&1
sipp -sf integration/sipp/uas_answered.xml -i 127.0.0.1 -p "$gate" -key gateway speakops-a -nostdin >/dev/null 2>&1 & pids+=($!)
ticks() { awk '{print $14+$15}' "/proc/$1/stat"; }
turn() { # turn NAME: prints the CPU of one call in microseconds
	"$work/sipedge" serve --config "$work/$1.yaml" 2>"$work/$1.log" & local edge=$!
	for _ in $(seq 200); do curl -fs "http://127.0.0.1:$admin/readyz" >/dev/null && break; sleep 0.05; done
	local scrape=""
	if [ "$1" = on ]; then (while true; do curl -s "http://127.0.0.1:$admin/metrics" >/dev/null || true; sleep 15; done) & scrape=$!; fi
	local before after
	before=$(ticks $edge)
	sipp "127.0.0.1:$sip" -sf integration/sipp/uac_answered.xml -i 127.0.0.1 -s +12025550120 -key gateway speakops-a -m "$CALLS" -r "$RATE" -l 20000 -nostdin -timeout 60s >"$work/sipp.$1" 2>&1 || { echo "calls failed" >&2; tail -5 "$work/sipp.$1" >&2; }
	after=$(ticks $edge)
	[ -z "$scrape" ] || { kill "$scrape" 2>/dev/null || true; wait "$scrape" 2>/dev/null || true; }
	kill "$edge"; wait "$edge" || true
	awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$CALLS" 'BEGIN { printf "%.1f\n", t * 1e6 / hz / n }'
}
for i in $(seq "$TURNS"); do
	for name in $WHAT; do us=$(turn $name); echo "$name $us us/call"; echo "$us" >>"$work/$name.us"; done
done
for name in ${WHAT#off }; do
	paste "$work/off.us" "$work/$name.us" | awk -v name="$name" '{ off += $1; on += $2 } END { printf "%s: %.1f us/call, off %.1f: %+.1f %%\n", name, on/NR, off/NR, 100 * (on/off - 1) }'
done
tail -1 "$work/sink.log"
