package feed

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/routing"
)

//go:embed put.lua
var putSource string

var putScript = redis.NewScript(putSource)

// Store writes number records. It is safe for use by many goroutines.
type Store struct {
	rdb   redis.UniversalClient
	keys  *keys
	opts  StoreOptions
	nonce string // of an incarnation this store may have to begin
}

// StoreOptions bounds what writing leaves behind. The zero value means the defaults.
type StoreOptions struct {
	StreamLength int64         // entries kept per change stream, about; default 100,000
	Answers      int           // first answers kept per partition, give or take a sixty-fourth; default 8192
	AnswersFor   time.Duration // after the last write of the partition; default 1 h
	TombstoneFor time.Duration // how long a deletion is remembered; default 30 days
	OverrideLead time.Duration // how far ahead an override begins at the earliest; default 0: not checked
}

// NewStore writes below prefix. A prefix that cannot be part of a key is an error.
func NewStore(rdb redis.UniversalClient, prefix string, opts StoreOptions) (*Store, error) {
	k, err := newKeys(prefix)
	if err != nil {
		return nil, err
	}
	if opts.StreamLength <= 0 {
		opts.StreamLength = 100_000
	}
	if opts.Answers <= 0 {
		opts.Answers = 8192
	}
	if opts.AnswersFor <= 0 {
		opts.AnswersFor = time.Hour
	}
	if opts.TombstoneFor <= 0 {
		opts.TombstoneFor = 30 * 24 * time.Hour
	}
	return &Store{rdb: rdb, keys: k, opts: opts, nonce: randomText()}, nil
}

// Expect is what the writer believes to be there: Any, Absent, or the revision
// it has read.
type Expect uint64

const (
	Any    Expect = 0              // whatever is there
	Absent Expect = math.MaxUint64 // no live record
)

func (e Expect) String() string {
	switch e {
	case Any:
		return "anything"
	case Absent:
		return "no record"
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

// Outcome is what a write came to.
type Outcome string

const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged" // the record said all that already; nothing was written
	Deleted   Outcome = "deleted"
	NotThere  Outcome = "absent" // there was nothing to delete
)

// Result is the answer to a write. Revision is that of the record afterwards.
type Result struct {
	Outcome  Outcome
	Revision uint64 // microseconds of store time
}

// Put writes the whole record of a number; its Revision is ignored. An override
// without From begins as soon as it may.
//
// operation is any text that names this change and no other, at most 128 bytes;
// "" names none. A repeat of an operation, as after a lost reply, changes
// nothing and gets the first answer again.
//
// Errors: *ConflictError, *AuthorityError, *TransitionError, *OverrideError,
// *FieldError, *OperationError, *KeyError, *AwayError.
func (s *Store) Put(ctx context.Context, operation string, n routing.Number, expect Expect) (Result, error) {
	set := make([]string, 0, 2*len(vocabulary))
	for i := range vocabulary {
		f := &vocabulary[i]
		value := f.show(&n)
		if err := f.read(&routing.Number{}, value); err != nil {
			return Result{}, &FieldError{f.name, err.Error()}
		}
		if f.name == fieldOverrideFrom && value == "" {
			continue
		}
		set = append(set, f.name, value)
	}
	if err := n.Override.Check(); err != nil {
		return Result{}, &FieldError{fieldOverride, err.Error()}
	}
	return s.write(ctx, &change{verb: "put", number: n.PublicNumber, operation: operation, expect: expect, set: set, state: n.PortingState.String()})
}

// Name says which store this is and below which prefix, for people and to tell
// it from others.
func (s *Store) Name() string { return Address(s.rdb) + " " + s.keys.prefix }

// NewOperation names an operation that was never named before.
func NewOperation(what string) string { return what + "-" + randomText() }

// Now is the store's time, of its masters the earliest, as a revision.
func (s *Store) Now(ctx context.Context) (uint64, error) {
	var mu sync.Mutex
	earliest := uint64(math.MaxUint64)
	err := (&source{rdb: s.rdb}).masters(ctx, func(ctx context.Context, m redis.Cmdable) error {
		at, err := m.Time(ctx).Result()
		mu.Lock()
		defer mu.Unlock()
		earliest = min(earliest, uint64(at.UnixMicro()))
		return err
	})
	return earliest, s.away(err)
}

// Delete removes a record and leaves a tombstone. Errors are those of Put.
func (s *Store) Delete(ctx context.Context, operation string, n routing.PublicNumber, expect Expect) (Result, error) {
	return s.write(ctx, &change{verb: "delete", number: n, operation: operation, expect: expect})
}

// Get reads a record from the store, false when there is none. The call path
// reads the table instead.
func (s *Store) Get(ctx context.Context, n routing.PublicNumber) (routing.Number, bool, error) {
	key := s.keys.record(n)
	fields, err := s.rdb.HGetAll(ctx, key).Result()
	switch {
	case err != nil && wrongType(err):
		return routing.Number{}, false, &KeyError{key, "it is not a hash"}
	case err != nil:
		return routing.Number{}, false, &AwayError{Address(s.rdb), err}
	case len(fields) == 0:
		return routing.Number{}, false, nil
	}
	r, err := readRecord(n, fields)
	if err != nil {
		return routing.Number{}, false, &KeyError{key, err.Error()}
	}
	return r.number, !r.tombstone, nil
}

// change is one call of the script.
type change struct {
	verb      string
	number    routing.PublicNumber
	operation string
	expect    Expect
	since     uint64   // unless expect names what is expected: nothing written later; 0: not asked
	state     string   // the porting_state asked for, if set or defaults hold one
	set       []string // name, value, name, value
	defaults  []string // the same, for a new record only
}

// expected is the fifth argument of the script.
func (c *change) expected() string {
	if c.expect == Any && c.since != 0 {
		return "<=" + strconv.FormatUint(c.since, 10)
	}
	return c.expect.arg()
}

// maxOperation bounds an operation id, in bytes.
const maxOperation = 128

func (c *change) check() error {
	if c.number == 0 || c.number > 999_999_999_999_999 {
		return &FieldError{fieldPublicNumber, errMissing.Error()}
	}
	if len(c.operation) > maxOperation {
		return fmt.Errorf("operation id of %d bytes is too long; at most %d", len(c.operation), maxOperation)
	}
	return nil
}

// fingerprint tells two changes under one operation id apart.
func (c *change) fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%s\n%d\n", c.verb, c.number, c.expected(), len(c.set))
	for _, s := range [][]string{c.set, c.defaults} {
		for _, v := range s {
			fmt.Fprintf(h, "%d:%s", len(v), v)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (s *Store) call(c *change) (keys []string, args []any) {
	p := Partition(c.number)
	k := s.keys
	keys = []string{k.record(c.number), k.changes(p), k.meta(p), k.answers(p), k.order(p)}
	before := c.predecessors()
	args = make([]any, 0, 15+len(c.set)+len(c.defaults))
	args = append(args, c.verb, c.number.String(), c.operation, c.fingerprint(), c.expected(), s.nonce,
		s.opts.StreamLength, s.opts.Answers, s.opts.AnswersFor.Milliseconds(), s.opts.TombstoneFor.Milliseconds(),
		s.opts.OverrideLead.Microseconds(), before[0], before[1], before[2], len(c.set)/2)
	for _, v := range c.set {
		args = append(args, v)
	}
	for _, v := range c.defaults {
		args = append(args, v)
	}
	return keys, args
}

func (s *Store) write(ctx context.Context, c *change) (Result, error) {
	if err := c.check(); err != nil {
		return Result{}, err
	}
	keys, args := s.call(c)
	text, err := putScript.Run(ctx, s.rdb, keys, args...).Text()
	return s.understand(c, text, err)
}

// understand reads an answer of the script: status|revision|detail.
func (s *Store) understand(c *change, text string, err error) (Result, error) {
	if err != nil {
		return Result{}, s.misfortune(c, err)
	}
	part := strings.SplitN(text, "|", 3)
	if len(part) != 3 {
		return Result{}, &KeyError{s.keys.answers(Partition(c.number)), fmt.Sprintf("answer %.80q is none of ours", text)}
	}
	revision, _ := strconv.ParseUint(part[1], 10, 64)
	detail := part[2]
	switch status := part[0]; status {
	case string(Created), string(Updated), string(Unchanged), string(Deleted), string(NotThere), string(Overruled):
		return Result{Outcome(status), revision}, nil
	case "conflict":
		return Result{}, &ConflictError{c.number, c.expect, revision, c.since, detail == "gone"}
	case "authority":
		return Result{}, &AuthorityError{c.number, detail, c.value(fieldRoutingAuthority)}
	case "transition":
		return Result{}, refusedStep(c, detail)
	case "override_too_soon":
		return Result{}, &OverrideError{c.number, fmt.Sprintf("override_from is sooner than every edge can know it; the earliest is %s, or leave it empty", spellInstant(detail))}
	case "override_ends":
		return Result{}, &OverrideError{c.number, fmt.Sprintf("override_until is not after its beginning at %s", spellInstant(detail))}
	case "operation_reused":
		return Result{}, &OperationError{c.number, c.operation}
	case "wrong_type":
		key, problem, _ := strings.Cut(detail, " is ")
		return Result{}, &KeyError{key, "it is " + problem}
	case "garbage":
		key := s.keys.record(c.number)
		if detail == "meta" {
			key = s.keys.meta(Partition(c.number))
		}
		return Result{}, &KeyError{key, "it holds no number where one belongs"}
	}
	return Result{}, fmt.Errorf("%s: the store answered %.80q", c.number, text)
}

// misfortune sorts what is wrong with the store from what is wrong with us.
func (s *Store) misfortune(c *change, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	if wrongType(err) {
		return &KeyError{s.keys.record(c.number), "it has the wrong type"}
	}
	return &AwayError{Address(s.rdb), err}
}

func (c *change) value(name string) string {
	for i := 0; i+1 < len(c.set); i += 2 {
		if c.set[i] == name {
			return c.set[i+1]
		}
	}
	return ""
}

// spellInstant shows stored microseconds as people write instants.
func spellInstant(us string) string {
	n, err := strconv.ParseInt(us, 10, 64)
	if err != nil {
		return show(us)
	}
	return time.UnixMicro(n).UTC().Format(time.RFC3339Nano)
}

func wrongType(err error) bool { return redis.HasErrorPrefix(err, "WRONGTYPE") }

// readRecord reads a record found under the number's own key.
func readRecord(n routing.PublicNumber, fields map[string]string) (stored, error) {
	r, err := readStored(func(yield func(string, string) bool) {
		for name, value := range fields {
			if !yield(name, value) {
				return
			}
		}
	})
	if err == nil && !r.tombstone && r.number.PublicNumber != n {
		err = &FieldError{fieldPublicNumber, fmt.Sprintf("%s is not the number of this key", show(r.number.PublicNumber.String()))}
	}
	r.number.PublicNumber = n
	return r, err
}

// randomText names something that must never be met twice.
func randomText() string { return rand.Text() }
