package feed

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// Only settling changes who holds an existing number; it makes none, and its
// repeat changes nothing more.
func TestSettleAloneChangesWhoHoldsANumber(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		here, gone := number(t, "+12025550143"), number(t, "+12025550144")
		was := routing.Number{PublicNumber: here, NumberType: routing.Local, PortingState: routing.Ported, RoutingAuthority: routing.Legacy, CurrentServingProvider: "north", CustomerAssignment: "acme"}
		put(t, s, was)
		was.RoutingAuthority = routing.SpeakOps
		var refused *AuthorityError
		if _, err := s.Put(ctx, "", was, Any); !errors.As(err, &refused) {
			t.Fatalf("a put changes who holds a number: %v", err)
		}
		all := []routing.PublicNumber{here, gone}
		if r, err := s.Settle(ctx, "settle/c-7/1", all, routing.SpeakOps, "speakops"); err != nil || r.Written != 1 || r.Gone != 1 || len(r.Refused) != 0 {
			t.Fatalf("%+v %v", r, err)
		}
		got, ok, err := s.Get(ctx, here)
		if err != nil || !ok || got.RoutingAuthority != routing.SpeakOps || got.CurrentServingProvider != "speakops" || got.CustomerAssignment != "acme" || got.PortingState != routing.Ported {
			t.Fatalf("%+v %v %v", got, ok, err)
		}
		if _, ok, _ := s.Get(ctx, gone); ok {
			t.Fatal("settling made a record")
		}
		if r, err := s.Settle(ctx, "", all, routing.SpeakOps, "speakops"); err != nil || r.Unchanged != 1 || r.Written != 0 {
			t.Fatalf("once more: %+v %v", r, err)
		}
		found := map[routing.PublicNumber]routing.RoutingAuthority{}
		if err := s.Holders(ctx, all, func(n routing.PublicNumber, a routing.RoutingAuthority) { found[n] = a }); err != nil || len(found) != 1 || found[here] != routing.SpeakOps {
			t.Fatalf("%v %v", found, err)
		}
	})
}

// An order arms on the commitment it has; by hand nothing is armed, and neither
// way leads where no port goes.
func TestAdvanceTakesLegalStepsOnly(t *testing.T) {
	both(t, func(t *testing.T, rdb *redis.Client) {
		ctx := context.Background()
		s := store(t, rdb)
		n := routing.Number{PublicNumber: number(t, "+12025550143"), NumberType: routing.Local, PortingState: routing.FOCConfirmed, RoutingAuthority: routing.Legacy}
		put(t, s, n)
		all := []routing.PublicNumber{n.PublicNumber, number(t, "+12025550144")}
		var step *TransitionError
		if r, err := s.Advance(ctx, all, routing.Ported); err != nil || len(r.Refused) != 1 || !errors.As(r.Refused[0].Err, &step) || step.From != "foc_confirmed" {
			t.Fatalf("%+v %v", r, err)
		}
		n.PortingState = routing.Armed
		if _, err := s.Put(ctx, "", n, Any); !errors.As(err, &step) {
			t.Fatalf("armed by hand: %v", err)
		}
		if r, err := s.Advance(ctx, all, routing.Armed); err != nil || r.Written != 1 || r.Gone != 1 {
			t.Fatalf("%+v %v", r, err)
		}
		if got, _, _ := s.Get(ctx, n.PublicNumber); got.PortingState != routing.Armed || got.RoutingAuthority != routing.Legacy {
			t.Fatalf("%+v", got)
		}
	})
}

// What was settled is counted on the replicas, and a replica that is not there is
// not waited for.
func TestSpreadCountsReplicas(t *testing.T) {
	master := startServer(t)
	rdb := client(t, master.addr)
	s := store(t, rdb)
	n := routing.Number{PublicNumber: number(t, "+12025550143"), NumberType: routing.Local, RoutingAuthority: routing.Legacy}
	put(t, s, n)
	all := []routing.PublicNumber{n.PublicNumber}
	if have, of, err := s.Spread(t.Context(), all, time.Second); err != nil || have != 0 || of != 0 {
		t.Fatalf("%d of %d, %v", have, of, err)
	}
	replicaOf(t, master)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		have, of, err := s.Spread(t.Context(), all, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if have == 1 && of == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d", have, of)
		}
	}
}
