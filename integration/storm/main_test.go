package storm

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/redis/go-redis/v9"
)

// quiet keeps the client of Redis from telling of every dial that failed, as is
// its habit: they fail by the thousand here.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	debug.SetGCPercent(400) // scripts make garbage, and memory there is
	m.Run()
}
