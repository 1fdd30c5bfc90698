package sipedge

import (
	"hash/maphash"
	"testing"
	"time"

	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/records"
)

// A dialog that is lost to a panic holds nothing any more.
func TestDroppedDialogHoldsNothing(t *testing.T) {
	e := &Edge{metrics: observe.NewMetrics(Words()), numbers: ratelimit.NewNumbers(ratelimit.Limits{Concurrent: 1}, 0, time.Now())}
	s := newShard(e, maphash.MakeSeed())
	one := &trunk{limits: ratelimit.NewLimiter(ratelimit.Limits{}, time.Now())}
	one.limits.Adopt()
	d := &dialog{id: e.newCallID(), trunk: one, held: records.HeldTrunk | records.HeldNumber, pass: e.numbers.Adopt(12025550143)}
	s.remember(d, 1)
	s.lose(d)
	if _, v := e.numbers.Admit(12025550143, time.Now()); v != ratelimit.Admitted {
		t.Error("its number counts it still")
	}
	if one.limits.Up() != 0 || e.metrics.Dialogs.Value() != 0 || len(s.dialogs) != 0 || len(s.timers.heap) != 0 {
		t.Errorf("left: %d in the trunk, gauge at %d, %d dialogs, %d timers", one.limits.Up(), e.metrics.Dialogs.Value(), len(s.dialogs), len(s.timers.heap))
	}
}
