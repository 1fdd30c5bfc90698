package runner

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// receiver is somebody's webhook that fails at first.
type receiver struct {
	mu    sync.Mutex
	fails int
	got   []Line
	wrong []string
}

func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	if h.fails > 0 {
		h.fails--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	signature := r.Header.Get(signatureHeader)
	stamp, _, _ := strings.Cut(strings.TrimPrefix(signature, "t="), ",")
	at, _ := time.Parse("2006", "2000")
	if n, err := json.Number(stamp).Int64(); err == nil {
		at = time.Unix(n, 0)
	}
	if signature != Sign([]byte("between us"), at, body) || time.Since(at) > time.Minute {
		h.wrong = append(h.wrong, signature)
	}
	var l Line
	if err := json.Unmarshal(body, &l); err != nil || l.ID != r.Header.Get(deliveryHeader) {
		h.wrong = append(h.wrong, string(body))
	}
	h.got = append(h.got, l)
}

func (h *receiver) kinds() (all []string, last string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.got {
		e := l.Entry()
		all = append(all, e.Kind())
	}
	if len(all) > 0 {
		last = all[len(all)-1]
	}
	return all, last
}

// Every entry reaches the receiver once and in order, by whichever edge, though
// it fails at first.
func TestWebhooksAreRepeatedSignedAndInOrder(t *testing.T) {
	h := &receiver{fails: 1}
	to := httptest.NewServer(h)
	defer to.Close()
	s := startStore(t)
	list, records := some(t, 10)
	edges := three(t, s, records, Webhook{URL: to.URL, Secret: []byte("between us")})
	at := edges[0].opts.Clock.Now().Latest.Add(4 * time.Second).Truncate(time.Microsecond)
	if _, err := edges[0].Arm(within(t, 10*time.Second), "anna", "c-1", list, routing.Legacy, at); err != nil {
		t.Fatal(err)
	}
	until(t, "the flip to be told", func() bool { _, last := h.kinds(); return last == Flipped })
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.wrong) > 0 {
		t.Errorf("deliveries that do not prove themselves: %q", h.wrong)
	}
	seen := map[string]bool{}
	flips := 0
	for i, l := range h.got {
		if seen[l.ID] {
			t.Errorf("entry %s was delivered twice", l.ID)
		}
		seen[l.ID] = true
		if e := l.Entry(); e.Kind() == Flipped {
			flips++
		}
		if i > 0 && l.ID <= h.got[i-1].ID && len(l.ID) <= len(h.got[i-1].ID) {
			t.Errorf("entry %s came after %s", l.ID, h.got[i-1].ID)
		}
	}
	if flips != 1 {
		t.Errorf("three edges told of one flip %d times", flips)
	}
}

func TestTheFirstCallOnTheNewSideIsNoted(t *testing.T) {
	s := startStore(t)
	list, records := some(t, 10)
	edges := three(t, s, records)
	at := edges[0].opts.Clock.Now().Latest.Add(4 * time.Second).Truncate(time.Microsecond)
	if _, err := edges[0].Arm(within(t, 10*time.Second), "anna", "c-1", list, routing.Legacy, at); err != nil {
		t.Fatal(err)
	}
	n := list.At(3)
	edges[1].Carried(n, routing.Legacy, "too early")
	until(t, "the flip", func() bool { return edges[1].holder(n) == "speakops" })
	// What is told first must not keep back what is told later.
	rdb := redis.NewClient(&redis.Options{Addr: s.addr()})
	defer rdb.Close()
	until(t, "the flip among the events", func() bool { return rdb.XLen(t.Context(), "speakops:chain:{chain}:events").Val() == 1 })
	edges[1].Carried(n, routing.Legacy, "to the old side")
	edges[1].Carried(n, routing.SpeakOps, "the first")
	edges[1].Carried(n, routing.SpeakOps, "the second")
	until(t, "the first call in the journal", func() bool {
		all, err := edges[2].opts.Chain.Entries(t.Context(), "", 1000)
		if err != nil {
			return false
		}
		var firsts []string
		for i := range all {
			if all[i].Kind() == FirstCall {
				firsts = append(firsts, all[i].Get("detail"))
			}
		}
		if len(firsts) > 1 || len(firsts) == 1 && !strings.Contains(firsts[0], `"the first"`) {
			t.Fatalf("first calls %q", firsts)
		}
		return len(firsts) == 1
	})
}

// The copy on this disk is the store's journal, whole and in order, also after
// restarts of the edge.
func TestTheStoresJournalIsCopied(t *testing.T) {
	s := startStore(t)
	list, records := some(t, 10)
	edges := three(t, s, records)
	at := edges[0].opts.Clock.Now().Latest.Add(time.Hour).Truncate(time.Microsecond)
	if _, err := edges[0].Arm(within(t, 10*time.Second), "anna", "c-1", list, routing.Legacy, at); err != nil {
		t.Fatal(err)
	}
	edges[0].stop()
	again := startMember(t, s, "edge-1", edges[0].dir, records, false)
	if _, err := again.Cancel(within(t, 10*time.Second), "anna", "c-1"); err != nil {
		t.Fatal(err)
	}
	want, err := again.opts.Chain.Entries(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "a whole copy", func() bool {
		// Only read: opening a mirror cuts off what its edge is writing just now.
		text, err := os.ReadFile(filepath.Join(edges[1].dir, "store-journal.jsonl"))
		lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
		var last Line
		if err != nil || json.Unmarshal(lines[len(lines)-1], &last) != nil {
			return false
		}
		return last.ID >= want[len(want)-1].ID && len(last.ID) >= len(want[len(want)-1].ID)
	})
}
