package integration

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// outpost is one edge of a fleet and a caller of its own.
type outpost struct {
	t      *testing.T
	edge   *lab.Edge
	caller *lab.Peer
	target string // the gateway, for hanging up
	up     []accepted
}

type accepted struct{ id, answer string }

// ask places one call and says whether it was let in; what is not is refused with 503.
func (h *outpost) ask() bool {
	h.t.Helper()
	id := lab.Serial()
	h.caller.Send(h.caller.Request("INVITE", legacyNumber, id, ""))
	switch code, answer := h.caller.Final(id, 20*time.Second); code {
	case 200:
		h.up = append(h.up, accepted{id, answer})
		return true
	case 503:
		h.caller.Send(h.caller.Ack(answer))
	default:
		h.t.Fatalf("a call on %s: %d\n%s", h.edge.Name, code, answer)
	}
	return false
}

// end hangs up n calls and waits until their places are free.
func (h *outpost) end(n int) {
	h.t.Helper()
	for _, c := range h.up[:n] {
		h.caller.Send(hangUp(h.caller, c.answer, c.id, h.target))
	}
	h.up = slices.Delete(h.up, 0, n)
	lab.Until(h.t, 20*time.Second, "the places of calls that ended", func() bool {
		_, body := h.edge.Get("/v1/limits")
		return strings.Contains(body, fmt.Sprintf(`"up":%d,`, len(h.up)))
	})
}

// A trunk's limit holds over three edges of one Redis: whoever has the callers gets
// the places, and all together never have more. When Redis hangs every edge keeps
// what it had, and when it is back places move again.
func TestThreeEdgesShareALimit(t *testing.T) {
	t.Parallel()
	const limit, nearly = 30, 28 // each of the others keeps room for a first call
	l := lab.New(t, lab.Edit{Old: "    session_timer: transparent", New: fmt.Sprintf("    session_timer: transparent\n    limits: { concurrent: %d }", limit)},
		lab.Edit{Old: "limits:\n", New: "limits:\n  shared: true\n"})
	l.Import()
	lab.NewGateway(t, l.GatewayPort("legacy-a"), takesCalls)
	var fleet [3]*outpost
	for i := range fleet {
		at := l
		if i > 0 {
			at = l.Beside()
			at.Edit("id: lab-1", fmt.Sprintf("id: lab-%d", i+1))
		}
		fleet[i] = &outpost{t: t, edge: at.Serve(fmt.Sprintf("edge-%d", i+1)), caller: at.Peer("udp", "127.0.0.1", 0),
			target: fmt.Sprintf("sip:127.0.0.1:%d", l.GatewayPort("legacy-a"))}
	}
	// fill lets callers ask at one edge until it has n calls up; all edges together
	// are looked at after each.
	look := func() {
		t.Helper()
		if up := len(fleet[0].up) + len(fleet[1].up) + len(fleet[2].up); up > limit {
			t.Fatalf("%d calls are up over all edges, the trunk's limit is %d", up, limit)
		}
	}
	fill := func(h *outpost, n int) {
		t.Helper()
		lab.Until(t, 30*time.Second, fmt.Sprintf("%s to have %d calls", h.edge.Name, n), func() bool {
			h.ask()
			look()
			return len(h.up) >= n
		})
	}
	silent := func(yes int) {
		t.Helper()
		for _, h := range fleet {
			lab.Until(t, 30*time.Second, "word about Redis in the log", func() bool {
				return strings.Count(h.edge.Text(), "redis is silent")-strings.Count(h.edge.Text(), "redis speaks again") == yes
			})
		}
	}

	fill(fleet[0], limit)
	if fleet[1].ask() {
		t.Error("a call on the second edge while the first has all places")
	}
	fleet[0].end(limit)
	fill(fleet[2], nearly)

	l.Redis.Signal(syscall.SIGSTOP)
	silent(1)
	fleet[2].end(nearly / 2)
	fill(fleet[2], nearly) // its last share is still its own
	for range 5 {
		for _, h := range fleet {
			h.ask()
			look()
		}
	}
	l.Redis.Signal(syscall.SIGCONT)
	silent(0)
	fleet[2].end(len(fleet[2].up))
	fleet[0].end(len(fleet[0].up))
	fill(fleet[1], nearly)
}
