package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/admin"
)

// Somebody flushes Redis. Calls go on, also over a restart of the edge while
// Redis is dead; what was lost is listed, and an operator has it written again.
func TestWhatRedisLostIsBroughtBack(t *testing.T) {
	t.Parallel()
	l := lab.New(t,
		lab.Edit{Old: "  listen: \"127.0.0.1:8080\"\n", New: "  listen: \"127.0.0.1:8080\"\n  tokens: [ { name: ops-anna, role: operator, hash: \"" + admin.Hash(anna) + "\" } ]\n"},
		lab.Edit{Old: "\nredis:\n", New: "\nnumbers: { max_staleness: 3s }\nredis:\n"})
	shownUsers(t, l)
	l.Import()
	l.Edit(asEdge.Old, asEdge.New+"  writer: { username: sipedge-operator, password: "+passwordOf("sipedge-operator")+" }\n")
	edge := l.Serve("edge")
	rdb := l.Redis.Client()
	defer rdb.Close()
	ctx := context.Background()

	ask := func(want int, args ...string) string {
		t.Helper()
		out, code := l.CutoverctlAs(anna, append([]string{"numbers"}, args...)...)
		if code != want {
			t.Fatalf("cutoverctl numbers %v: exit code %d, want %d\n%s", args, code, want, out)
		}
		return out
	}
	var page admin.LostPage
	lost := func(e *lab.Edge) int {
		t.Helper()
		if err := json.Unmarshal([]byte(ask(0, "lost", "--json")), &page); err != nil {
			t.Fatal(err)
		}
		return page.Count
	}
	if n := lost(edge); n != 0 {
		t.Fatalf("%d lost before anything happened", n)
	}
	if err := rdb.FlushDB(ctx).Err(); err != nil { // the users stay
		t.Fatal(err)
	}
	const all = 12
	lab.Until(t, 20*time.Second, "the losses to be listed", func() bool { return lost(edge) == all })
	if page.Numbers[0].PublicNumber != legacyNumber || page.Numbers[0].RoutingAuthority != "legacy" || page.Numbers[0].Revision == 0 {
		t.Errorf("%+v", page.Numbers[0])
	}

	// A restart without Redis.
	edge.Signal(syscall.SIGTERM)
	if code, ended := edge.Wait(20 * time.Second); !ended || code != 0 {
		t.Fatalf("ended %v, exit code %d", ended, code)
	}
	l.Redis.Kill()
	edge = l.Serve("edge")
	// The table is older than any that may say "no such number" once that age has passed.
	lab.Until(t, 20*time.Second, "/readyz to say how old the table is", func() bool {
		code, body := edge.Get("/readyz")
		return code == 200 && strings.Contains(body, "table_age")
	})
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
	l.Call("uac_retry_elsewhere", "+12025559999", "").Passed()

	l.Redis.Start(t) // empty, and without the users
	shownUsers(t, l)
	lab.Until(t, 30*time.Second, "the losses to be listed again", func() bool { return lost(edge) == all })

	// One of them someone has decided anew; it stays so.
	rows := filepath.Join(l.Dir, "lost.jsonl")
	if err := os.WriteFile(rows, []byte(ask(0, "lost", "--rows")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := l.Run(append([]string{"numbers", "set", legacyNumber, "routing_authority=legacy", "customer_assignment=anew"}, as(l, "sipedge-operator")...)...); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	out := ask(0, "reapply", "--yes")
	if !strings.Contains(out, fmt.Sprintf("%d created, 0 updated, 0 deleted", all-1)) {
		t.Errorf("reapply: %s", out)
	}
	lab.Until(t, 20*time.Second, "nothing to be lost", func() bool { return lost(edge) == 0 })
	// The other way, for fleets without a writer. Done twice it is done once, with
	// the answers of the first time.
	if out, code := l.Run(append([]string{"numbers", "reapply", rows}, as(l, "sipedge-operator")...)...); code != 0 || !strings.Contains(out, fmt.Sprintf("%d created, 0 updated, 1 overruled", all-1)) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	if out, code := l.Run(append([]string{"numbers", "get", legacyNumber}, as(l, "sipedge-operator")...)...); code != 0 || !strings.Contains(out, "anew") {
		t.Errorf("exit code %d\n%s", code, out)
	}
	// In step again, the edge may say that there is no such number.
	p := l.Peer("udp", "127.0.0.1", 0)
	lab.Until(t, 20*time.Second, "an unknown number to be refused for good", func() bool {
		id := lab.Serial()
		p.Send(p.Request("INVITE", "+12025559999", id, ""))
		code, answer := p.Final(id, 3*time.Second)
		p.Send(p.Ack(answer))
		return code == 404
	})
}
