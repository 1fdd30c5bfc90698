package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing/feed"
)

// Init is the operator's word that there never was a chain: an empty store starts
// a generation of that number (one above the highest the caller has promised),
// recovered, in which the first revision may be proposed. *ExistsError when there
// is a chain, here or in a report.
func (l *Ledger) Init(ctx context.Context, number uint64, who string) (cutover.Generation, Replicas, error) {
	s, err := l.Status(ctx)
	if err != nil {
		return cutover.Generation{}, Replicas{}, err
	}
	exists := func(e ExistsError) error { return fmt.Errorf("ledger: store init: %w", &e) }
	if s.Recovered || s.Committed != nil {
		e := ExistsError{}
		if s.Committed != nil {
			e.Committed, e.Number = s.Committed.ID, s.Committed.Number
		}
		return s.Generation, Replicas{}, exists(e)
	}
	g := s.Generation
	if s.Changed {
		if g, err = l.Begin(ctx, max(number, g.Number+1), g, s.Life); err != nil {
			return g, Replicas{}, err
		}
	}
	have, err := l.recover(ctx, g, who, func(e *gathered) error {
		for m, r := range e.barrier.Reports {
			if r.Committed != nil || r.Prepared != nil {
				return exists(ExistsError{Reported: []cutover.MemberID{m}})
			}
		}
		if c := e.barrier.Committed; c != nil {
			return exists(ExistsError{Committed: c.ID, Number: c.Number})
		}
		return nil
	})
	return g, have, err
}

// Begin starts a generation (rule 6). number is one above the highest the caller
// has promised; over and life are the generation and the Life of the store as the
// caller read them in its status. *GenerationError when they no longer are
// so: read the status again.
func (l *Ledger) Begin(ctx context.Context, number uint64, over cutover.Generation, life string) (cutover.Generation, error) {
	a, _, err := l.run(ctx, request{step: beginStep, generation: over, args: []any{strconv.FormatUint(number, 10), fresh(), life}})
	return a.generation(), err
}

// Report tells a generation what an edge's journal holds (rule 7). seen is the
// head of the store's journal as the edge last saw it: what the store has lost
// of it is named when it recovers. *GenerationError when the store is at another
// generation.
func (l *Ledger) Report(ctx context.Context, r cutover.Report, seen Head) error {
	if err := r.Member.Check(); err != nil {
		return fmt.Errorf("ledger: report: %w", err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("ledger: report: %w", err)
	}
	prepared, number := "", ""
	if r.Prepared != nil {
		prepared, number = string(r.Prepared.ID), strconv.FormatUint(r.Prepared.Number, 10)
	}
	_, _, err = l.run(ctx, request{step: reportStep, generation: r.Generation, args: []any{string(r.Member), string(text), seen.String(), prepared, number, micros(r.Latest)}})
	return err
}

// Recover ends the beginning of a generation if the evidence is there (rule 7);
// cutover.Blocked names what is missing. On a recovered store it does nothing.
// who is the operator whose word it is that the store has all there ever was,
// no chain or one of which no member is left; "" for nobody's.
func (l *Ledger) Recover(ctx context.Context, g cutover.Generation, who string) (Replicas, error) {
	return l.recover(ctx, g, who, func(*gathered) error { return nil })
}

// recover decides from the evidence, unless against finds something in it, and
// anew when there is more by then.
func (l *Ledger) recover(ctx context.Context, g cutover.Generation, who string, against func(*gathered) error) (Replicas, error) {
	const tries = 8 // others report meanwhile
	for range tries {
		e, err := l.evidence(ctx)
		if err == nil && e != nil {
			err = against(e)
		}
		if err != nil || e == nil {
			return Replicas{}, err
		}
		have, err := l.decide(ctx, g, e, who)
		if refused, ok := spoken(err); !ok || refused.word != "again" {
			return have, err
		}
	}
	return Replicas{}, errors.New("ledger: recover: the evidence changes all the time; try again")
}

// Adopt is the operator's word that no member of the chain is left, their disks
// included, and that what this store has is the chain: a joiner may go on from
// it. *ExistsError while a member is not declared off.
func (l *Ledger) Adopt(ctx context.Context, who string) (Replicas, error) {
	_, have, err := l.run(ctx, request{step: adoptStep, wait: true, args: []any{who}})
	return have, err
}

func (l *Ledger) decide(ctx context.Context, g cutover.Generation, e *gathered, who string) (Replicas, error) {
	e.barrier.Begin = who != ""
	v, blocked := e.barrier.Verdict(e.now)
	if len(blocked) > 0 {
		return Replicas{}, fmt.Errorf("ledger: recover: %w", blocked)
	}
	return l.apply(ctx, g, e, v, who)
}

// gathered is the evidence a recovery is decided from, and its version.
type gathered struct {
	version string
	now     time.Time
	barrier cutover.Barrier
}

// evidence reads everything that a recovery is decided from; nil when the store
// is recovered.
func (l *Ledger) evidence(ctx context.Context) (*gathered, error) {
	a, _, err := l.run(ctx, request{step: barrierStep})
	if err != nil || a.text["repeated"] != "" {
		return nil, err
	}
	e := &gathered{version: a.text["evidence"], now: a.at("now"), barrier: cutover.Barrier{
		Aborted: map[cutover.RevisionID]uint64{}, Off: map[cutover.MemberID]time.Time{}, Reports: map[cutover.MemberID]cutover.Report{}}}
	if e.barrier.Committed, err = l.body(cutover.RevisionID(a.text["committed"]), a.text["committed_body"], nil); err != nil {
		return nil, err
	}
	if e.barrier.Pending, err = l.body(cutover.RevisionID(a.text["pending"]), a.text["pending_body"], nil); err != nil {
		return nil, err
	}
	tables := map[string]func(name, value string) error{
		"aborted": func(id, value string) error {
			number, _, _ := strings.Cut(value, " ")
			n, err := strconv.ParseUint(number, 10, 64)
			e.barrier.Aborted[cutover.RevisionID(id)] = n
			return err
		},
		"off": func(edge, value string) error {
			stopped, _, _ := strings.Cut(value, " ")
			e.barrier.Off[cutover.MemberID(edge)] = instant(stopped)
			return nil
		},
		"reports": func(edge, value string) error {
			var r cutover.Report
			err := json.Unmarshal([]byte(value), &r)
			e.barrier.Reports[cutover.MemberID(edge)] = r
			return err
		},
	}
	for table, take := range tables {
		pairs, err := a.pairs(table)
		for _, p := range pairs {
			if err == nil {
				err = take(p[0], p[1])
			}
		}
		if err != nil {
			return nil, fmt.Errorf("ledger: recover: %w", &feed.KeyError{Key: l.keys.tag + table, Problem: err.Error()})
		}
	}
	e.barrier = l.breaks.barrier(e.barrier)
	return e, nil
}

func (l *Ledger) blocked(ctx context.Context) (cutover.Blocked, error) {
	e, err := l.evidence(ctx)
	if err != nil || e == nil {
		return nil, err
	}
	_, blocked := e.barrier.Verdict(e.now)
	return blocked, nil
}

// apply makes a verdict true, unless more evidence has come since.
func (l *Ledger) apply(ctx context.Context, g cutover.Generation, e *gathered, v cutover.Verdict, who string) (Replicas, error) {
	var id cutover.RevisionID
	var body []byte
	meta := ""
	if v.Base != nil {
		var err error
		if body, err = v.Base.Encode(); err != nil {
			return Replicas{}, fmt.Errorf("ledger: recover: %w", err)
		}
		id, meta = v.Base.ID, metaOf(nil, v.Base)
	}
	aborts := [][2]string{}
	for aborted, number := range v.Aborted {
		if _, known := e.barrier.Aborted[aborted]; !known {
			aborts = append(aborts, [2]string{string(aborted), strconv.FormatUint(number, 10)})
		}
	}
	over := [][2]string{}
	for m, r := range e.barrier.Reports {
		if r.Over {
			over = append(over, [2]string{string(m), micros(whole(r.Stopped))})
		}
	}
	slices.SortFunc(over, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	slices.SortFunc(aborts, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	abortText, err := json.Marshal(aborts)
	overText, also := json.Marshal(over)
	if err := errors.Join(err, also); err != nil {
		return Replicas{}, fmt.Errorf("ledger: recover: %w", err)
	}
	_, have, err := l.run(ctx, request{step: recoverStep, generation: g, wait: true,
		args: []any{e.version, micros(v.Before), string(id), string(body), meta, string(abortText), string(overText), who}})
	return have, err
}
