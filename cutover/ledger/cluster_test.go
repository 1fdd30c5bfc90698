package ledger

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A cluster of two masters. The chain's slot moves from one to the other: that
// one has another history, so the chain is recovered there like after a failover.
func TestClusterKeepsTheChainInOneSlot(t *testing.T) {
	t.Parallel()
	var nodes []*redis.Client
	var addrs, bus []string
	for i := range 2 {
		bus = append(bus, fmt.Sprint(freePort(t)))
		s := startReal(t, "--cluster-enabled", "yes", "--cluster-port", bus[i], "--cluster-config-file", "nodes.conf")
		nodes, addrs = append(nodes, client(t, s.addr)), append(addrs, s.addr)
		if err := nodes[i].ClusterAddSlotsRange(ctx, i*8192, i*8192+8191).Err(); err != nil {
			t.Fatal(err)
		}
		if err := nodes[i].Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			t.Fatal(err)
		}
	}
	host, port, _ := net.SplitHostPort(addrs[1])
	if err := nodes[0].Do(ctx, "CLUSTER", "MEET", host, port, bus[1]).Err(); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		eventually(t, "the cluster is up", func() bool {
			info := n.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:2")
		})
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, DialTimeout: time.Second})
	t.Cleanup(func() { _ = rdb.Close() })
	l := open(t, rdb, Options{})
	s := l.Sampler()
	t.Cleanup(func() { _ = s.Close() })
	r := first(t, l, edgeA)
	list := numbers(t, 0, 9000)
	r = agreed(t, l, r, arm(r, "c-1", list, soon(time.Hour)), list)
	must[Verified](t)(l.Verify(ctx))
	before := must[Sample](t)(s.Sample(ctx))

	slot := nodes[0].ClusterKeySlot(ctx, l.keys.all[0]).Val()
	from := int(slot / 8192)
	a, b := nodes[from], nodes[1-from]
	idA, idB := a.ClusterMyID(ctx).Val(), b.ClusterMyID(ctx).Val()
	do := func(c *redis.Client, args ...any) {
		t.Helper()
		if err := c.Do(ctx, args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	do(b, "CLUSTER", "SETSLOT", slot, "IMPORTING", idA)
	do(a, "CLUSTER", "SETSLOT", slot, "MIGRATING", idB)
	host, port, _ = net.SplitHostPort(addrs[1-from])
	args := []any{"MIGRATE", host, port, "", 0, 5000, "KEYS"}
	for _, key := range a.ClusterGetKeysInSlot(ctx, int(slot), 100).Val() {
		args = append(args, key)
	}
	do(a, args...)
	for _, n := range []*redis.Client{b, a} {
		do(n, "CLUSTER", "SETSLOT", slot, "NODE", idB)
	}
	st := must[Status](t)(l.Status(ctx))
	if !st.Changed || st.Recovered || st.Committed.ID != r.ID {
		t.Fatalf("%+v", st)
	}
	recovers(t, l, reports(t, l, 1, Head{}, journalOf(edgeA, r, nil)), r)
	agreed(t, l, r, next(r)) // redirected, and its index is whole
	if after := must[Sample](t)(s.Sample(ctx)); after.History == before.History || !after.Recovered {
		t.Fatalf("%+v, then %+v", before, after)
	}
}
