package ledger

import (
	_ "embed"

	"github.com/redis/go-redis/v9"
)

//go:embed scripts/common.lua
var common string

// Every script is common.lua and one of these.
var (
	//go:embed scripts/abort.lua
	abortSource string
	//go:embed scripts/ack.lua
	ackSource string
	//go:embed scripts/adopt.lua
	adoptSource string
	//go:embed scripts/barrier.lua
	barrierSource string
	//go:embed scripts/beat.lua
	beatSource string
	//go:embed scripts/begin.lua
	beginSource string
	//go:embed scripts/claim.lua
	claimSource string
	//go:embed scripts/doc.lua
	docSource string
	//go:embed scripts/event.lua
	eventSource string
	//go:embed scripts/list.lua
	listSource string
	//go:embed scripts/note.lua
	noteSource string
	//go:embed scripts/off.lua
	offSource string
	//go:embed scripts/propose.lua
	proposeSource string
	//go:embed scripts/read.lua
	readSource string
	//go:embed scripts/recover.lua
	recoverSource string
	//go:embed scripts/report.lua
	reportSource string
	//go:embed scripts/status.lua
	statusSource string
	//go:embed scripts/sweep.lua
	sweepSource string
	//go:embed scripts/time.lua
	timeSource string
)

func script(name, source string) step { return step{name, redis.NewScript(common + source)} }

// step is one script under the name that errors give it.
type step struct {
	name string
	*redis.Script
}

var (
	abortStep   = script("abort", abortSource)
	ackStep     = script("ack", ackSource)
	adoptStep   = script("adopt", adoptSource)
	barrierStep = script("recover", barrierSource)
	beatStep    = script("heartbeat", beatSource)
	beginStep   = script("begin", beginSource)
	claimStep   = script("claim", claimSource)
	docStep     = script("document", docSource)
	eventStep   = script("event", eventSource)
	listStep    = script("list", listSource)
	noteStep    = script("journal", noteSource)
	offStep     = script("declare off", offSource)
	proposeStep = script("propose", proposeSource)
	readStep    = script("journal", readSource)
	recoverStep = script("recover", recoverSource)
	reportStep  = script("report", reportSource)
	statusStep  = script("status", statusSource)
	sweepStep   = script("sweep", sweepSource)
	timeStep    = script("time", timeSource)
)
