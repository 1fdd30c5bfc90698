package ladder

import (
	"sync"

	"github.com/speakops/sipedge/sipedge/observe/spans"
)

// Traces keeps the calls that spans would be made of.
type Traces struct {
	Sample float64
	mu     sync.Mutex
	Calls  []spans.Call
}

// Finished implements sipedge.Tracer.
func (t *Traces) Finished(c *spans.Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Calls = append(t.Calls, *c)
}
