package admin

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Bounds of what is remembered of changes made under a key. The memory is this
// edge's and ends with it.
const (
	maxKey     = 128
	answersFor = 24 * time.Hour
	maxAnswers = 4096
	maxKept    = 16 << 20 // bytes of all answers together
)

const idempotencyHeader = "Idempotency-Key"

var idempotencyParameter = &huma.Param{
	Name: idempotencyHeader, In: "header",
	Description: "Names this change and no other. The same request under the same key is carried out once and gets the first answer again, " +
		"for a day or until the edge restarts; another request under it is refused with 422.",
	Schema: &huma.Schema{Type: "string", MaxLength: new(maxKey)},
}

type operationKey struct{}

// OperationOf is the Idempotency-Key of a request, with its actor before it, or
// "": a name for one change, for stores that remember such names themselves.
func OperationOf(ctx context.Context) string {
	id, _ := ctx.Value(operationKey{}).(string)
	return id
}

// answers remembers the first answer to each key.
type answers struct {
	mu    sync.Mutex
	byID  map[string]*list.Element
	byAge *list.List // of *answer, the oldest first
	bytes int
}

type answer struct {
	id    string
	print [sha256.Size]byte
	at    time.Time
	code  int // 0 while the first one is in progress
	kind  string
	body  []byte
}

func newAnswers() *answers {
	return &answers{byID: make(map[string]*list.Element), byAge: list.New()}
}

// once carries a change out, or repeats the answer it had.
func (s *Server) once(actor string, handle func(http.ResponseWriter, *http.Request) error, w *begun, r *http.Request) error {
	key := r.Header.Get(idempotencyHeader)
	if key == "" {
		return handle(w, r)
	}
	if len(key) > maxKey {
		return NewProblem(http.StatusBadRequest, "bad_request", "the %s is longer than %d bytes; a ULID is long enough", idempotencyHeader, maxKey)
	}
	id := actor + "/" + key
	mine, first, err := s.answers.enter(id, printOf(r))
	if err != nil {
		return err
	}
	if first != nil {
		w.Header().Set("Idempotent-Replayed", "true")
		w.Header().Set("Content-Type", first.kind)
		w.WriteHeader(first.code)
		w.Write(first.body) // the peer is gone when this fails
		return nil
	}
	copied := &copying{begun: w}
	defer func() { s.answers.leave(mine, copied) }() // a panic leaves nothing behind either
	r = r.WithContext(context.WithValue(r.Context(), operationKey{}, id))
	inner := &begun{ResponseWriter: copied}
	if err := handle(inner, r); err != nil {
		writeProblem(inner, err)
	}
	copied.done = true
	return nil
}

// printOf is what makes two requests the same one.
func printOf(r *http.Request) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(r.Method + " " + r.URL.RequestURI() + "\x00" + r.Header.Get("Content-Type") + "\x00" + r.Header.Get("If-Match") + "\x00"))
	body, _ := r.Context().Value(bodyKey{}).([]byte)
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// copying keeps what it passes on.
type copying struct {
	*begun
	body bytes.Buffer
	done bool
}

// Write implements http.ResponseWriter.
func (c *copying) Write(p []byte) (int, error) {
	c.body.Write(p)
	return c.begun.Write(p)
}

// enter finds the first answer to a request, or makes room for it.
func (a *answers) enter(id string, print [sha256.Size]byte) (mine, first *answer, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forget(time.Now(), 1)
	e := a.byID[id]
	if e == nil {
		mine = &answer{id: id, print: print, at: time.Now()}
		a.byID[id] = a.byAge.PushBack(mine)
		return mine, nil, nil
	}
	switch was := e.Value.(*answer); {
	case was.print != print:
		return nil, nil, NewProblem(http.StatusUnprocessableEntity, "key_used", "this %s was used for another request; use a new key for a new change", idempotencyHeader)
	case was.code == 0:
		return nil, nil, NewProblem(http.StatusConflict, "in_progress", "the first request under this %s is still in progress; ask again", idempotencyHeader).RetryAfter(time.Second)
	default:
		return nil, was, nil
	}
}

// leave keeps an answer. One that was not the last word (a failure of ours, too
// many requests) is forgotten, so that the change can be asked for again.
func (a *answers) leave(mine *answer, c *copying) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !c.done || c.code >= 500 || c.code == http.StatusTooManyRequests {
		a.drop(a.byID[mine.id])
		return
	}
	mine.code, mine.kind, mine.body = c.code, c.Header().Get("Content-Type"), c.body.Bytes()
	a.bytes += len(mine.body)
	a.forget(time.Now(), 0)
}

// forget lets go of what is too old, and of the oldest of what is too much when
// so many more shall find room.
// What is in progress stays: there are never more of those than connections.
func (a *answers) forget(now time.Time, room int) {
	for e := a.byAge.Front(); e != nil; {
		next, was := e.Next(), e.Value.(*answer)
		if now.Sub(was.at) < answersFor && a.byAge.Len()+room <= maxAnswers && a.bytes <= maxKept {
			return
		}
		if was.code != 0 {
			a.drop(e)
		}
		e = next
	}
}

func (a *answers) drop(e *list.Element) {
	if e == nil {
		return
	}
	was := a.byAge.Remove(e).(*answer)
	delete(a.byID, was.id)
	a.bytes -= len(was.body)
}
