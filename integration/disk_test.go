package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// The disk of an edge is full in the middle of its calls: records, journals and
// snapshots alike have no room. No call notices; the edge says so, stays ready,
// and once there is room every line that waited is written. The streams in Redis
// have had them all along.
func TestFullDiskStopsNoCall(t *testing.T) {
	t.Parallel()
	const calls = 150
	l := lab.New(t, lab.Edit{Old: "admin:\n", New: "records: { redis_stream: true }\n\nadmin:\n"})
	l.Import()
	edge := l.ServeOnDisk("edge", 8<<20)
	gateway := l.Gateway("legacy-a", "uas_answered", 2*calls)
	l.Call("uac_answered", legacyNumber, "legacy-a", "-m", "20", "-r", "50").Passed()

	free := edge.FillDisk()
	l.Call("uac_answered", legacyNumber, "legacy-a", "-m", "130", "-r", "50").Passed()
	lab.Until(t, 10*time.Second, "the edge to say that it cannot write", func() bool {
		code, body := edge.Get("/readyz")
		return code == 200 && strings.Contains(body, `"records"`)
	})
	if edge.Metric("sipedge_records_failing") < 2 {
		t.Error("decisions and call detail records have no room, and no metric says so")
	}
	if out, err := edge.Ask("status"); err != nil || !strings.Contains(out, "no space left") {
		t.Errorf("cutoverctl status: %v\n%s", err, out)
	}
	free()
	lab.Until(t, 10*time.Second, "the edge to write again", func() bool { return edge.Metric("sipedge_records_failing") == 0 })
	l.Call("uac_answered", legacyNumber, "legacy-a", "-m", "150", "-r", "50").Passed()
	gateway.Passed()
	if n, c := len(edge.Decisions(2*calls)), len(edge.CDRs(2*calls)); n != 2*calls || c != 2*calls {
		t.Errorf("%d decisions and %d call detail records of %d calls", n, c, 2*calls)
	}
	if lost := edge.Metric("sipedge_records_lost_total"); lost != 0 {
		t.Errorf("%v records found no room in memory, which was nearly empty", lost)
	}
	rdb := l.Redis.Client()
	defer rdb.Close()
	for _, name := range []string{"decisions", "cdr"} {
		lab.Until(t, 10*time.Second, "all "+name+" in the Redis stream", func() bool {
			return rdb.XLen(t.Context(), "lab:records:"+name).Val() == 2*calls
		})
	}
	text := edge.Text()
	for _, said := range []string{"records cannot be written", "records are written again"} {
		if n := strings.Count(text, said); n < 1 || n > 3 { // once for decisions, CDRs and the journal
			t.Errorf("the log says %q %d times", said, n)
		}
	}
}
