package feed

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

// RoleError says that the store answers and is no master: it was demoted, and
// what it says is as old as its link to the new one.
type RoleError struct {
	Address string
	Role    string // "slave"
	Master  string // host:port of its master as it says, for people to read
}

func (e *RoleError) Error() string {
	return fmt.Sprintf("redis at %.80s is a replica of %.80s; what it says may be old: follow the master", e.Address, e.Master)
}

// role is what one server says about its own part.
type role struct {
	isReplica bool
	master    string
	history   string // replication id: changes with each promotion and restart
	before    string // replication id of the master that this one succeeded
}

// SucceededError says that the store answers as a master whose place another
// one has taken: it was cut off from the others, and does not know.
type SucceededError struct{ Address, History string }

func (e *SucceededError) Error() string {
	return fmt.Sprintf("redis at %.80s calls itself master, but another one has taken its place (replication id %.40s was left behind); what it says may be old", e.Address, e.History)
}

// MovedError says that Sentinel names another master than the one followed.
type MovedError struct{ Followed, Named string }

func (e *MovedError) Error() string {
	return fmt.Sprintf("Sentinel names redis at %.80s as master, no longer %.80s", e.Named, e.Followed)
}

// readRole reads the replication section of INFO. A server that does not know
// the section, as those inside tests, is a master without a history.
func readRole(text string) (r role) {
	var host, port string
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "role":
			r.isReplica = value == "slave"
		case "master_host":
			host = value
		case "master_port":
			port = value
		case "master_replid":
			r.history = value
		case "master_replid2":
			r.before = value
		}
	}
	if r.isReplica {
		r.master = printableOnly(host + ":" + port)
	}
	return r
}

// asksRole adds the question to a pipeline. In a cluster it is not asked: there
// a demoted node answers MOVED by itself.
func asksRole(ctx context.Context, src *source, pipe redis.Pipeliner) *redis.StringCmd {
	if src.cluster() {
		return nil
	}
	return pipe.Info(ctx, "replication")
}

// maxLeft bounds the masters that are remembered as succeeded.
const maxLeft = 64

// believes says whether the server that answered may be believed.
func (f *Feed) believes(cmd *redis.StringCmd) error {
	if cmd == nil {
		return nil
	}
	text, err := cmd.Result()
	switch {
	case err != nil && unsupported(err):
		return nil
	case err != nil:
		return err
	}
	r := readRole(text)
	if r.isReplica {
		f.counts.demoted.Add(1)
		return &RoleError{Address(f.rdb), "slave", r.master}
	}
	if slices.Contains(f.left, r.history) {
		f.counts.demoted.Add(1)
		return &SucceededError{Address(f.rdb), r.history}
	}
	if f.history != "" && f.history != r.history {
		if r.before == f.history {
			// A replica was promoted in its place. Should that master come back before
			// anyone has told it, it is not believed.
			f.left = append(f.left[max(0, len(f.left)-maxLeft+1):], f.history)
		}
		// Another master, or the same one after a restart. What it lacks shows in
		// seq or digest, and each partition's is compared with its next answer.
		f.counts.histories.Add(1)
		f.disputes = [Partitions]dispute{}
		f.opts.Log.Warn("the store continues with another history; every partition is compared", "redis", Address(f.rdb))
	}
	f.history = r.history
	return nil
}

// unsupported is how stores that are no redis-server answer INFO.
func unsupported(err error) bool {
	text := err.Error()
	return strings.Contains(text, "unknown command") || strings.Contains(text, "is not supported")
}
