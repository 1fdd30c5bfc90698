package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing/feed"
)

// Options of a Ledger. The zero value means the defaults.
type Options struct {
	// WaitFor is how long a decided step waits for the replicas that are
	// connected to have it too; default 300 ms. What they lack is reported, never
	// taken back.
	WaitFor time.Duration
	// Lists gives a list of numbers that the store has lost, usually from the
	// edge's disk; nil knows none.
	Lists func(cutover.ListID) (cutover.List, error)
}

// Ledger is the chain of one store. It is safe for use by many goroutines.
type Ledger struct {
	rdb  redis.UniversalClient
	keys keys
	opts Options

	heard  func(answer) // by tests: every answer, with the store time it was given at
	breaks breaks       // tests only

	mu     sync.Mutex
	bodies known // decoded already; at most maxBodies
}

const maxBodies = 8

// New uses the chain below prefix. A prefix that cannot be part of a key is an error.
func New(rdb redis.UniversalClient, prefix string, opts Options) (*Ledger, error) {
	k, err := newKeys(prefix)
	if err != nil {
		return nil, err
	}
	if opts.WaitFor <= 0 {
		opts.WaitFor = 300 * time.Millisecond
	}
	return &Ledger{rdb: rdb, keys: k, opts: opts, bodies: make(known)}, nil
}

// Replicas is how far a step has spread when it is answered.
type Replicas struct {
	Connected int // by what the master said
	Have      int // of them, within WaitFor
}

// request is one call of a script.
type request struct {
	step       step
	generation cutover.Generation // zero for any
	key        string             // behind the fixed ones
	args       []any
	wait       bool // for replicas, once it succeeded
}

// run calls a script. The error is typed: what the script refused, or an
// *feed.AwayError when the store does not answer.
func (l *Ledger) run(ctx context.Context, r request) (answer, Replicas, error) {
	r.step = l.breaks.step(r.step)
	args := make([]any, 0, 2+len(r.args))
	if r.generation == (cutover.Generation{}) {
		args = append(args, "", "")
	} else {
		args = append(args, strconv.FormatUint(r.generation.Number, 10), r.generation.Nonce)
	}
	args = append(args, r.args...)
	reply, have, err := l.call(ctx, r, args)
	if err != nil {
		return answer{}, Replicas{}, fmt.Errorf("ledger: %s: %w", r.step.name, misfortune(l.rdb, err))
	}
	a, err := readAnswer(reply)
	if err == nil && l.heard != nil {
		l.heard(a)
	}
	if err == nil && a.word != "ok" {
		err = l.refusal(a, r)
	}
	if err != nil {
		return a, Replicas{}, fmt.Errorf("ledger: %s: %w", r.step.name, err)
	}
	return a, Replicas{Connected: int(a.number("replicas")), Have: have}, nil
}

// call runs the script and, on the same connection, waits for replicas: WAIT
// counts from the last write of its own connection only.
func (l *Ledger) call(ctx context.Context, r request, args []any) (reply any, have int, err error) {
	keys := l.keys.with(r.key)
	if !r.wait {
		reply, err = r.step.Run(ctx, l.rdb, keys, args...).Result()
		return reply, 0, err
	}
	const redirects = 3 // the slot may be moving to another node
	for try := 0; ; try++ {
		node, err := l.node(ctx)
		if err != nil {
			return nil, 0, err
		}
		conn := node.Conn()
		reply, err = r.step.Run(ctx, conn, keys, args...).Result()
		if a, bad := readAnswer(reply); err == nil && bad == nil && a.word == "ok" && a.number("replicas") > 0 {
			// A failed WAIT leaves the count at 0, and the step as done as it is.
			n, _ := conn.Wait(ctx, int(a.number("replicas")), l.opts.WaitFor).Result()
			have = int(n)
		}
		_ = conn.Close() // back to the pool
		cluster, ok := l.rdb.(*redis.ClusterClient)
		if !ok || try == redirects || !redis.HasErrorPrefix(err, "MOVED") && !redis.HasErrorPrefix(err, "ASK") && !redis.HasErrorPrefix(err, "TRYAGAIN") {
			return reply, have, err
		}
		cluster.ReloadState(ctx)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// node is the client of the server that has the chain.
func (l *Ledger) node(ctx context.Context) (*redis.Client, error) {
	switch c := l.rdb.(type) {
	case *redis.Client:
		return c, nil
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, l.keys.all[0])
	}
	return nil, fmt.Errorf("a client of type %T has no connections of its own", l.rdb)
}

func misfortune(rdb redis.UniversalClient, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &feed.AwayError{Address: feed.Address(rdb), Err: err}
}

// refusal makes a script's word an error of a type.
func (l *Ledger) refusal(a answer, r request) error {
	id := func(name string) cutover.RevisionID { return cutover.RevisionID(a.text[name]) }
	switch a.word {
	case "replica":
		return &feed.AwayError{Address: feed.Address(l.rdb), Err: &feed.RoleError{Address: feed.Address(l.rdb), Role: a.text["role"], Master: a.text["master"]}}
	case "damaged":
		return &feed.KeyError{Key: a.text["key"], Problem: a.text["problem"]}
	case "empty":
		return &EmptyError{}
	case "unrecovered":
		return &UnrecoveredError{a.generation(), a.text["changed"] == "1"}
	case "generation":
		return &GenerationError{Store: a.generation(), Caller: r.generation}
	case "alive":
		return &ExistsError{Committed: id("committed"), Number: a.number("committed_number"), Live: true}
	case "pending":
		return &PendingError{id("pending"), a.text["proposer"], a.at("deadline"), a.members("waiting")}
	case "too_soon":
		return &SoonError{a.at("differs"), a.at("earliest")}
	case "room":
		return &RoomError{a.at("earliest"), a.at("after"), a.at("before")}
	case "unsettled":
		return &UnsettledError{a.at("behind")}
	case "member":
		return &MemberError{cutover.MemberID(a.text["edge"]), a.text["problem"]}
	case "operation_reused":
		return &OperationError{}
	case "full":
		return &FullError{a.text["what"], int(a.number("most"))}
	}
	return &word{a}
}

// word is a refusal that only the step itself can make a type of.
type word struct{ answer }

func (w *word) Error() string { return fmt.Sprintf("the store answered %.40q", w.word) }

// spoken is the answer behind a refusal that has no type of its own yet.
func spoken(err error) (answer, bool) {
	var w *word
	if errors.As(err, &w) {
		return w.answer, true
	}
	return answer{}, false
}

// known is what need not be sent again: bodies never change.
type known map[cutover.RevisionID]*cutover.Revision

func (l *Ledger) known() known {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.bodies)
}

// body is the revision of a body's text, or the one known already when the text
// was spared. nil for no id.
func (l *Ledger) body(id cutover.RevisionID, text string, k known) (*cutover.Revision, error) {
	if id == "" || text == "" && k[id] != nil {
		return k[id], nil
	}
	r, err := cutover.DecodeRevision([]byte(text))
	if err == nil && r.ID != id {
		err = fmt.Errorf("it is that of %s", r.ID)
	}
	if err != nil {
		return nil, &feed.KeyError{Key: l.keys.all[1], Problem: fmt.Sprintf("body of %s: %v", id, err)}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.bodies) >= maxBodies {
		clear(l.bodies)
	}
	l.bodies[id] = r
	return r, nil
}

// fresh is something that must never be met twice.
func fresh() string { return rand.Text() }
