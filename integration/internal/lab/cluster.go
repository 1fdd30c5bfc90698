package lab

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// RedisCluster is three real masters that share the slots of a Redis Cluster.
func RedisCluster(t testing.TB) []*Redis {
	t.Helper()
	ctx := context.Background()
	const masters, slots = 3, 16384
	var nodes []*Redis
	for i := range masters {
		bus := FreePort(t) // ten thousand above the other is often none
		nodes = append(nodes, NewRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", fmt.Sprint(bus)))
		c := nodes[i].Client()
		defer c.Close()
		if err := c.ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err(); err != nil {
			t.Fatal(err)
		}
		if err := c.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			t.Fatal(err)
		}
		first := nodes[0].Client()
		defer first.Close()
		if i > 0 {
			if err := first.Do(ctx, "CLUSTER", "MEET", nodes[i].place.host(), nodes[i].Port, bus).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range nodes {
		c := n.Client()
		defer c.Close()
		Until(t, 60*time.Second, "the cluster", func() bool {
			info := c.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", masters))
		})
	}
	return nodes
}
