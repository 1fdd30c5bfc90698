package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// partNumbers is how many numbers go into one part of a list: what one script
// claims in a few milliseconds.
const partNumbers = 2500

// PutList keeps a list in the store, part by part. Keeping it again is harmless.
// An unclaimed list goes after a day.
func (l *Ledger) PutList(ctx context.Context, list cutover.List) error {
	parts := cut(list.Encode())
	for i, text := range parts {
		a, _, err := l.run(ctx, request{step: listStep, key: l.keys.list(list.ID()),
			args: []any{"put", i, string(text), len(parts), list.Len()}})
		if err != nil {
			return err
		}
		if i == 0 && a.text["complete"] == "1" && len(parts) > 1 {
			break // it was there
		}
	}
	// What was there may be another's: it counts only if its content says so.
	_, err := l.List(ctx, list.ID())
	return err
}

// cut cuts an encoded list behind every partNumbers lines.
func cut(text []byte) [][]byte {
	var parts [][]byte
	from, lines := 0, 0
	for i, c := range text {
		if c != '\n' {
			continue
		}
		if lines++; lines == partNumbers || i == len(text)-1 {
			parts = append(parts, text[from:i+1])
			from, lines = i+1, 0
		}
	}
	return parts
}

// List reads a list and checks that it is the one of that ID. *ListError when
// the store does not have it.
func (l *Ledger) List(ctx context.Context, id cutover.ListID) (cutover.List, error) {
	var text bytes.Buffer
	for part, parts := 0, 1; part < parts; part++ {
		a, _, err := l.run(ctx, request{step: listStep, key: l.keys.list(id), args: []any{"get", part}})
		if refused, ok := spoken(err); ok && refused.word == "unlisted" {
			err = fmt.Errorf("ledger: list: %w", &ListError{List: id, Problem: "the store does not have it; bring it again"})
		}
		if err != nil {
			return cutover.List{}, err
		}
		text.WriteString(a.text["text"])
		parts = int(a.number("parts"))
	}
	list, err := cutover.DecodeList(id, text.Bytes())
	if err != nil {
		return cutover.List{}, fmt.Errorf("ledger: list: %w", &ListError{List: id, Problem: fmt.Sprintf("what the store has under this name is another one (%v); delete redis key %s and bring it again", err, l.keys.list(id))})
	}
	return list, nil
}

// Reclaim brings the lists of a committed revision back to a store that has lost
// them, and their numbers to the index; lists are those the caller has. A cutover
// whose numbers are all there costs one call.
func (l *Ledger) Reclaim(ctx context.Context, g cutover.Generation, rev *cutover.Revision, lists []cutover.List) error {
	return l.claimAll(ctx, Proposal{Generation: g, Revision: rev, Lists: lists})
}

// claimAll claims the numbers of every cutover of a proposal.
func (l *Ledger) claimAll(ctx context.Context, p Proposal) error {
	for i := range p.Revision.Schedule {
		c := &p.Revision.Schedule[i]
		taken, err := l.claim(ctx, p, c)
		if err != nil {
			return err
		}
		// Cutovers of the proposal itself are not live yet, so that one takes
		// numbers from another is how an overlap between them shows.
		for _, other := range taken {
			if o := p.Revision.Cutover(other); o != nil {
				return l.meet(ctx, p, c, o)
			}
		}
	}
	return nil
}

func (l *Ledger) claim(ctx context.Context, p Proposal, c *cutover.Cutover) (taken []cutover.ID, err error) {
	part := "0"
	// Each answer is a part further, but for a list that must be brought first
	// and for others who want the same numbers.
	for range 4*cutover.MaxList/partNumbers + 16 {
		a, _, err := l.run(ctx, request{step: claimStep, generation: p.Generation, key: l.keys.list(c.List), args: []any{string(c.ID), string(c.List), part}})
		refused, ok := spoken(err)
		switch {
		case ok && refused.word == "unlisted":
			if err := l.bring(ctx, p, c); err != nil {
				return nil, err
			}
			continue
		case ok && refused.word == "relisted":
			return nil, fmt.Errorf("ledger: claim: %w", &ListError{c.List, c.ID, "it has other numbers already; drop it and plan a new one"})
		case ok && refused.word == "overlap":
			return nil, fmt.Errorf("ledger: claim: %w", &OverlapError{c.ID, cutover.ID(refused.text["other"]), refused.text["number"], int(refused.number("count"))})
		case err != nil:
			return nil, err
		}
		taken = append(taken, linesOf[cutover.ID](a.text["taken"])...)
		if a.text["next"] == a.text["parts"] {
			if n := a.number("count"); int(n) != c.Count {
				return nil, fmt.Errorf("ledger: claim: %w", &ListError{c.List, c.ID, fmt.Sprintf("it has %d numbers, not %d; correct the count", n, c.Count)})
			}
			return taken, nil
		}
		part = a.text["next"]
	}
	return nil, fmt.Errorf("ledger: claim: %w", &ListError{c.List, c.ID, "another proposal claims its numbers all the time; see which one, and agree"})
}

// bring uploads a list that the store lacks, from whoever has it.
func (l *Ledger) bring(ctx context.Context, p Proposal, c *cutover.Cutover) error {
	i := slices.IndexFunc(p.Lists, func(list cutover.List) bool { return list.ID() == c.List })
	if i >= 0 {
		return l.PutList(ctx, p.Lists[i])
	}
	if l.opts.Lists == nil {
		return fmt.Errorf("ledger: claim: %w", &ListError{c.List, c.ID, "neither the store nor this proposal has it; bring it again"})
	}
	list, err := l.opts.Lists(c.List)
	if err != nil {
		return fmt.Errorf("ledger: claim: %w", &ListError{c.List, c.ID, fmt.Sprintf("the store has lost it, and so has this edge (%v); bring it again", err)})
	}
	return l.PutList(ctx, list)
}

// meet names the number that two cutovers of one proposal share.
func (l *Ledger) meet(ctx context.Context, p Proposal, a, b *cutover.Cutover) error {
	one, err := l.List(ctx, a.List)
	if err != nil {
		return err
	}
	other, err := l.List(ctx, b.List)
	if err != nil {
		return err
	}
	n, ok := one.Meets(other)
	if !ok {
		return nil // another had taken them in between
	}
	return fmt.Errorf("ledger: claim: %w", &OverlapError{a.ID, b.ID, n.String(), 1})
}

// Swept is what a sweep took away.
type Swept struct {
	Numbers int // entries of the number -> cutover index
	Claims  int // that came to nothing
}

// Sweep takes away what cutovers that are over, and proposals that came to
// nothing since an hour, have left in the index. It works in small steps; an
// edge calls it now and then.
func (l *Ledger) Sweep(ctx context.Context) (Swept, error) { return l.sweep(ctx, time.Hour) }

func (l *Ledger) sweep(ctx context.Context, idle time.Duration) (s Swept, err error) {
	for cursor := "0"; ; {
		a, _, err := l.run(ctx, request{step: sweepStep, args: []any{cursor, 1000, strconv.FormatInt(idle.Microseconds(), 10)}})
		if err != nil {
			return s, err
		}
		s.Numbers += int(a.number("swept"))
		s.Claims += int(a.number("released"))
		if cursor = a.text["cursor"]; cursor == "0" {
			return s, nil
		}
	}
}
