package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/admin"
)

// clocked anchors calls, and ends those whose ends have both fallen silent. SIPp
// gives a call up with a CANCEL, also one that has been answered, which a CANCEL does
// not end (RFC 3261 section 9.1), and one that is killed says nothing at all: without
// a clock of the edge, such calls keep their places for as long as a call may last.
var clocked = anchoring(", inactivity: 4s, on_inactivity: hangup")

// standing is what calls hold in an edge.
type standing struct {
	up, dialogs, inFlight int // places of the trunk's limit, dialogs, INVITEs
	anchored, ports       int // calls, pairs
}

var ofMedia = regexp.MustCompile(`(?m)^sipedge_media_(calls|ports\{state="used"\}) ([0-9]+)$`)

// standingOf asks the edge, which bounds how often anybody may.
func standingOf(t testing.TB, edge *lab.Edge) (s standing) {
	t.Helper()
	time.Sleep(200 * time.Millisecond)
	_, body := edge.Get("/v1/limits")
	var list admin.LimitList
	if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Limits) != 1 {
		t.Fatalf("GET /v1/limits: %v\n%s", err, body)
	}
	s = standing{up: list.Limits[0].Up, dialogs: list.Dialogs, inFlight: list.InFlight}
	_, body = edge.Get("/metrics")
	found := ofMedia.FindAllStringSubmatch(body, -1)
	if len(found) != 2 {
		t.Fatalf("no media calls and ports in /metrics:\n%s", body)
	}
	for _, m := range found {
		n, _ := strconv.Atoi(m[2])
		if m[1] == "calls" {
			s.anchored = n
		} else {
			s.ports = n
		}
	}
	return s
}

// untilNothingStands waits for every place, dialog and port to be free again.
func untilNothingStands(t testing.TB, edge *lab.Edge, bound time.Duration) {
	t.Helper()
	var last standing
	defer func() {
		if t.Failed() {
			t.Logf("calls still hold %+v", last)
		}
	}()
	lab.Until(t, bound, "calls to hold nothing", func() bool { last = standingOf(t, edge); return last == standing{} })
}

// Callers vanish with calls up: killed, or by SIPp's own way of giving up. What
// their calls held is free once nothing has been heard of them for a while, and
// gateways are told.
func TestVanishedCallersHoldNothing(t *testing.T) {
	t.Parallel()
	const calls = 20
	l := lab.New(t, clocked...)
	l.Edit("limits: { concurrent: 400 }", fmt.Sprintf("limits: { concurrent: %d }", calls))
	l.Import()
	edge := l.Serve("edge")
	fast := []string{"-s", legacyNumber, "-m", strconv.Itoa(calls), "-rp", "50", "-d", "60000"} // 10 in 50 ms
	stands := standing{up: calls, dialogs: calls, anchored: calls, ports: 2 * calls}
	full := func(what string) {
		t.Helper()
		lab.Until(t, 10*time.Second, what, func() bool { return standingOf(t, edge) == stands })
		l.Call("uac_retry_elsewhere", legacyNumber, "").Passed() // 503: no place is left
	}

	gateway := l.Gateway("legacy-a", "uas_answered", calls)
	killed := l.CallAt("127.0.0.1", "uac_answered", append(fast, "-key", "gateway", "legacy-a")...)
	lab.Until(t, 10*time.Second, "every call to be up", func() bool { return strings.Count(gateway.Messages(), "\nACK sip:") >= calls })
	full("the calls to hold their places")
	killed.Kill()
	untilNothingStands(t, edge, 20*time.Second)
	gateway.Passed() // it got its BYEs

	// To this one an answer is a reason to give up.
	gateway = l.Gateway("legacy-a", "uas_answered", 0)
	gaveUp := l.CallAt("127.0.0.1", "uac_no_answer", fast...)
	lab.Until(t, 10*time.Second, "SIPp to give every call up", func() bool { return strings.Count(gaveUp.Messages(), "\nCANCEL sip:") >= calls })
	full("calls that SIPp gave up to hold their places")
	untilNothingStands(t, edge, 20*time.Second)
	gaveUp.Kill()
	gateway.Kill()

	gateway = l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
}

// TestMediaSoak anchors many calls and wants every place, port and descriptor back.
// A call that SIPp gave up, on a machine that is too busy for it, is no leak: one in
// a thousand may be, and the edge ends it by its own clock.
func TestMediaSoak(t *testing.T) {
	const rate = 150 // calls a second; a pair of ports rests for 2 s at least
	calls := soakCalls(t) / 5
	if os.Getenv("SOAK_CALLS") != "" {
		calls = soakCalls(t)
	}
	l, edge := lab.Open(t, clocked...)
	run := func(n int) (failed int) {
		t.Helper()
		bound := time.Duration(n)*time.Second/rate + time.Minute
		timeout := []string{"-timeout", fmt.Sprintf("%ds", int(bound.Seconds())), "-timeout_error", "-r", strconv.Itoa(rate)}
		gateway := l.Gateway("legacy-a", "uas_answered", 0, timeout...)
		defer gateway.Kill()
		caller := l.CallAt("127.0.0.1", "uac_answered", append(timeout, "-s", legacyNumber, "-key", "gateway", "legacy-a",
			"-m", strconv.Itoa(n), "-l", "300", "-d", "100", "-recv_timeout", "8000")...)
		_, st := caller.DoneWithin(bound + 10*time.Second)
		if t.Logf("%d calls: %+v", n, st); st.Successful+st.Failed != n || st.Failed > n/1000 {
			t.Errorf("of %d calls %d went well and %d did not", n, st.Successful, st.Failed)
		}
		untilNothingStands(t, edge, 60*time.Second)
		return st.Failed
	}
	failed := run(200)
	descriptors := edge.Metric("process_open_fds")
	failed += run(calls)
	lab.Until(t, 10*time.Second, fmt.Sprintf("descriptors to come back to %.0f", descriptors), func() bool {
		return edge.Metric("process_open_fds") <= descriptors+5
	})
	t.Logf("%d anchored calls, %d given up by SIPp; descriptors %.0f, then %.0f", 200+calls, failed, descriptors, edge.Metric("process_open_fds"))
}
