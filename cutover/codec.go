package cutover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
)

// NowPlusLead stands in an encoded proposal where the store writes the instant:
// in `"at":"now+lead"` it becomes the decimal microseconds, and the body is
// canonical.
const NowPlusLead = "now+lead"

// The body as it is written down. Instants are decimal microseconds since 1970
// in strings, because a script's numbers hold only 14 digits when printed.
type body struct {
	ID       RevisionID   `json:"id"`
	Previous RevisionID   `json:"previous"`
	Number   uint64       `json:"number"`
	Schedule []scheduleIn `json:"schedule"`
	Members  []MemberID   `json:"members"`
	Fleet    fleet        `json:"fleet"`
}

type scheduleIn struct {
	ID    ID                       `json:"id"`
	List  ListID                   `json:"list"`
	Count int                      `json:"count"`
	First routing.RoutingAuthority `json:"first"`
	Turns []turn                   `json:"turns"`
}

type turn struct {
	At        micros                   `json:"at"`
	Authority routing.RoutingAuthority `json:"authority"`
}

type fleet struct {
	Guard          int64 `json:"guard_us"`
	Lead           int64 `json:"lead_us"`
	PrepareTimeout int64 `json:"prepare_timeout_us"`
}

// micros is an instant in whole microseconds; the zero time is NowPlusLead.
type micros time.Time

func (m micros) MarshalText() ([]byte, error) {
	if time.Time(m).IsZero() {
		return []byte(NowPlusLead), nil
	}
	return strconv.AppendInt(nil, time.Time(m).UnixMicro(), 10), nil
}

func (m *micros) UnmarshalText(b []byte) error {
	if string(b) == NowPlusLead {
		*m = micros{}
		return nil
	}
	us, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil {
		return fmt.Errorf("instant %.40q: want decimal microseconds since 1970", b)
	}
	*m = micros(time.UnixMicro(us).UTC())
	return nil
}

// Encode writes the one canonical form of r: equal bodies have equal bytes.
func (r *Revision) Encode() ([]byte, error) {
	b := body{
		ID: r.ID, Previous: r.Previous, Number: r.Number, Members: r.Members,
		Schedule: make([]scheduleIn, len(r.Schedule)),
		Fleet:    fleet{r.Fleet.Guard.Microseconds(), r.Fleet.Lead.Microseconds(), r.Fleet.PrepareTimeout.Microseconds()},
	}
	if b.Members == nil {
		b.Members = []MemberID{}
	}
	for i, c := range r.Schedule {
		in := scheduleIn{c.ID, c.List, c.Count, c.First, make([]turn, len(c.Turns))}
		for j, t := range c.Turns {
			in.Turns[j] = turn{micros(t.At), t.Authority}
		}
		b.Schedule[i] = in
	}
	return json.Marshal(b)
}

// DecodeRevision reads what Encode wrote and nothing else: a body with an
// unknown key, another order or other spaces is refused, and so is one that is
// not valid.
func DecodeRevision(text []byte) (*Revision, error) {
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		return nil, fmt.Errorf("revision: %w", err)
	}
	r := &Revision{
		ID: b.ID, Previous: b.Previous, Number: b.Number, Members: b.Members,
		Fleet: Fleet{microseconds(b.Fleet.Guard), microseconds(b.Fleet.Lead), microseconds(b.Fleet.PrepareTimeout)},
	}
	for _, in := range b.Schedule {
		c := Cutover{ID: in.ID, List: in.List, Count: in.Count, First: in.First}
		for _, t := range in.Turns {
			c.Turns = append(c.Turns, routing.Turn{At: time.Time(t.At), Authority: t.Authority})
		}
		r.Schedule = append(r.Schedule, c)
	}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	again, err := r.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, text) {
		return nil, fmt.Errorf("revision %s: not the canonical form, or written by a newer program; want the bytes as Encode makes them", r.ID)
	}
	return r, nil
}

func microseconds(n int64) time.Duration { return time.Duration(n) * time.Microsecond }

// MarshalJSON is Encode, so that a body inside another document is canonical too.
func (r *Revision) MarshalJSON() ([]byte, error) { return r.Encode() }

// UnmarshalJSON is DecodeRevision.
func (r *Revision) UnmarshalJSON(text []byte) error {
	read, err := DecodeRevision(text)
	if err == nil {
		*r = *read
	}
	return err
}

// MarshalText is String.
func (g Generation) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads "3~nonce"; "" is none.
func (g *Generation) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*g = Generation{}
		return nil
	}
	number, nonce, ok := strings.Cut(string(b), "~")
	n, err := strconv.ParseUint(number, 10, 53)
	read := Generation{n, nonce}
	if err != nil || !ok || nonce == "" || read.String() != string(b) {
		return fmt.Errorf("generation %.60q: want its number, ~ and its nonce", b)
	}
	*g = read
	return nil
}
