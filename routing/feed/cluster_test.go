package feed

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startNode is one node of a cluster. Its bus gets a port of its own, since
// 10,000 above the other is often none.
func startNode(t testing.TB) *server {
	return startServer(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", fmt.Sprint(freePort(t)),
		"--cluster-config-file", "nodes.conf")
}

// startCluster is three masters that share the slots.
func startCluster(t *testing.T) (nodes []*redis.Client, addrs []string) {
	t.Helper()
	ctx := context.Background()
	var bus []string
	for i := range 3 {
		srv := startNode(t)
		nodes, addrs = append(nodes, client(t, srv.addr)), append(addrs, srv.addr)
		bus = append(bus, srv.args[5])
		first, last := i*16384/3, (i+1)*16384/3-1
		if err := nodes[i].ClusterAddSlotsRange(ctx, first, last).Err(); err != nil {
			t.Fatal(err)
		}
		if err := nodes[i].Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < 3; i++ {
		host, port, _ := net.SplitHostPort(addrs[i])
		if err := nodes[0].Do(ctx, "CLUSTER", "MEET", host, port, bus[i]).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		eventually(t, "the cluster is up", func() bool {
			info := n.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return nodes, addrs
}

// move takes a slot to another node while it is used.
func move(t *testing.T, slot int64, from, to *redis.Client, all []*redis.Client) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	source, target := from.ClusterMyID(ctx).Val(), to.ClusterMyID(ctx).Val()
	must(to.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", source).Err())
	must(from.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", target).Err())
	host, port, _ := net.SplitHostPort(to.Options().Addr)
	for {
		keys, err := from.ClusterGetKeysInSlot(ctx, int(slot), 5).Result()
		must(err)
		if len(keys) == 0 {
			break
		}
		args := []any{"MIGRATE", host, port, "", 0, 1000, "KEYS"}
		for _, key := range keys {
			args = append(args, key)
		}
		must(from.Do(ctx, args...).Err())
		time.Sleep(20 * time.Millisecond) // others read and write in between
	}
	must(to.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", target).Err())
	for _, n := range all {
		must(n.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", target).Err())
	}
}

func TestClusterSlotMovesWhileFollowed(t *testing.T) {
	t.Parallel()
	nodes, addrs := startCluster(t)
	open := func() *redis.ClusterClient {
		rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, DialTimeout: time.Second, ReadTimeout: 2 * time.Second})
		t.Cleanup(func() { _ = rdb.Close() })
		return rdb
	}
	rdb := open()
	s := store(t, rdb)
	fill(t, s, 0, 1500)
	o := brisk
	o.Patience = time.Second
	f, table := following(t, open(), o)
	loaded(t, f)
	if table.Len() != 1500 {
		t.Fatalf("%d numbers", table.Len())
	}

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	latest := make(map[routing.PublicNumber]routing.Number)
	moved := Partition(nth(0))
	var written atomic.Int64
	running.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			n := legacy(nth(i % 1500))
			if i%10 != 0 && Partition(n.PublicNumber) != moved {
				continue // most writes go to what moves
			}
			n.LegacyRoute = routing.RouteID(fmt.Sprint("w", i))
			// A slot that is moving refuses a write now and then (TRYAGAIN); the writer
			// asks again under the same operation.
			for ctx.Err() == nil {
				if _, err := s.Put(ctx, fmt.Sprint("w", i), n, Any); err == nil {
					latest[n.PublicNumber] = n
					written.Add(1)
					break
				}
				wait(ctx, 5*time.Millisecond)
			}
			wait(ctx, time.Millisecond)
		}
	})
	running.Go(func() { neverBack(ctx, t, table, 1500) })

	slot := nodes[0].ClusterKeySlot(ctx, s.keys.meta(moved)).Val()
	from := ownerOf(slot)
	move(t, slot, nodes[from], nodes[(from+1)%3], nodes)
	eventually(t, "the feed is fresh after the move", func() bool { return f.Age() < 700*time.Millisecond && f.Stats().Away == nil })
	during := written.Load()
	eventually(t, "there are writes to where it lives now", func() bool { return written.Load() >= max(50, during+20) })
	cancel()
	running.Wait()
	for _, n := range latest {
		eventually(t, "the latest write of "+n.PublicNumber.String()+" is there", holds(table, n))
	}
	compared := f.Stats().Compared
	eventually(t, "digests agree", func() bool { return f.Stats().Compared >= compared+2*Partitions })
	if st := f.Stats(); table.Len() != 1500 || st.Lost != 0 || st.Disputed != 0 {
		t.Fatalf("%d numbers, %+v", table.Len(), st)
	}
}

// ownerOf is which of the three nodes has a slot at first.
func ownerOf(slot int64) int {
	for i := range 3 {
		if int(slot) < (i+1)*16384/3 {
			return i
		}
	}
	return 2
}
