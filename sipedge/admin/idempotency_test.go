package admin

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func keyed(key, body string) ask {
	return ask{method: "POST", path: "/count", token: oToken, body: body, header: http.Header{idempotencyHeader: {key}}}
}

func TestAChangeIsCarriedOutOncePerKey(t *testing.T) {
	h := &house{}
	s := openServer(t, h, tokens)
	first := s.ask(keyed("k1", "a"))
	again := s.ask(keyed("k1", "a"))
	if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() || h.counted.Load() != 1 {
		t.Errorf("carried out %d times: %d %s, then %d %s", h.counted.Load(), first.Code, first.Body, again.Code, again.Body)
	}
	if first.Header().Get("Idempotent-Replayed") != "" || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Error("a repeated answer says so, a first one does not")
	}
	if !strings.Contains(first.Body.String(), `"operation":"ops-anna/k1"`) {
		t.Errorf("the change does not know its name: %s", first.Body)
	}
	if w := s.ask(keyed("k1", "b")); w.Code != 422 || because(t, w) != "key_used" {
		t.Errorf("another body under the key: %d %s", w.Code, w.Body)
	}
	other := keyed("k1", "a")
	other.token = aToken
	if w := s.ask(other); w.Code != 201 || h.counted.Load() != 2 {
		t.Errorf("the key of another person: %d, carried out %d times", w.Code, h.counted.Load())
	}
	if w := s.ask(keyed("", "a")); w.Code != 201 || h.counted.Load() != 3 {
		t.Errorf("no key: %d, carried out %d times", w.Code, h.counted.Load())
	}
	if w := s.ask(keyed(strings.Repeat("k", maxKey+1), "a")); w.Code != 400 {
		t.Errorf("a long key: %d", w.Code)
	}
}

// A refusal is an answer like any other; a failure of ours is none.
func TestWhichAnswersAreRemembered(t *testing.T) {
	h := &house{}
	s := openServer(t, h, tokens)
	for _, c := range []struct {
		body string
		code int
		runs int32
	}{{"refused", 409, 1}, {"away", 503, 2}, {"panic", 500, 2}} {
		h.counted.Store(0)
		for range 2 {
			if w := s.ask(keyed("k-"+c.body, c.body)); w.Code != c.code {
				t.Errorf("%s: %d", c.body, w.Code)
			} else {
				because(t, w)
			}
		}
		if h.counted.Load() != c.runs {
			t.Errorf("%s: carried out %d times, want %d", c.body, h.counted.Load(), c.runs)
		}
	}
}

func TestASecondRequestDoesNotWaitForTheFirst(t *testing.T) {
	h := &house{gate: make(chan struct{})}
	s := openServer(t, h, tokens)
	var wg sync.WaitGroup
	wg.Go(func() { s.ask(keyed("k", "slow")) })
	for h.counted.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	if w := s.ask(keyed("k", "slow")); w.Code != 409 || because(t, w) != "in_progress" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	close(h.gate)
	wg.Wait()
	if w := s.ask(keyed("k", "slow")); w.Code != 201 || h.counted.Load() != 1 {
		t.Errorf("%d, carried out %d times", w.Code, h.counted.Load())
	}
}

func TestAnswersAreBoundedAndExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAnswers()
		keep := func(id string, size int) {
			mine, _, err := a.enter(id, [32]byte{})
			if err != nil {
				t.Fatal(err)
			}
			c := &copying{begun: &begun{ResponseWriter: told{}, code: 200}, done: true}
			c.body.Write(make([]byte, size))
			a.leave(mine, c)
		}
		for i := range 2 * maxAnswers {
			keep(string(rune('a'+i%26))+time.Duration(i).String(), 10)
		}
		if n := a.byAge.Len(); n != maxAnswers || len(a.byID) != n {
			t.Errorf("%d answers are kept, want %d", n, maxAnswers)
		}
		for i := range 20 {
			keep("large"+time.Duration(i).String(), maxKept/10)
		}
		if a.bytes > maxKept {
			t.Errorf("%d bytes are kept, at most %d", a.bytes, maxKept)
		}
		time.Sleep(answersFor + time.Second)
		keep("last", 1)
		if a.byAge.Len() != 1 || a.bytes != 1 {
			t.Errorf("%d answers of %d bytes after a day", a.byAge.Len(), a.bytes)
		}
	})
}
