package testcall

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"github.com/speakops/sipedge/sipedge/profile"
)

// Milliseconds is a span of time; in JSON a number with one decimal.
type Milliseconds time.Duration

// MarshalJSON implements json.Marshaler.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m)/float64(time.Millisecond), 'f', 1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Milliseconds) UnmarshalJSON(b []byte) error {
	ms, err := strconv.ParseFloat(string(b), 64)
	*m = Milliseconds(ms * float64(time.Millisecond))
	return err
}

func (m Milliseconds) String() string {
	return strconv.FormatFloat(float64(m)/float64(time.Millisecond), 'f', 0, 64) + " ms"
}

// Report is what came of a call.
type Report struct {
	Edge      string    `json:"edge"`
	Transport Transport `json:"transport"`
	Local     string    `json:"local,omitempty"`
	To        string    `json:"to"`
	From      string    `json:"from"`
	Override  string    `json:"override,omitempty"`
	CallID    string    `json:"call_id,omitempty"` // of SIP
	Begun     time.Time `json:"begun"`

	Code     int       `json:"code"` // the final response, 0 when none came
	Phrase   string    `json:"phrase,omitempty"`
	Reason   string    `json:"reason,omitempty"` // its Reason header
	GaveUp   bool      `json:"gave_up,omitempty"`
	Decision *Decision `json:"decision,omitempty"` // nil: the edge did not say
	By       Answerer  `json:"answered_by,omitzero"`

	PostDialDelay Milliseconds `json:"post_dial_delay_ms"` // from the INVITE to the first 18x, or to the final when none came
	Setup         Milliseconds `json:"setup_ms"`           // from the INVITE to the final response
	Talked        Milliseconds `json:"talked_ms"`
	EarlyMedia    bool         `json:"early_media,omitempty"` // SDP came before the answer
	HungUpBy      string       `json:"hung_up_by,omitempty"`  // caller, callee

	Media    *Media   `json:"media,omitempty"`    // of an answered call, or of early media
	Problems []string `json:"problems,omitempty"` // what a tester should look at; empty is good
	Messages []Rung   `json:"messages,omitempty"`

	setup time.Time
}

// Answered says whether somebody picked up.
func (r *Report) Answered() bool { return r.Code/100 == 2 }

// Decision is what the edge decided, as far as it says so.
type Decision struct {
	RoutingAuthority string `json:"routing_authority,omitempty"` // legacy, speakops; none for a refusal
	Because          string `json:"because,omitempty"`
	Route            string `json:"route,omitempty"`
	Gateway          string `json:"gateway,omitempty"`
	Revision         string `json:"revision,omitempty"`
	Call             string `json:"call,omitempty"` // the edge's name of the call, for cutoverctl ladder
	Said             string `json:"said"`           // by what: response (its headers), admin (the API was asked)
}

// Answerer is what the side that answered says of itself.
type Answerer struct {
	Contact string `json:"contact,omitempty"`
	Server  string `json:"server,omitempty"`  // Server or User-Agent header
	Session string `json:"session,omitempty"` // s= of its SDP
	Media   string `json:"media,omitempty"`   // where its SDP wants to be sent to
}

// final notes a final response.
func (r *Report) final(res *sip.Response) {
	r.setup = time.Now()
	r.Code, r.Phrase, r.Reason = res.StatusCode, res.Reason, value(res, "Reason")
	r.By.Server = cmp.Or(value(res, "Server"), value(res, "User-Agent"))
	if contact := res.Contact(); contact != nil {
		r.By.Contact = contact.Address.String()
	}
}

func value(res *sip.Response, name string) string {
	if h := res.GetHeader(name); h != nil {
		return h.Value()
	}
	return ""
}

// conclude adds what only the end of the call shows.
func (p *phone) conclude(r *Report) {
	t := &p.tap
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Messages = append([]Rung(nil), t.rungs...)
	if !t.invited.IsZero() && !r.setup.IsZero() {
		r.Setup = Milliseconds(r.setup.Sub(t.invited))
		r.PostDialDelay = r.Setup
	}
	if !t.rang.IsZero() {
		r.PostDialDelay = Milliseconds(t.rang.Sub(t.invited))
	}
	r.Decision = decided(t.decided, r)
	if r.Media = p.voice.result(); r.Media != nil {
		r.By.Session, r.By.Media = r.Media.session, r.Media.Theirs
	}
}

var word = regexp.MustCompile(`^[a-z][a-z_]*$`)

// decided reads what the edge says of its decision: in the header that trunks
// trusted with diagnostics get, or in the Reason of a refusal.
func decided(said string, r *Report) *Decision {
	if said != "" {
		d := &Decision{Said: "response"}
		authority, params, _ := strings.Cut(said, ";")
		d.RoutingAuthority = strings.TrimSpace(authority)
		for param := range strings.SplitSeq(params, ";") {
			key, value, _ := strings.Cut(param, "=")
			for name, at := range map[string]*string{"because": &d.Because, "route": &d.Route, "gateway": &d.Gateway, "revision": &d.Revision, "call": &d.Call} {
				if strings.TrimSpace(key) == name {
					*at = strings.TrimSpace(value)
				}
			}
		}
		return d
	}
	_, text, _ := strings.Cut(r.Reason, `text="`)
	if text, _, _ = strings.Cut(text, `"`); r.Code >= 300 && word.MatchString(text) {
		return &Decision{RoutingAuthority: "none", Because: text, Said: "response"}
	}
	return nil
}

// decisionHeader is what the edge tells trunks trusted with diagnostics.
const decisionHeader = profile.DecisionHeader
