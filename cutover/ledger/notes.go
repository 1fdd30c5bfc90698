package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// Note is an entry of the callers' own in the journal: who planned, linted,
// approved; which edge saw the first call on the new side.
type Note struct {
	Kind    string // none of the protocol's own
	Who     string
	Cutover cutover.ID
	Order   string
	Detail  string // JSON, at most 64 KiB
}

const maxDetail = 64 << 10

// Kinds of entries that the scripts write.
var ownKinds = []string{"generation", "proposed", "acknowledged", "committed", "refused", "aborted", "declared_off", "reported", "recovered", "adopted"}

func (n Note) args() ([]any, error) {
	switch {
	case n == Note{}:
		return []any{""}, nil
	case !kindForm.MatchString(n.Kind) || slices.Contains(ownKinds, n.Kind):
		return nil, fmt.Errorf("journal: kind %.60q: want lower case letters, digits, dots and underscores, and none of %s", n.Kind, strings.Join(ownKinds, ", "))
	case len(n.Detail) > maxDetail:
		return nil, fmt.Errorf("journal: detail of %d bytes is too long; at most %d", len(n.Detail), maxDetail)
	}
	return []any{n.Kind, "who", n.Who, "cutover", string(n.Cutover), "order", n.Order, "detail", n.Detail}, nil
}

// Note appends to the journal and returns the entry's id. A repeated operation
// is answered with the id of its first entry.
func (l *Ledger) Note(ctx context.Context, operation string, n Note) (string, error) {
	args, err := n.args()
	if err == nil && n.Kind == "" {
		err = errors.New("journal: an entry needs a kind")
	}
	if err != nil {
		return "", fmt.Errorf("ledger: %w", err)
	}
	mark := fingerprint(n.Kind, n.Who, string(n.Cutover), n.Order, n.Detail)
	a, _, err := l.run(ctx, request{step: noteStep, args: append([]any{operation, mark}, args...)})
	return a.text["entry"], withOperation(err, operation)
}

func withOperation(err error, operation string) error {
	var reused *OperationError
	if errors.As(err, &reused) {
		reused.Operation = operation
	}
	return err
}

// Beat is one edge's heartbeat as it was read.
type Beat struct {
	Edge  cutover.MemberID
	At    time.Time // store time
	Bytes []byte
}

// beatsLast is how old a heartbeat is that makes room for another edge's.
const beatsLast = 7 * 24 * time.Hour

// Beat keeps an edge's heartbeat. It works before recovery.
func (l *Ledger) Beat(ctx context.Context, edge cutover.MemberID, bytes []byte) error {
	if err := edge.Check(); err != nil {
		return fmt.Errorf("ledger: heartbeat: %w", err)
	}
	_, _, err := l.run(ctx, request{step: beatStep, args: []any{string(edge), string(bytes), strconv.FormatInt(beatsLast.Microseconds(), 10)}})
	return err
}

// Beats reads the last heartbeat of every edge, by edge.
func (l *Ledger) Beats(ctx context.Context) ([]Beat, error) {
	a, _, err := l.run(ctx, request{step: beatStep, args: []any{""}})
	if err != nil {
		return nil, err
	}
	pairs, err := a.pairs("page")
	if err != nil {
		return nil, fmt.Errorf("ledger: heartbeat: %w", err)
	}
	var all []Beat
	for _, p := range pairs {
		at, text, _ := strings.Cut(p[1], "\n")
		all = append(all, Beat{cutover.MemberID(p[0]), instant(at), []byte(text)})
	}
	slices.SortFunc(all, func(a, b Beat) int { return strings.Compare(string(a.Edge), string(b.Edge)) })
	return all, nil
}
