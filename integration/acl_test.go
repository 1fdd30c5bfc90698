package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/integration/internal/lab"
)

var aclForm = regexp.MustCompile(`(?m)^ACL (SETUSER .*)$`)

// shownUsers gives a bench's Redis the users that the README shows, with the
// lab's prefix and passwords by passwordOf. These are all it shows: two lists
// would be two truths.
func shownUsers(t testing.TB, l *lab.Lab) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(lab.Root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	rdb := l.Redis.Client()
	defer rdb.Close()
	var names []string
	for _, m := range aclForm.FindAllStringSubmatch(string(readme), -1) {
		args := []any{"ACL"}
		for i, w := range strings.Fields(strings.ReplaceAll(m[1], "~speakops:", "~lab:")) {
			switch {
			case i == 1:
				names = append(names, w)
			case strings.HasPrefix(w, ">"):
				w = ">" + passwordOf(names[len(names)-1])
			}
			args = append(args, w)
		}
		if err := rdb.Do(context.Background(), args...).Err(); err != nil {
			t.Fatalf("%s: %v", m[1], err)
		}
	}
	if want := []string{"sipedge-edge", "sipedge-operator", "sipedge-importer"}; !slices.Equal(names, want) {
		t.Fatalf("the README shows %q, want %q, each once", names, want)
	}
}

func passwordOf(user string) string { return user + "-password" }

// asEdge is the configuration of an edge that is the README's.
var asEdge = lab.Edit{Old: "  prefix: lab\n", New: "  prefix: lab\n  username: sipedge-edge\n  password: " + passwordOf("sipedge-edge") + "\n"}

func as(l *lab.Lab, user string) []string {
	return []string{"--prefix", "lab", "--redis", "redis://" + user + ":" + passwordOf(user) + "@" + l.Redis.Addr()}
}

// The users of the README can do their work, and nothing else; who lacks a
// right is told which.
func TestLeastPrivilege(t *testing.T) {
	t.Parallel()
	l := lab.New(t, asEdge, lab.Edit{Old: "admin:\n", New: "records: { redis_stream: true }\n\nadmin:\n"})
	shownUsers(t, l)
	rdb := l.Redis.Client()
	defer rdb.Close()
	ctx := context.Background()
	run := func(want int, says string, args ...string) {
		t.Helper()
		if out, code := l.Run(append([]string{"numbers"}, args...)...); code != want || !strings.Contains(out, says) {
			t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, code, want, says, out)
		}
	}
	user := func(name string, args ...string) []string { return append(args, as(l, name)...) }
	numbers := filepath.Join(l.Dir, "numbers.csv") // an import that is refused leaves its note beside it
	if text, err := os.ReadFile(filepath.Join(lab.Root(), "integration", "sipp", "numbers.csv")); err != nil || os.WriteFile(numbers, text, 0o600) != nil {
		t.Fatal("the file of numbers cannot be copied", err)
	}

	// The importer writes, and does not list or read around.
	run(0, "created", user("sipedge-importer", "import", "--dry-run", numbers)...)
	run(0, "12 created", user("sipedge-importer", "import", numbers)...)
	run(3, "this user may not do that", user("sipedge-importer", "export")...)

	// The operator looks and edits.
	run(0, legacyNumber, user("sipedge-operator", "list")...)
	run(0, "updated", user("sipedge-operator", "set", legacyNumber, "customer_assignment=acme")...)
	run(0, "acme", user("sipedge-operator", "get", legacyNumber)...)
	run(0, "created", user("sipedge-operator", "set", "+12025559990", "routing_authority=none")...)
	run(0, "deleted", user("sipedge-operator", "delete", "+12025559990")...)

	// The edge reads, and carries calls.
	edge := l.Serve("edge")
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
	for _, name := range []string{"decisions", "cdr"} {
		lab.Until(t, 10*time.Second, "the record in the stream of "+name, func() bool { return rdb.XLen(ctx, "lab:records:"+name).Val() == 1 })
	}
	if text := edge.Text(); strings.Contains(text, "NOPERM") {
		t.Errorf("the edge was refused something:\n%s", text)
	}
	run(3, "this user may not do that", user("sipedge-edge", "set", legacyNumber, "customer_assignment=other")...)
	run(3, "this user may not do that", user("sipedge-edge", "delete", legacyNumber)...)
	run(3, "this user may not do that", user("sipedge-edge", "import", numbers)...)

	// Nor by any other way.
	key := rdb.Keys(ctx, "lab:n:*:"+legacyNumber).Val()[0]
	before := rdb.HGetAll(ctx, key).Val()
	for _, name := range []string{"sipedge-edge", "sipedge-importer", "sipedge-operator"} {
		c := redis.NewClient(&redis.Options{Addr: l.Redis.Addr(), Username: name, Password: passwordOf(name)})
		defer c.Close()
		commands := [][]any{{"FLUSHALL"}, {"FLUSHDB"}, {"DEL", key}, {"CONFIG", "SET", "maxmemory", "1"}, {"REPLICAOF", "NO", "ONE"}, {"HSET", "elsewhere", "a", "b"}, {"GET", "elsewhere"}, {"KEYS", "*"}, {"CLIENT", "KILL", "TYPE", "normal"}}
		if name == "sipedge-edge" {
			commands = append(commands, [][]any{{"HSET", key, "routing_authority", "speakops"}, {"XADD", strings.Replace(key, legacyNumber, "changes", 1), "*", "a", "b"},
				{"EVAL", "return redis.call('HSET', KEYS[1], 'routing_authority', 'speakops')", 1, key},
				{"EVAL", "return redis.call('HSET', ARGV[1], 'routing_authority', 'speakops')", 0, key}, {"RENAME", key, key + "x"}, {"EXPIRE", key, 1}, {"RESTORE", key, 0, "x"}}...)
		}
		for _, args := range commands {
			if err := c.Do(ctx, args...).Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "can't access") {
				t.Errorf("%s: %v: %v", name, args, err)
			}
		}
	}
	if after := rdb.HGetAll(ctx, key).Val(); len(after) != len(before) || after["revision"] != before["revision"] {
		t.Errorf("the record was %v and is %v", before, after)
	}
}

// The README's edge may also share limits with others and send its records to
// streams, in keys of their own; numbers stay out of its reach there too.
func TestEdgeUserSharesLimitsAndSendsRecords(t *testing.T) {
	t.Parallel()
	l := lab.New(t, lab.Edit{Old: "    session_timer: transparent", New: "    session_timer: transparent\n    limits: { concurrent: 30 }"},
		lab.Edit{Old: "limits:\n", New: "records: { redis_stream: true }\nlimits:\n  shared: true\n"})
	l.Import()
	shownUsers(t, l)
	l.Edit(asEdge.Old, asEdge.New)
	rdb := l.Redis.Client()
	defer rdb.Close()
	ctx := context.Background()
	edge := l.Serve("edge")
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
	lab.Until(t, 20*time.Second, "the edge's share of the trunk's limit in Redis", func() bool {
		_, ok := rdb.HGetAll(ctx, "lab:{limits}:qa").Val()["e:lab-1"]
		return ok
	})
	for _, name := range []string{"decisions", "cdr"} {
		lab.Until(t, 20*time.Second, "the call in the stream of "+name, func() bool {
			return strings.Contains(fmt.Sprint(rdb.XRange(ctx, "lab:records:"+name, "-", "+").Val()), strings.TrimPrefix(legacyNumber, "+"))
		})
	}
	if text := edge.Text(); strings.Contains(text, "NOPERM") {
		t.Errorf("the edge was refused something:\n%s", text)
	}
	c := redis.NewClient(&redis.Options{Addr: l.Redis.Addr(), Username: "sipedge-edge", Password: passwordOf("sipedge-edge")})
	defer c.Close()
	key := rdb.Keys(ctx, "lab:n:*:"+legacyNumber).Val()[0]
	for _, args := range [][]any{
		{"HSET", key, "routing_authority", "speakops"},
		{"EVAL", "return redis.call('HSET', KEYS[2], 'routing_authority', 'speakops')", 2, "lab:{limits}:qa", key},
		{"EVAL", "return redis.call('HSET', ARGV[1], 'routing_authority', 'speakops')", 1, "lab:{limits}:qa", key},
		{"RENAME", "lab:records:cdr", key}, {"COPY", "lab:{limits}:qa", key, "REPLACE"},
	} {
		if err := c.Do(ctx, args...).Err(); err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "can't access") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// An edge whose user lacks a right says which, and what to do.
func TestMissingRightIsNamed(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	shownUsers(t, l)
	l.Import()
	l.Edit(asEdge.Old, asEdge.New)
	rdb := l.Redis.Client()
	defer rdb.Close()
	if err := rdb.Do(context.Background(), "ACL", "SETUSER", "sipedge-edge", "-info").Err(); err != nil {
		t.Fatal(err)
	}
	edge := l.Start("edge")
	lab.Until(t, 10*time.Second, "the edge to say what is missing", func() bool {
		text := edge.Text()
		return strings.Contains(text, "this user may not do that") && strings.Contains(text, "'info'") && strings.Contains(text, "+info")
	})
}

// While the first load cannot end, numbers are looked up one by one: here the
// edge may read records and not list them.
func TestNumbersAreLookedUpDuringTheFirstLoad(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Import()
	l.Edit(asEdge.Old, asEdge.New)
	shownUsers(t, l)
	rdb := l.Redis.Client()
	defer rdb.Close()
	ctx := context.Background()
	if err := rdb.Do(ctx, "ACL", "SETUSER", "sipedge-edge", "-scan").Err(); err != nil {
		t.Fatal(err)
	}
	edge := l.Start("edge")
	ping := l.Peer("udp", "127.0.0.1", 0)
	lab.Until(t, 20*time.Second, "OPTIONS to be answered 503", func() bool { return ping.Ping() == 503 })
	gateway := l.Gateway("legacy-a", "uas_answered", 2)
	for range 2 {
		l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	}
	gateway.Passed()
	l.Call("uac_retry_elsewhere", "+12025559999", "").Passed() // nobody can be sure yet that there is no such number
	if code, body := edge.Get("/readyz"); code != 503 {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if err := rdb.Do(ctx, "ACL", "SETUSER", "sipedge-edge", "+scan").Err(); err != nil {
		t.Fatal(err)
	}
	edge.UntilReady()
	l.Call("uac_unknown", "+12025559999", "").Passed()
	edge.Signal(syscall.SIGTERM)
}
