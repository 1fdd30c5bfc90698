package integration

import (
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// handedOver is how many calls are up beside the one that is listened to, and the
// longest silence that is allowed, 0 for any: a busy machine proves nothing by its
// clock. HANDOVER_CALLS and HANDOVER_GAP of a nightly run say more.
func handedOver(t *testing.T) (calls int, gap time.Duration) {
	t.Helper()
	calls = 10
	var err error
	if text := os.Getenv("HANDOVER_CALLS"); text != "" {
		if calls, err = strconv.Atoi(text); err != nil || calls < 1 || calls > 380 { // two pairs of 850 for each
			t.Fatalf("HANDOVER_CALLS=%q: want a number from 1 to 380", text)
		}
	}
	if text := os.Getenv("HANDOVER_GAP"); text != "" {
		if gap, err = time.ParseDuration(text); err != nil || gap <= 0 {
			t.Fatalf("HANDOVER_GAP=%q: want a duration such as 2s", text)
		}
	}
	return calls, gap
}

// A planned restart: the next run has the ports again, and both ends, who know
// nothing of it, go on talking through them: before the edge says that it is ready,
// and from then on without a loss. Other calls have their ports again, too.
func TestMediaOutlivesAPlannedRestart(t *testing.T) {
	t.Parallel()
	calls, bound := handedOver(t)
	l, edge := lab.Open(t, anchorEdits...)
	others := strconv.Itoa(calls)
	answering := l.Gateway("speakops-a", "uas_answered", calls)
	calling := l.CallAt("127.0.0.1", "uac_answered", "-s", speakopsNumber, "-key", "gateway", "speakops-a", "-m", others, "-l", others, "-rp", "100", "-d", "14000")
	a, b := newHandset(t), newHandset(t)
	caller, gateway := call(l, a, b, 12000)
	var talking sync.WaitGroup
	ended := make(chan struct{})
	for _, h := range []*handset{a, b} {
		talking.Go(func() {
			for {
				select {
				case <-ended:
					return
				case <-time.After(20 * time.Millisecond):
					h.sends(h.packet())
				}
			}
		})
	}
	lab.Until(t, 5*time.Second, "both to hear each other", func() bool { return len(a.heard()) > 20 && len(b.heard()) > 20 })
	stands := standing{up: calls + 1, dialogs: calls + 1, anchored: calls + 1, ports: 2 * (calls + 1)}
	lab.Until(t, 10*time.Second, "all calls to be up", func() bool { return standingOf(t, edge) == stands })
	asked := time.Now()
	edge.Signal(syscall.SIGUSR2)
	if code, gone := edge.Wait(10 * time.Second); !gone || code != 0 {
		t.Fatalf("handing over: ended %v, exit code %d", gone, code)
	}
	before := map[string]int{"caller": len(a.heard()), "callee": len(b.heard())}
	edge = l.Serve("edge")
	ready := time.Now() // calls are taken again; media must be carried by now
	if got := standingOf(t, edge); got != stands {
		t.Errorf("calls held %+v, and after the restart %+v", stands, got)
	}
	t.Logf("%d calls were up; asked to end until ready again: %v", calls+1, ready.Sub(asked).Round(time.Millisecond))
	lab.Until(t, 10*time.Second, "both to hear each other again", func() bool { return len(a.heard()) > before["caller"]+50 && len(b.heard()) > before["callee"]+50 })
	for name, h := range map[string]*handset{"caller": a, "callee": b} {
		got := h.heard()
		gap := silence(got)
		if t.Logf("the %s heard nothing for %v", name, gap.Round(time.Millisecond)); bound > 0 && gap > bound {
			t.Errorf("the %s heard nothing for %v; the bound is %v", name, gap, bound)
		}
		first := slices.IndexFunc(got, func(one heard) bool { return one.at.After(ready) })
		if first == before[name] {
			t.Errorf("the %s heard nothing before the edge was ready", name)
		}
		for i := first + 1; i < len(got); i++ {
			if was, is := number(got[i-1]), number(got[i]); is != was+1 {
				t.Errorf("the %s missed a packet when the edge was ready: %d behind %d", name, is, was)
				break
			}
		}
	}
	caller.Passed()
	gateway.Passed()
	close(ended)
	talking.Wait()
	calling.Passed()
	answering.Passed()
}

// silence is the longest time without a packet.
func silence(got []heard) (gap time.Duration) {
	for i := range got[1:] {
		gap = max(gap, got[i+1].at.Sub(got[i].at))
	}
	return gap
}

// number is a packet's sequence number.
func number(one heard) uint16 { return binary.BigEndian.Uint16(one.data[2:]) }
