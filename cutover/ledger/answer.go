package ledger

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/cutover"
)

// answer is what a script said: a word, and names with values.
type answer struct {
	word   string
	text   map[string]string
	tables map[string][]any // values that are tables themselves
}

func readAnswer(reply any) (answer, error) {
	list, ok := reply.([]any)
	if !ok || len(list)%2 != 1 {
		return answer{}, fmt.Errorf("the store answered %.80q, which is none of our scripts' answers", fmt.Sprint(reply))
	}
	a := answer{text: make(map[string]string, len(list)/2), tables: map[string][]any{}}
	a.word, _ = list[0].(string)
	for i := 1; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		switch v := list[i+1].(type) {
		case string:
			a.text[name] = v
		case int64:
			a.text[name] = strconv.FormatInt(v, 10)
		case []any:
			a.tables[name] = v
		}
	}
	return a, nil
}

// at is an instant of store time, the zero time for none.
func (a answer) at(name string) time.Time { return instant(a.text[name]) }

func (a answer) number(name string) uint64 {
	n, _ := strconv.ParseUint(a.text[name], 10, 64)
	return n
}

func (a answer) generation() cutover.Generation {
	return cutover.Generation{Number: a.number("generation"), Nonce: a.text["nonce"]}
}

func (a answer) members(name string) []cutover.MemberID {
	return linesOf[cutover.MemberID](a.text[name])
}

// pairs is a table of names and values.
func (a answer) pairs(name string) ([][2]string, error) {
	flat := a.tables[name]
	if len(flat)%2 != 0 {
		return nil, errors.New("the store answered a name without a value")
	}
	all := make([][2]string, 0, len(flat)/2)
	for i := 0; i < len(flat); i += 2 {
		k, ok := flat[i].(string)
		v, also := flat[i+1].(string)
		if !ok || !also {
			return nil, fmt.Errorf("the store answered %.40q where text belongs", fmt.Sprint(flat[i]))
		}
		all = append(all, [2]string{k, v})
	}
	return all, nil
}

func instant(us string) time.Time {
	n, err := strconv.ParseInt(us, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// micros writes an instant for a script; ” for none.
func micros(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 10)
}

// whole is t in whole microseconds, later rather than sooner: an edge is not said
// to have stopped before it did.
func whole(t time.Time) time.Time {
	if cut := t.Truncate(time.Microsecond); !cut.Equal(t) {
		return cut.Add(time.Microsecond)
	}
	return t
}

func linesOf[T ~string](text string) []T {
	if text == "" {
		return nil
	}
	var all []T
	for line := range strings.SplitSeq(text, "\n") {
		all = append(all, T(line))
	}
	return all
}

func joined[T ~string](list []T) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(string(s))
	}
	return b.String()
}
