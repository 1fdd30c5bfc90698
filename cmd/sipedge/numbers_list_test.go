package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNumbersList(t *testing.T) {
	_, redis := stocked(t)
	const one = "+12025550143 porting_state=draft routing_authority=legacy customer_assignment=\"acme, \\\"inc\\\"\" legacy_route=old\n"
	const three = "+12025550145 porting_state=draft routing_authority=none\n"
	for _, c := range []struct {
		args      []string
		out, errs string
	}{
		{[]string{"routing_authority=legacy"}, one, "1 number\n"},
		{[]string{"customer_assignment="}, three, "1 number\n"},
		{[]string{"porting_state=draft"}, one + three, "2 numbers\n"},
		{[]string{"porting_state=draft", "customer_assignment="}, three, "1 number\n"},
		{[]string{"--limit", "1", "porting_state=draft"}, one, "2 numbers, the first 1 shown; --limit shows more\n"},
		{[]string{"--starting", "+12025550145"}, three, "1 number\n"},
		{[]string{"--starting", "+44"}, "", "0 numbers\n"},
	} {
		if out, errs, code := numbers(t, with(redis, append([]string{"list"}, c.args...)...)...); code != exitOK || out != c.out || errs != c.errs {
			t.Errorf("%v: code %d\n%s%s", c.args, code, out, errs)
		}
	}
	if out, errs, code := numbers(t, with(redis, "list", "--json")...); code != exitOK || strings.Count(out, `"revision": "`) != 3 || !strings.Contains(out, `"override_until": "2099-01-01T00:00:00Z"`) {
		t.Errorf("%d\n%s%s", code, out, errs)
	}
	for _, args := range [][]string{{"list", "colour=red"}, {"list", "draft"}, {"list", "--limit", "0"}} {
		if _, errs, code := numbers(t, with(redis, args...)...); code != exitConfig || errs == "" {
			t.Errorf("%v: %d %s", args, code, errs)
		}
	}
}

// heard is a buffer that one writes while another reads.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *heard) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *heard) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *heard) wait(t *testing.T, part string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(s.text(), part); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came: %q in\n%s", part, s.text())
		}
	}
}

func TestNumbersWatch(t *testing.T) {
	m, redis := stocked(t)
	ctx, stop := context.WithCancel(t.Context())
	var all, one, errs heard
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for _, w := range []struct {
		to  *heard
		cmd watchCmd
	}{{&all, watchCmd{}}, {&one, watchCmd{Numbers: []string{"+12025550144"}, JSON: true}}} {
		w.cmd.Redis, w.cmd.Prefix = redis[1], "speakops"
		running.Go(func() {
			if err := w.cmd.Run(ctx, streams{w.to, &errs}); err != nil {
				t.Errorf("watch: %v", err)
			}
		})
	}
	ready := func(times int) {
		t.Helper()
		errs.wait(t, "watching; ")
		for end := time.Now().Add(10 * time.Second); strings.Count(errs.text(), "watching; ") < times; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(errs.text())
			}
		}
	}
	must := func(args ...string) {
		t.Helper()
		if out, errs, code := numbers(t, with(redis, args...)...); code != exitOK {
			t.Fatalf("%v: %d %s%s", args, code, out, errs)
		}
	}
	ready(2)
	must("set", "+12025550143", "legacy_route=new")
	all.wait(t, "Z +12025550143 porting_state=draft routing_authority=legacy customer_assignment=\"acme, \\\"inc\\\"\" legacy_route=new\n")
	must("set", "+12025550143", "legacy_route=", "lrn=+12025550000")
	all.wait(t, "lrn=+12025550000 (changed: legacy_route, lrn)\n")
	must("set", "+12025550144", "override=")
	one.wait(t, `{"public_number": "+12025550144"`)
	must("delete", "+12025550144")
	one.wait(t, `{"public_number": "+12025550144", "tombstone": "1", "revision": "`)
	all.wait(t, "Z +12025550144 deleted\n")
	if strings.Contains(one.text(), "+12025550143") {
		t.Errorf("another number is told:\n%s", one.text())
	}

	// The store goes away: both say so, and wait for it.
	m.Close()
	errs.wait(t, "redis at "+redis[1]+": ")
}
