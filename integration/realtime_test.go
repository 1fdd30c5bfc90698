package integration

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// Where the kernel gives no real-time priority, the log says so and what allows it, and
// calls are anchored all the same; an edge that must have it does not start.
func TestMediaWithoutPriority(t *testing.T) {
	t.Parallel()
	var without []string
	if os.Geteuid() == 0 { // who is not root lacks it anyway
		without = []string{"setpriv", "--bounding-set", "-sys_nice"}
	}
	l := lab.New(t, anchorEdits...)
	l.Import()
	edge := l.Start("edge", without...)
	edge.UntilReady()
	for _, says := range []string{"media packets wait their turn", "media.realtime", "LimitRTPRIO=1"} {
		if !strings.Contains(edge.Text(), says) {
			t.Errorf("the log does not say %q:\n%s", says, edge.Text())
		}
	}
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
	mediaCDRs(t, l, 1)
	edge.Kill()

	l.Edit("media: {", "media: { realtime: true,")
	edge = l.Start("edge", without...)
	if code, ended := edge.Wait(20 * time.Second); !ended || code == 0 || !strings.Contains(edge.Text(), "or write realtime: false") {
		t.Errorf("ended %v, exit code %d\n%s", ended, code, edge.Text())
	}
}
