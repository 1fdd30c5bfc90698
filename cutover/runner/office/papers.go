package office

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/speakops/sipedge/cutover/ledger"
	"github.com/speakops/sipedge/cutover/order"
	"github.com/speakops/sipedge/routing"
)

// orderPaper is an order as it is kept.
type orderPaper struct {
	Order order.Order
	// Owed are porting states that the order has reached and the number records
	// have not, each with the way to it, the oldest first.
	Owed [][]routing.PortingState
}

// planPaper is a plan as it is kept, and how its cutover ended.
type planPaper struct {
	Plan  order.Plan
	Ended string // cancelled, settled; "" while it has not
}

type approvalPaper struct {
	Given []order.Approval `json:"given"`
}

type rehearsalPaper struct {
	order.Rehearsal
	Failed []string `json:"failed,omitempty"`
}

type tallyPaper struct {
	order.Tally
	Met bool `json:"met,omitempty"` // once is enough
}

// maxApprovals are remembered of one cutover.
const maxApprovals = 64

// MarshalJSON and UnmarshalJSON let the documents be read by the rules of
// package order: what breaks one is found when it is read, not when it flips.
func (p orderPaper) MarshalJSON() ([]byte, error) {
	body, err := order.Encode(p.Order)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"order": json.RawMessage(body), "owed": p.Owed})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *orderPaper) UnmarshalJSON(text []byte) error {
	var raw struct {
		Order json.RawMessage          `json:"order"`
		Owed  [][]routing.PortingState `json:"owed"`
	}
	err := json.Unmarshal(text, &raw)
	if err == nil {
		p.Owed = raw.Owed
		p.Order, err = order.DecodeOrder(raw.Order, nil)
	}
	return err
}

// MarshalJSON writes the plan by package order.
func (p planPaper) MarshalJSON() ([]byte, error) {
	body, err := order.Encode(p.Plan)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"plan": json.RawMessage(body), "ended": p.Ended})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *planPaper) UnmarshalJSON(text []byte) error {
	var raw struct {
		Plan  json.RawMessage `json:"plan"`
		Ended string          `json:"ended"`
	}
	err := json.Unmarshal(text, &raw)
	if err == nil {
		p.Ended = raw.Ended
		p.Plan, err = order.DecodePlan(raw.Plan, nil)
	}
	return err
}

// papers are the documents of one kind. What was read is remembered by its
// revision: an order of ten thousand numbers is decoded once.
type papers[T any] struct {
	docs *ledger.Documents

	mu   sync.Mutex
	seen map[string]paper[T]
}

// paper is a document as it was read. Its value is shared, and not to be changed.
type paper[T any] struct {
	ID       string
	Revision ledger.Expect // Absent when there is none
	Value    T
}

// there says that the document exists.
func (p *paper[T]) there() bool { return p.Revision != ledger.Absent }

// since is when it was written.
func (p *paper[T]) since() time.Time { return time.UnixMicro(int64(p.Revision)).UTC() }

// maxSeen bounds how many decoded documents of a kind are remembered.
const maxSeen = 1000

func newPapers[T any](docs *ledger.Documents) *papers[T] {
	return &papers[T]{docs: docs, seen: map[string]paper[T]{}}
}

// read gets one; a document that is not there has the revision Absent.
func (k *papers[T]) read(ctx context.Context, id string) (paper[T], error) {
	doc, there, err := k.docs.Read(ctx, id)
	if err != nil || !there {
		return paper[T]{ID: id, Revision: ledger.Absent}, err
	}
	return k.decoded(&doc)
}

func (k *papers[T]) all(ctx context.Context) ([]paper[T], error) {
	docs, err := k.docs.All(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]paper[T], 0, len(docs))
	for i := range docs {
		p, err := k.decoded(&docs[i])
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (k *papers[T]) decoded(doc *ledger.Document) (paper[T], error) {
	k.mu.Lock()
	p, ok := k.seen[doc.ID]
	k.mu.Unlock()
	if ok && uint64(p.Revision) == doc.Revision {
		return p, nil
	}
	p = paper[T]{ID: doc.ID, Revision: ledger.Expect(doc.Revision)}
	text, err := unpack(doc.Bytes)
	if err == nil {
		err = json.Unmarshal(text, &p.Value)
	}
	if err != nil {
		return p, fmt.Errorf("document %s: %w; another version wrote it, or somebody by hand", doc.ID, err)
	}
	k.remember(p)
	return p, nil
}

func (k *papers[T]) remember(p paper[T]) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.seen) >= maxSeen {
		clear(k.seen)
	}
	k.seen[p.ID] = p
}

// write puts a value where p was read, with a note in the journal. The error is
// a *ledger.ConflictError when somebody was faster.
func (k *papers[T]) write(ctx context.Context, p paper[T], value T, note ledger.Note) (paper[T], error) {
	text, err := json.Marshal(value)
	if err == nil {
		text, err = pack(text)
	}
	if err != nil {
		return p, err
	}
	revision, err := k.docs.Write(ctx, ledger.Change{ID: p.ID, Expect: p.Revision, Bytes: text, Note: note})
	if err != nil {
		return p, err
	}
	next := paper[T]{p.ID, ledger.Expect(revision), value}
	k.remember(next)
	return next, nil
}

func (k *papers[T]) remove(ctx context.Context, p paper[T]) error {
	_, err := k.docs.Write(ctx, ledger.Change{ID: p.ID, Expect: p.Revision})
	return err
}

// packFrom is the size from which a document is compressed: an order of a hundred
// thousand numbers would not fit otherwise.
const packFrom = 64 << 10

// maxUnpacked bounds what a compressed document may grow to.
const maxUnpacked = 16 << 20

func pack(text []byte) ([]byte, error) {
	if len(text) < packFrom {
		return text, nil
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // a level there is
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

func unpack(text []byte) ([]byte, error) {
	if !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
		return text, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, maxUnpacked+1))
	if err == nil && len(out) > maxUnpacked {
		err = errors.New("it is too large")
	}
	return out, err
}

func conflicted(err error) bool {
	var c *ledger.ConflictError
	return errors.As(err, &c)
}
