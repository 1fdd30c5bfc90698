package ladder

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/transport"
)

// Ladder is one call with everything that crossed the wire for it, as far as it
// is still there.
type Ladder struct {
	Call
	Steps []Step `json:"steps"`
}

// Step is one message, or one note between two.
type Step struct {
	At        time.Time `json:"at"`
	AfterUS   int64     `json:"after_us"` // since the call began
	Note      string    `json:"note,omitempty"`
	Out       bool      `json:"out,omitempty"` // it left the edge
	Who       string    `json:"who,omitempty"` // trunk or gateway, or its address
	Peer      string    `json:"peer,omitempty"`
	Local     string    `json:"local,omitempty"`
	Listener  string    `json:"listener,omitempty"`
	Transport string    `json:"transport,omitempty"`
	Line      string    `json:"line,omitempty"` // INVITE +12025550143, 180 Ringing
	Again     bool      `json:"again,omitempty"`
	Cut       bool      `json:"cut,omitempty"` // longer than what is kept of it
	Text      string    `json:"text,omitempty"`
	raw       []byte
}

// Find returns the ladder of a call by its name, or by the beginning of it when
// that leaves no doubt. The text of messages is redacted: what authenticates
// somebody, or opens media, is not shown.
func (s *Store) Find(call string) (Ladder, bool) {
	for _, t := range s.tapes {
		if l, ok := t.find(call); ok {
			s.finish(&l)
			return l, true
		}
	}
	return Ladder{}, false
}

func (t *Tape) find(call string) (Ladder, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var found *talk
	if raw, err := hex.DecodeString(call); err == nil && len(raw) == len(id{}) {
		found = t.of(id(raw))
	} else if len(call) >= 6 {
		for _, c := range t.calls {
			if strings.HasPrefix(c.id.String(), call) {
				if found != nil {
					return Ladder{}, false
				}
				found = c
			}
		}
	}
	if found == nil {
		return Ladder{}, false
	}
	l := Ladder{Call: t.summary(found)}
	for head, text, rest := []byte(nil), []byte(nil), found.saved; len(rest) > 0; {
		head, text, rest = savedOne(rest)
		l.Steps = append(l.Steps, t.step(head, text, found))
	}
	at := len(l.Steps)
	for head := range t.latest(found) {
		l.Steps = append(l.Steps, t.step(head, t.ring.text(head), found))
	}
	slices.Reverse(l.Steps[at:])
	return l, true
}

// latest yields the heads of a call's entries that are in the ring and not saved, the
// latest first.
func (t *Tape) latest(c *talk) iter.Seq[[]byte] {
	return func(yield func(head []byte) bool) {
		for position := c.last; position > max(c.from, t.ring.first); {
			head := t.ring.head(position - 1)
			back := uint64(le.Uint32(head[atBack:]))
			if !yield(head) || back == 0 {
				return
			}
			position -= back
		}
	}
}

func (t *Tape) step(e, text []byte, c *talk) Step {
	at := time.Duration(le.Uint64(e[atTime:]))
	s := Step{At: t.wall(at), AfterUS: (at - c.start.At).Microseconds(), Cut: e[atFlags]&flagCut != 0}
	if e[atKind] == kindNote {
		s.Note = string(text)
		return s
	}
	s.raw = bytes.Clone(text)
	s.Out, s.Peer, s.Transport = e[atKind] == kindOut, entryPeer(e).String(), transport.Proto(e[atProto]).String()
	s.Who = t.store.actorName(Actor(le.Uint16(e[atActor:])))
	at1 := t.store.listener(e[atListener])
	s.Listener = at1.Name
	if at1.Local.IsValid() {
		s.Local = at1.Local.String()
	}
	return s
}

func (t *Tape) wall(at time.Duration) time.Time { return t.store.o.Epoch.Add(at).Round(0) }

// finish works out, outside of any lock, what can be read off the messages.
func (s *Store) finish(l *Ladder) {
	names := map[string]string{}
	for i := range l.Steps {
		if st := &l.Steps[i]; st.Who != "" {
			names[st.Peer] = st.Who
		}
	}
	seen := map[string]bool{}
	for i := range l.Steps {
		st := &l.Steps[i]
		if st.raw == nil {
			continue
		}
		Redact(st.raw)
		if st.Who == "" {
			st.Who = cmp.Or(names[st.Peer], st.Peer)
		}
		st.Line = firstLine(st.raw)
		key := strconv.FormatBool(st.Out) + st.Who + st.Peer + string(st.raw)
		st.Again, seen[key] = seen[key], true
		st.Text = string(st.raw)
	}
}

// summary is called with the tape's lock held.
func (t *Tape) summary(c *talk) Call {
	s := Call{
		Call: c.id.String(), State: c.state, Trunk: c.start.Trunk, Caller: number(c.start.From), PublicNumber: number(c.start.To),
		Decision: c.decided.Kind, RoutingAuthority: c.decided.Authority, PortingState: c.decided.PortingState,
		Because: c.decided.Because, Revision: c.decided.Revision, Route: c.decided.Route,
		Gateway: c.final.Gateway, Outcome: c.final.Outcome, Code: c.final.Code, Reason: c.reason, Attempts: c.final.Attempts,
		Test: c.start.Test, Begun: t.wall(c.start.At), HungUpBy: c.hungUp, Messages: int(c.messages), Lost: t.lost(c),
	}
	if c.decided.To != 0 {
		s.PublicNumber = number(c.decided.To)
	}
	if c.start.TraceID != [16]byte{} {
		s.TraceID = hex.EncodeToString(c.start.TraceID[:])
	}
	if c.final.Rang > 0 {
		s.PostDialDelayMS = (c.final.Rang - c.start.At).Milliseconds()
	}
	if c.final.Answered {
		s.SetupMS = (c.final.At - c.start.At).Milliseconds()
	}
	if c.ended > 0 {
		s.DurationMS = (c.ended - c.final.At).Milliseconds()
	}
	return s
}

func number(n e164.Number) string {
	if n == 0 {
		return ""
	}
	return string(n.Append(nil))
}

// Filter chooses calls; its zero value chooses all.
type Filter struct {
	Number  string // digits that the public number or the caller ends in, or the whole with +
	Trunk   string
	Gateway string
	Route   string
	Code    string // 486, or 4xx
	Because string // of the decision
	Outcome string
	State   State
	Failed  bool // failed and refused ones
	Test    bool
	Since   time.Time
	Until   time.Time
	Limit   int // (100) of the latest
}

// Fits says whether a call is one that the filter chooses.
func (f *Filter) Fits(c *Call) bool {
	return (f.Number == "" || ends(c.PublicNumber, f.Number) || ends(c.Caller, f.Number)) &&
		(f.Trunk == "" || f.Trunk == c.Trunk) && (f.Gateway == "" || f.Gateway == c.Gateway) && (f.Route == "" || f.Route == c.Route) &&
		f.fitsCode(c.Code) && (f.Because == "" || f.Because == c.Because) && (f.Outcome == "" || f.Outcome == c.Outcome) &&
		(f.State == "" || f.State == c.State) && (!f.Failed || c.State == Failed || c.State == Refused) && (!f.Test || c.Test) &&
		(f.Since.IsZero() || !c.Begun.Before(f.Since)) && (f.Until.IsZero() || c.Begun.Before(f.Until))
}

func ends(n, with string) bool {
	if strings.HasPrefix(with, "+") {
		return n == with
	}
	return strings.HasSuffix(n, with)
}

func (f *Filter) fitsCode(code int) bool {
	if class, ok := strings.CutSuffix(f.Code, "xx"); ok {
		return class == strconv.Itoa(code/100)
	}
	return f.Code == "" || f.Code == strconv.Itoa(code)
}

// List returns the calls that fit, the latest first, and how many more there are.
func (s *Store) List(f Filter) (calls []Call, more int) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	for _, t := range s.tapes {
		t.mu.Lock()
		for _, c := range t.calls {
			if one := t.summary(c); f.Fits(&one) {
				calls = append(calls, one)
			}
		}
		t.mu.Unlock()
	}
	slices.SortFunc(calls, func(a, b Call) int { return cmp.Or(b.Begun.Compare(a.Begun), strings.Compare(a.Call, b.Call)) })
	if len(calls) > f.Limit {
		more = len(calls) - f.Limit
		calls = calls[:f.Limit]
	}
	return calls, more
}
