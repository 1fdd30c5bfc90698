package stream

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

// Redis goes away and comes back: lines wait, what has no room is counted and
// stands in the stream as a gap, and nobody waits for it.
func TestRedisComesBack(t *testing.T) {
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1, DialTimeout: time.Second})
	defer rdb.Close()
	s := New(rdb, Options{Key: "speakops:records:cdr", Edge: "edge-1", WaitingBytes: 1000, FlushEvery: time.Millisecond, RetryEvery: 10 * time.Millisecond})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()
	s.Append([]byte("{\"n\":0}\n"))
	until(t, "the first line", func() bool { return s.Stats().Lines == 1 })
	server.SetError("LOADING Redis is loading the dataset in memory")
	for i := 1; i < 500; i++ {
		s.Append(fmt.Appendf(nil, "{\"n\":%d}\n", i))
	}
	until(t, "a failure", func() bool { return s.Stats().Failures > 0 })
	if st := s.Stats(); st.Lost == 0 || !strings.Contains(st.Error, "LOADING") {
		t.Fatalf("%+v", st)
	}
	server.SetError("")
	until(t, "all lines and the gap", func() bool {
		st := s.Stats()
		n, _ := rdb.XLen(ctx, "speakops:records:cdr").Result()
		return st.Error == "" && st.Lines+st.Lost == 500 && n == int64(st.Lines)+1
	})
	all, err := rdb.XRange(ctx, "speakops:records:cdr", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range all[:len(all)-1] {
		if want := fmt.Sprintf(`{"n":%d}`, i); e.Values["line"] != want {
			t.Errorf("%v, want %s", e.Values, want)
		}
	}
	if line := all[len(all)-1].Values["line"].(string); !strings.Contains(line, fmt.Sprintf(`"gap":%d,`, s.Stats().Lost)) || !strings.Contains(line, `"edge":"edge-1"`) {
		t.Errorf("the gap is %s", line)
	}
}
