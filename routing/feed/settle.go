package feed

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

// Settled counts what became of folding a finished cutover into its records.
type Settled struct {
	Written, Unchanged int
	Gone               int       // records that were deleted meanwhile; nothing is made in their place
	Refused            []Refusal // lines count the numbers from 1
}

// Settle writes who holds numbers after a cutover is over, and who serves them
// from then on ("" leaves that as it is). It alone changes routing_authority of
// an existing record, and it makes none. Doing it again changes nothing more.
//
// Errors: *AwayError, or the context's.
func (s *Store) Settle(ctx context.Context, operation string, numbers []routing.PublicNumber, to routing.RoutingAuthority, serving routing.ProviderID) (Settled, error) {
	set := []string{fieldRoutingAuthority, to.String()}
	if serving != "" {
		set = append(set, fieldCurrentServing, string(serving))
	}
	return s.amend(ctx, operation, numbers, set)
}

// Advance writes a porting state into records that exist, where it is a legal step
// from what they say; a *TransitionError among the refusals where it is not. It
// makes no record.
//
// Errors: *AwayError, or the context's.
func (s *Store) Advance(ctx context.Context, numbers []routing.PublicNumber, to routing.PortingState) (Settled, error) {
	return s.amend(ctx, "", numbers, []string{fieldPortingState, to.String()})
}

// amend writes the same into many records.
func (s *Store) amend(ctx context.Context, operation string, numbers []routing.PublicNumber, set []string) (Settled, error) {
	rows, fields := make([]Row, len(numbers)), pack(set)
	for i, n := range numbers {
		rows[i] = Row{Line: i + 1, Number: n, fields: fields}
	}
	im := &importer{store: s, opts: ImportOptions{Operation: operation}, verb: "settle"}
	results := make([]rowResult, len(rows))
	var out Settled
	for from := 0; from < len(rows); from += importPage {
		page := min(from+importPage, len(rows))
		if err := im.write(ctx, rows[from:page], results[from:page]); err != nil {
			return out, err
		}
	}
	for i, r := range results {
		switch {
		case r.err != nil:
			out.Refused = append(out.Refused, Refusal{rows[i].Line, r.err})
		case r.outcome == NotThere:
			out.Gone++
		case r.outcome == Unchanged:
			out.Unchanged++
		default:
			out.Written++
		}
	}
	return out, nil
}

// Spread waits until the replicas of every master that holds one of the numbers
// have all that was written before, at most within, and says how many are
// connected and how many have it: the sum over masters.
func (s *Store) Spread(ctx context.Context, numbers []routing.PublicNumber, within time.Duration) (have, connected int, err error) {
	asked := map[string]bool{}
	for _, n := range numbers {
		p := Partition(n)
		master, err := s.master(ctx, p)
		if err != nil {
			return have, connected, &AwayError{Address(s.rdb), err}
		}
		if asked[master.Options().Addr] {
			continue
		}
		asked[master.Options().Addr] = true
		h, c, err := spread(ctx, master, s.keys.meta(p), within)
		if err != nil {
			return have, connected, &AwayError{master.Options().Addr, err}
		}
		have, connected = have+h, connected+c
	}
	return have, connected, nil
}

func (s *Store) master(ctx context.Context, p int) (*redis.Client, error) {
	switch c := s.rdb.(type) {
	case *redis.Client:
		return c, nil
	case *redis.ClusterClient:
		return c.MasterForKey(ctx, s.keys.meta(p))
	}
	return nil, fmt.Errorf("a client of type %T has no master", s.rdb)
}

// spread writes a mark and waits for it: WAIT counts what its own connection has
// written, and replicas take writes in order.
func spread(ctx context.Context, master *redis.Client, meta string, within time.Duration) (have, connected int, err error) {
	conn := master.Conn()
	defer func() { _ = conn.Close() }()
	role, err := conn.Do(ctx, "role").Slice()
	if err != nil {
		return 0, 0, err
	}
	if len(role) == 3 {
		if replicas, ok := role[2].([]any); ok {
			connected = len(replicas)
		}
	}
	if err := conn.HSet(ctx, meta, "settled", strconv.FormatInt(time.Now().UnixMicro(), 10)).Err(); err != nil || connected == 0 {
		return 0, connected, err
	}
	n, err := conn.Wait(ctx, connected, within).Result()
	return min(int(n), connected), connected, err
}

// Holders reads who the store itself says holds numbers, and yields each that
// has a record.
func (s *Store) Holders(ctx context.Context, numbers []routing.PublicNumber, yield func(routing.PublicNumber, routing.RoutingAuthority)) error {
	for from := 0; from < len(numbers); from += importPage {
		page := numbers[from:min(from+importPage, len(numbers))]
		cmds := make([]*redis.SliceCmd, len(page))
		_, _ = s.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
			for i, n := range page {
				cmds[i] = pipe.HMGet(ctx, s.keys.record(n), fieldRoutingAuthority, fieldTombstone)
			}
			return nil
		}) // every command carries its own error
		for i, cmd := range cmds {
			got, err := cmd.Result()
			switch {
			case err != nil && wrongType(err):
				return &KeyError{s.keys.record(page[i]), "it is not a hash"}
			case err != nil:
				return &AwayError{Address(s.rdb), err}
			case got[0] == nil || got[1] != nil:
				continue
			}
			a, err := routing.ParseRoutingAuthority(got[0].(string))
			if err != nil {
				return &KeyError{s.keys.record(page[i]), err.Error()}
			}
			yield(page[i], a)
		}
	}
	return nil
}
