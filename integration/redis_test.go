package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// Without Redis and without anything remembered, the edge lives and says so: it
// sends callers elsewhere instead of guessing, and begins to serve by itself.
func TestRedisAwayAtStart(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Redis.Kill()
	edge := l.Start("edge")
	lab.Until(t, 10*time.Second, "/healthz", func() bool { code, _ := edge.Get("/healthz"); return code == 200 })
	if code, body := edge.Get("/readyz"); code != 503 {
		t.Errorf("/readyz without Redis: %d %s, want 503", code, body)
	}
	ping := l.Peer("udp", "127.0.0.1", 0)
	lab.Until(t, 5*time.Second, "OPTIONS to be answered 503", func() bool { return ping.Ping() == 503 })
	l.Call("uac_retry_elsewhere", legacyNumber, "").Passed()
	if !strings.Contains(edge.Text(), l.Redis.Addr()) {
		t.Errorf("the log does not name %s", l.Redis.Addr())
	}

	l.Redis.Start(t)
	l.Import()
	edge.UntilReady()
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
}

// The call path never waits for Redis: calls go on without it, and what changes
// after its return is followed.
func TestRedisAwayMidRun(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t)
	l.Redis.Kill()
	gateway := l.Gateway("legacy-a", "uas_answered", 3, "-timeout", "60s")
	for range 2 {
		if st := l.Call("uac_answered", legacyNumber, "legacy-a").Passed(); st.Retransmissions != 0 {
			t.Errorf("without Redis: %+v", st)
		}
	}
	l.Redis.Start(t)
	l.Import()
	l.ImportFile(numbersFile(t, l, "+12025550199,legacy"))
	untilFollowed(t, l)
	l.Call("uac_answered", "+12025550199", "legacy-a").Passed()
	gateway.Passed()
	if code, body := edge.Get("/readyz"); code != 200 {
		t.Errorf("/readyz after Redis came back: %d %s", code, body)
	}
}

// The same program with redis.mode cluster: numbers are spread over three masters,
// loaded from all of them, and followed when they change.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	nodes := lab.RedisCluster(t)
	l := lab.New(t)
	l.Redis.Kill() // the other one, which would take everything
	l.Edit("  mode: standalone\n  addresses: [ \"127.0.0.1:6379\" ]\n", "  mode: cluster\n  addresses: [ \""+nodes[0].Addr()+"\" ]\n")
	l.Import()
	for _, n := range nodes {
		c := n.Client()
		defer c.Close()
		if keys := c.Keys(t.Context(), "lab:n:*:+*").Val(); len(keys) == 0 || len(keys) == 12 {
			t.Errorf("%s has %d of 12 numbers", n.Addr(), len(keys))
		}
	}
	edge := l.Serve("edge")
	gateway := l.Gateway("legacy-a", "uas_answered", 2)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	l.ImportFile(numbersFile(t, l, "+12025550199,legacy"))
	untilFollowed(t, l)
	l.Call("uac_answered", "+12025550199", "legacy-a").Passed()
	gateway.Passed()
	if text := edge.Text(); strings.Contains(text, "disagree") || strings.Contains(text, "cannot be") {
		t.Errorf("the edge's log:\n%s", text)
	}
}

// An override takes force three seconds after it was written, on every edge at
// the same instant.
const overrideLead = 3 * time.Second

// forceSpeakOps writes an override of legacyNumber and returns between which
// instants it takes force.
func forceSpeakOps(t *testing.T, l *lab.Lab) (earliest, latest time.Time) {
	t.Helper()
	earliest = time.Now().Add(overrideLead)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	l.ImportFile(recordsFile(t, l, "public_number,routing_authority,override,override_until,override_reason,override_author",
		legacyNumber+",legacy,force_speakops,"+until+",a rehearsal,qa"))
	return earliest, time.Now().Add(overrideLead)
}

// A record that changes is followed by the next call, here an operator's
// override, and a dialog that stands is not moved by it.
func TestRecordsAreFollowed(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t)
	caller, gateway := established(l, "5000")
	_, latest := forceSpeakOps(t, l)
	time.Sleep(time.Until(latest.Add(500 * time.Millisecond)))
	speakops := l.Gateway("speakops-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "speakops-a").Passed()
	speakops.Passed()
	if d := edge.Decisions(2); d[len(d)-1].Authority != "speakops" || d[len(d)-1].Because != "override_force_speakops" {
		t.Errorf("decisions: %+v", d)
	}
	caller.Passed()
	gateway.Passed()
}

// Around the instant not one call is lost, and none goes back once one has gone
// over.
func TestCallsAcrossAnInstant(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t)
	legacy, speakops := busyGateway(t, l.GatewayPort("legacy-a")), busyGateway(t, l.GatewayPort("speakops-a"))
	earliest, latest := forceSpeakOps(t, l)
	p := l.Peer("udp", "127.0.0.1", 0)
	time.Sleep(time.Until(earliest.Add(-time.Second)))
	var ids []string
	for time.Now().Before(latest.Add(time.Second)) {
		id := lab.Serial()
		ids = append(ids, id)
		p.Send(p.Request("INVITE", legacyNumber, id, ""))
		time.Sleep(50 * time.Millisecond)
	}
	for _, id := range ids {
		code, answer := p.Final(id, 3*time.Second)
		if code != 486 {
			t.Errorf("call %s: %d, want the gateway's 486", id, code)
		}
		p.Send(p.Ack(answer))
	}
	before, after := len(legacy.Heard("INVITE sip:")), len(speakops.Heard("INVITE sip:"))
	if before == 0 || after == 0 || before+after != len(ids) {
		t.Errorf("%d calls: %d went to legacy, %d to speakops", len(ids), before, after)
	}
	over := false
	for _, d := range edge.Decisions(len(ids)) {
		if over && d.Authority == "legacy" {
			t.Errorf("a call went to legacy after one had gone to speakops: %+v", d)
		}
		over = over || d.Authority == "speakops"
	}
}

// busyGateway answers every INVITE with 486.
func busyGateway(t *testing.T, port int) *lab.Peer {
	t.Helper()
	return lab.NewGateway(t, port, func(request string) string {
		if !strings.HasPrefix(request, "INVITE ") {
			return ""
		}
		return lab.Echo(request, "486 Busy Here")
	})
}

// untilFollowed waits until the edge knows what was imported before: it imports
// one more number, which nobody holds, and asks for that one until the refusal
// gives the new reason instead of number_unknown.
func untilFollowed(t *testing.T, l *lab.Lab) {
	t.Helper()
	const last = "+12025550198"
	l.ImportFile(numbersFile(t, l, last+",none"))
	p := l.Peer("udp", "127.0.0.1", 0)
	lab.Until(t, 10*time.Second, last+" to be known", func() bool {
		id := lab.Serial()
		p.Send(p.Request("INVITE", last, id, ""))
		_, answer := p.Final(id, time.Second)
		p.Send(p.Ack(answer))
		return strings.Contains(answer, "no_authority")
	})
	time.Sleep(300 * time.Millisecond) // numbers of other partitions may be a moment later
}

// numbersFile writes records of the two mandatory columns.
func numbersFile(t *testing.T, l *lab.Lab, lines ...string) string {
	t.Helper()
	return recordsFile(t, l, append([]string{"public_number,routing_authority"}, lines...)...)
}

func recordsFile(t *testing.T, l *lab.Lab, lines ...string) string {
	t.Helper()
	file := filepath.Join(l.Dir, lab.Serial()+".csv")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
