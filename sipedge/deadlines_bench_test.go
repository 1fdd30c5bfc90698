package sipedge

import (
	"testing"

	"github.com/speakops/sipedge/sipedge/call"
)

// BenchmarkDeadlines sets, moves and takes one timer among as many as 3,000
// calls a second keep (RFC 6026: 32 s of each).
func BenchmarkDeadlines(b *testing.B) {
	const kept = 100_000
	var d deadlines
	all := make([]*exchange, kept)
	for i := range all {
		all[i] = &exchange{}
		all[i].head().pos = -1
		d.set(all[i], call.Instant(i))
	}
	b.ReportAllocs()
	now := call.Instant(0)
	for b.Loop() {
		tx := d.pop(now)
		for tx == nil {
			now = d.next()
			tx = d.pop(now)
		}
		d.set(tx, now+kept/2)
		d.set(tx, now+kept) // later: found out when it comes up
	}
}
