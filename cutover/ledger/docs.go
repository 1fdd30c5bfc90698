package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/speakops/sipedge/cutover"
	"github.com/speakops/sipedge/routing/feed"
)

// Documents are what people and edges agree on beside the chain: port orders,
// approvals, results of rehearsals. The ledger keeps their bytes and their
// revisions, and reads neither.
type Documents struct {
	ledger *Ledger
	kind   string
}

// MaxDocument bounds a document, in bytes.
const MaxDocument = 1 << 20

// Documents of one kind, such as "orders". A kind that cannot be part of a key
// is an error.
func (l *Ledger) Documents(kind string) (*Documents, error) {
	if !kindForm.MatchString(kind) {
		return nil, fmt.Errorf("ledger: documents %.60q: want lower case letters, digits, dots and underscores", kind)
	}
	return &Documents{l, kind}, nil
}

// Document is one of them as it was read.
type Document struct {
	ID       string
	Revision uint64 // microseconds of store time at which it was written; grows with every write
	Bytes    []byte
}

// Expect is what the writer believes to be there: Any, Absent, or the revision
// it has read.
type Expect uint64

const (
	Any    Expect = 0              // whatever is there
	Absent Expect = math.MaxUint64 // nothing
)

func (e Expect) String() string {
	switch e {
	case Any:
		return "anything"
	case Absent:
		return "none"
	}
	return "revision " + strconv.FormatUint(uint64(e), 10)
}

func (e Expect) arg() string {
	switch e {
	case Any:
		return ""
	case Absent:
		return "absent"
	}
	return strconv.FormatUint(uint64(e), 10)
}

// Change is a write of one document.
type Change struct {
	ID        string // 1 to 128 bytes
	Expect    Expect
	Bytes     []byte // at most MaxDocument; nil deletes
	Operation string // repeated by who lost the answer, and then answered alike; "" for none
	Note      Note   // goes into the journal with it; a zero Note does not
}

// Write puts or deletes a document if it is what the writer expects, and returns
// its revision afterwards. Errors beside those of every step: *ConflictError,
// *OperationError.
func (d *Documents) Write(ctx context.Context, c Change) (uint64, error) {
	if err := checkID(c.ID, c.Operation); err != nil {
		return 0, fmt.Errorf("ledger: %s: %w", d.kind, err)
	}
	if len(c.Bytes) > MaxDocument {
		return 0, fmt.Errorf("ledger: %s %s: %d bytes are too many; at most %d", d.kind, c.ID, len(c.Bytes), MaxDocument)
	}
	verb := "put"
	if c.Bytes == nil {
		verb = "delete"
	}
	note, err := c.Note.args()
	if err != nil {
		return 0, fmt.Errorf("ledger: %s %s: %w", d.kind, c.ID, err)
	}
	mark := fingerprint(d.kind, verb, c.ID, c.Expect.arg(), string(c.Bytes))
	args := append([]any{verb, c.ID, c.Expect.arg(), string(c.Bytes), c.Operation, mark}, note...)
	a, _, err := d.ledger.run(ctx, request{step: docStep, key: d.ledger.keys.docs(d.kind), wait: true, args: args})
	if refused, ok := spoken(err); ok {
		switch refused.word {
		case "conflict":
			err = &ConflictError{d.kind, c.ID, c.Expect, refused.number("revision")}
		case "absent":
			return 0, nil
		}
		err = fmt.Errorf("ledger: %s: %w", d.kind, err)
	}
	return a.number("revision"), withOperation(err, c.Operation)
}

// Read gets one document, false when there is none.
func (d *Documents) Read(ctx context.Context, id string) (Document, bool, error) {
	a, _, err := d.ledger.run(ctx, request{step: docStep, key: d.ledger.keys.docs(d.kind), args: []any{"get", id, ""}})
	if refused, ok := spoken(err); ok && refused.word == "absent" {
		return Document{}, false, nil
	}
	if err != nil {
		return Document{}, false, err
	}
	return Document{id, a.number("revision"), []byte(a.text["text"])}, true, nil
}

// All reads every document, in no order. One that is written meanwhile is there
// as before or as after; none is there twice.
func (d *Documents) All(ctx context.Context) ([]Document, error) {
	var all []Document
	seen := map[string]bool{}
	for cursor := "0"; ; {
		a, _, err := d.ledger.run(ctx, request{step: docStep, key: d.ledger.keys.docs(d.kind), args: []any{"list", cursor, 100}})
		if err != nil {
			return nil, err
		}
		page, err := a.pairs("page")
		if err != nil {
			return nil, fmt.Errorf("ledger: %s: %w", d.kind, err)
		}
		for _, p := range page {
			revision, text, ok := strings.Cut(p[1], "\n")
			n, err := strconv.ParseUint(revision, 10, 64)
			if !ok || err != nil {
				return nil, fmt.Errorf("ledger: %s: %w", d.kind, &feed.KeyError{Key: d.ledger.keys.docs(d.kind), Problem: fmt.Sprintf("field %.80q is no document", p[0])})
			}
			if !seen[p[0]] {
				seen[p[0]] = true
				all = append(all, Document{p[0], n, []byte(text)})
			}
		}
		if cursor = a.text["cursor"]; cursor == "0" {
			return all, nil
		}
	}
}

func checkID(id, operation string) error {
	if id == "" || len(id) > 128 || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("id %.140q: want 1 to 128 characters without spaces", id)
	}
	if len(operation) > 128 {
		return fmt.Errorf("operation id of %d bytes is too long; at most 128", len(operation))
	}
	return nil
}

// fingerprint tells two uses of one operation id apart. It has one length.
func fingerprint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Event is something a customer is told.
type Event struct {
	Kind      string // such as flipped
	Cutover   cutover.ID
	Order     string
	Detail    string // JSON
	Operation string // every edge may tell it; the first one counts
}

// Tell appends to the stream {prefix}:chain:{chain}:events, of which the newest
// 100,000 or so are kept.
func (l *Ledger) Tell(ctx context.Context, e Event) error {
	if !kindForm.MatchString(e.Kind) {
		return fmt.Errorf("ledger: event kind %.60q: want lower case letters, digits, dots and underscores", e.Kind)
	}
	flat := []string{"kind", e.Kind, "cutover", string(e.Cutover), "order", e.Order, "detail", e.Detail}
	args := []any{e.Operation, fingerprint(flat...)}
	for _, s := range flat {
		args = append(args, s)
	}
	_, _, err := l.run(ctx, request{step: eventStep, args: args})
	return withOperation(err, e.Operation)
}
