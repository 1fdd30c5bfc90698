package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing/feed"
)

// Names of the demo gateways; the first two share the legacy route.
const (
	LegacyA   = "legacy-a"
	LegacyB   = "legacy-b"
	SpeakOpsA = "speakops-a"
)

// Number is one demo number, in the words of the store, and what happens to
// those who dial it.
type Number struct {
	PublicNumber, NumberType                  string
	PortingState, RoutingAuthority            string
	CurrentServingProvider, UnderlyingCarrier string
	CustomerAssignment                        string
	Override, OverrideReason                  string
	Manners                                   map[string]Manner // by gateway; Answers where nothing is said
	Happens                                   string            // one line for people
}

// Manner is how a gateway treats a call.
type Manner uint8

// The manners.
const (
	Answers Manner = iota // rings, then answers and plays its tone
	Busy                  // 486
	Rings                 // until someone gives up
	Fails                 // 500, and the next gateway is tried
)

// Numbers are the demo numbers. They are of the ranges set aside for fiction.
func Numbers() []Number {
	legacy := Number{NumberType: "local", PortingState: "draft", RoutingAuthority: "legacy", CurrentServingProvider: "northern", UnderlyingCarrier: "northern-lec"}
	ours := Number{NumberType: "local", PortingState: "settled", RoutingAuthority: "speakops", CurrentServingProvider: "speakops", UnderlyingCarrier: "southern-lec", CustomerAssignment: "acme"}
	with := func(n Number, number, happens string, change func(*Number)) Number {
		n.PublicNumber, n.Happens = number, happens
		if change != nil {
			change(&n)
		}
		return n
	}
	return []Number{
		with(legacy, "+12025550100", "no port yet: legacy answers with a low tone", nil),
		with(legacy, "+12025550102", "its port is armed and not yet active: legacy answers", func(n *Number) { n.PortingState, n.CustomerAssignment = "armed", "acme" }),
		with(ours, "+12025550120", "its port is settled: SpeakOps answers with three rising notes", nil),
		with(ours, "+12025550121", "its port is just through: SpeakOps answers", func(n *Number) { n.PortingState = "ported" }),
		with(ours, "+18005550123", "toll-free: SpeakOps answers", func(n *Number) { n.NumberType, n.UnderlyingCarrier = "toll_free", "" }),
		with(legacy, "+12025550140", "busy: 486", func(n *Number) { n.Manners = map[string]Manner{LegacyA: Busy, LegacyB: Busy} }),
		with(ours, "+12025550141", "rings for ever: the edge gives up after 20 s, 480", func(n *Number) { n.Manners = map[string]Manner{SpeakOpsA: Rings} }),
		with(legacy, "+12025550142", "legacy-a fails, legacy-b answers", func(n *Number) { n.Manners = map[string]Manner{LegacyA: Fails} }),
		with(legacy, "+12025550150", "blocked by an operator: refused", func(n *Number) { n.Override, n.OverrideReason = "block", "fraud seen on this number" }),
		with(legacy, "+12025550151", "an operator sends it to SpeakOps", func(n *Number) { n.Override, n.OverrideReason = "force_speakops", "legacy trunk is down" }),
		with(legacy, "+12025550130", "nobody carries it: 404", func(n *Number) { n.PortingState, n.RoutingAuthority = "cancelled", "none" }),
	}
}

// Cutting are the numbers of the demo's port order: they change hands while a
// newcomer watches.
func Cutting() []Number {
	all := make([]Number, 10)
	for i := range all {
		all[i] = Number{
			PublicNumber: fmt.Sprintf("+1202555%04d", 160+i), NumberType: "local", PortingState: "foc_confirmed", RoutingAuthority: "legacy",
			CurrentServingProvider: "northern", UnderlyingCarrier: "northern-lec", CustomerAssignment: "globex", Happens: "changes hands with its order",
		}
	}
	return all
}

// MannerOf is how a gateway treats calls to what was dialled.
func MannerOf(numbers []Number) func(gateway, dialled string) Manner {
	manners := make(map[string]map[string]Manner, len(numbers))
	for _, n := range numbers {
		manners[n.PublicNumber] = n.Manners
	}
	return func(gateway, dialled string) Manner { return manners[dialled][gateway] }
}

// overridesLast is for how long the demo overrides are in force.
const overridesLast = 30 * 24 * time.Hour

// Fill writes the numbers below prefix, the way an operator would: as CSV,
// checked row by row and imported.
func Fill(ctx context.Context, rdb redis.UniversalClient, prefix string, numbers []Number, now time.Time) error {
	store, err := feed.NewStore(rdb, prefix, feed.StoreOptions{})
	if err != nil {
		return err
	}
	rows, err := feed.ReadRows(bytes.NewReader(table(numbers, now)), "demo numbers")
	if err != nil {
		return err
	}
	sum, err := store.Import(ctx, rows, feed.ImportOptions{})
	if err != nil {
		return err
	}
	if len(sum.Refused) > 0 {
		return fmt.Errorf("demo numbers:%d: %w", sum.Refused[0].Line, sum.Refused[0].Err)
	}
	return nil
}

func table(numbers []Number, now time.Time) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	// A csv.Writer keeps its first error, and a bytes.Buffer has none.
	_ = w.Write([]string{"public_number", "number_type", "porting_state", "routing_authority", "current_serving_provider", "underlying_carrier",
		"customer_assignment", "override", "override_from", "override_until", "override_reason", "override_author"})
	for _, n := range numbers {
		from, until, author := "", "", ""
		if n.Override != "" {
			// From a moment ago: one that began right now would hold the first calls
			// until the clock is certain that it has.
			from = now.Add(-time.Minute).UTC().Format(time.RFC3339)
			until, author = now.Add(overridesLast).UTC().Format(time.RFC3339), "sipedge dev"
		}
		_ = w.Write([]string{n.PublicNumber, n.NumberType, n.PortingState, n.RoutingAuthority, n.CurrentServingProvider, n.UnderlyingCarrier,
			n.CustomerAssignment, n.Override, from, until, n.OverrideReason, author})
	}
	w.Flush()
	return b.Bytes()
}
