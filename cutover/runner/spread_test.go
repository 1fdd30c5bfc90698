package runner

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// Whoever asks for a change hears how many replicas had it when it was committed.
func TestTheCountOfReplicasReachesWhoAsked(t *testing.T) {
	s, replica := startStore(t), startStore(t)
	rdb := redis.NewClient(&redis.Options{Addr: replica.addr()})
	defer rdb.Close()
	if err := rdb.Do(t.Context(), "REPLICAOF", "127.0.0.1", strconv.Itoa(s.port)).Err(); err != nil {
		t.Fatal(err)
	}
	until(t, "the replica", func() bool {
		info, err := rdb.Info(t.Context(), "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	list, records := some(t, 3)
	all := three(t, s, records)
	c, err := all[2].Arm(within(t, 20*time.Second), "ops-anna", "c-1", list, routing.Legacy, time.Now().Add(time.Hour).Truncate(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if c.Spread == nil || *c.Spread != (Spread{c.Revision.ID, 1, 1}) {
		t.Errorf("copied to %v", c.Spread)
	}
}
