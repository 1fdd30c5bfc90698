package integration

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/crowd"
	"github.com/speakops/sipedge/integration/internal/lab"
)

// A national provider's numbers, in the running program: loaded from Redis, then
// after a restart from disk, while its memory stays below a bound. NUMBERS=10000000
// is how many they are; what is measured is told, and only memory is a bound
// that holds on any machine.
func TestManyNumbers(t *testing.T) {
	numbers := 50_000
	if text := os.Getenv("NUMBERS"); text != "" {
		var err error
		if numbers, err = strconv.Atoi(text); err != nil || numbers < 1000 {
			t.Fatalf("NUMBERS=%q is no count of 1000 or more", text)
		}
	}
	l := lab.New(t)
	began := time.Now()
	if err := crowd.Pour(l.Redis.Addr(), "lab", numbers); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d numbers poured into Redis in %s", numbers, time.Since(began).Round(time.Millisecond))

	edge, took := openWith(t, l, numbers)
	t.Logf("loaded from Redis after %s, %d MB", took, edge.RSS()>>20)
	callsGoBySide(t, l, numbers)
	rdb := l.Redis.Client()
	defer rdb.Close()
	loaded := scans(t, rdb.Info(context.Background(), "commandstats").Val())
	edge.Signal(syscall.SIGTERM) // its last act is a snapshot
	if code, ended := edge.Wait(60 * time.Second); !ended || code != 0 {
		t.Fatalf("ended %v, exit code %d", ended, code)
	}

	edge, took = openWith(t, l, numbers)
	t.Logf("loaded from disk after %s, %d MB", took, edge.RSS()>>20)
	callsGoBySide(t, l, numbers)
	if again := scans(t, rdb.Info(context.Background(), "commandstats").Val()) - loaded; again > numbers/2 {
		t.Errorf("%d records were read from Redis after a restart with a snapshot", again)
	}
	if strings.Contains(edge.Text(), "disagree") {
		t.Errorf("digests differ:\n%s", edge.Text())
	}
	if most := 200<<20 + 130*numbers; edge.RSS() > most {
		t.Errorf("%d MB for %d numbers, more than %d", edge.RSS()>>20, numbers, most>>20)
	}
}

// openWith starts the edge and waits until it holds all numbers and is ready.
func openWith(t *testing.T, l *lab.Lab, numbers int) (*lab.Edge, time.Duration) {
	t.Helper()
	began := time.Now()
	edge := l.Start("edge")
	lab.Until(t, time.Duration(numbers/50_000+30)*time.Second, "the edge to be ready", func() bool {
		if edge.Ended() {
			t.Fatalf("the edge ended:\n%s", edge.Text())
		}
		code, _ := edge.Get("/readyz")
		return code == 200
	})
	return edge, time.Since(began).Round(10 * time.Millisecond)
}

func callsGoBySide(t *testing.T, l *lab.Lab, numbers int) {
	t.Helper()
	for _, i := range []int{0, numbers / 2, numbers - 1} {
		id := map[string]string{"legacy": "legacy-a", "speakops": "speakops-a"}[crowd.Authority(i)]
		gateway := l.Gateway(id, "uas_answered", 1)
		l.Call("uac_answered", crowd.Number(i), id).Passed()
		gateway.Passed()
	}
}

// scans is how many records Redis has handed out.
func scans(t *testing.T, info string) int {
	t.Helper()
	_, rest, ok := strings.Cut(info, "cmdstat_hgetall:calls=")
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(rest, ",")
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
