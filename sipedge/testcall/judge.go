package testcall

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Want is what a call is expected to come to; zero values expect nothing.
type Want struct {
	Code    string // final response: 200, 486, 4xx ("" is 2xx)
	Side    string // who must have decided to carry it: legacy, speakops
	Because string
	Gateway string

	Tone      int     // Hz that must be heard
	Echo      bool    // our own tone must come back
	Digits    bool    // so must the digits
	MaxLoss   float64 // 0 to 1, of what is heard; with far reports, of what they hear
	MaxJitter time.Duration
	MinMOS    float64
	MaxDelay  time.Duration // post-dial
}

// Routing is what went otherwise with the call itself, in sentences.
func (r *Report) Routing(w Want) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	want := strings.ToLower(w.Code)
	if want == "" {
		want = "2xx"
	}
	got := fmt.Sprintf("%03d", r.Code)
	if !fits(got, want) {
		why := ""
		if r.Reason != "" {
			why = "; Reason: " + r.Reason
		}
		say("the final response was %s %s, not %s%s", got, r.Phrase, want, why)
	}
	d := r.Decision
	if d == nil {
		if w.Side+w.Because+w.Gateway != "" {
			say("the edge did not say what it decided: the trunk needs trust.diagnostics, or this command a token")
		}
		d = &Decision{}
	} else {
		for _, c := range []struct{ what, got, want string }{{"the side", d.RoutingAuthority, w.Side}, {"the reason", d.Because, w.Because}, {"the gateway", d.Gateway, w.Gateway}} {
			if c.want != "" && c.got != c.want {
				say("%s was %s, not %s", c.what, orNone(c.got), c.want)
			}
		}
	}
	if w.MaxDelay > 0 && time.Duration(r.PostDialDelay) > w.MaxDelay {
		say("the post-dial delay was %s, more than %s", r.PostDialDelay, w.MaxDelay)
	}
	return append(wrong, r.Problems...)
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func fits(code, pattern string) bool {
	if len(pattern) != len(code) {
		return false
	}
	for i := range code {
		if pattern[i] != code[i] && pattern[i] != 'x' {
			return false
		}
	}
	return true
}

// enough is how many packets are worth a verdict: half a second's.
const enough = 25

// Listening is what went otherwise with the sound of an answered call, in
// sentences. A direction that carried nothing is always told.
func (r *Report) Listening(w Want) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	m := r.Media
	switch {
	case !r.Answered():
		return nil
	case m == nil:
		return []string{"the answer had no SDP"}
	case m.Problem != "":
		return []string{m.Problem}
	}
	h, s := &m.Heard, &m.Sent
	switch {
	case h.Sealed > 0:
		say("%d packets came that the key in their SDP does not open", h.Sealed)
	case h.Packets == 0 && m.sends && s.Packets >= enough:
		say("one-way audio: nothing was heard from %s, which says that it sends", m.Theirs)
	}
	if s.RTCP && s.Far == nil && m.takes && s.Packets >= 2*enough {
		say("one-way audio: they report, and nothing of us: they do not hear us")
	}
	if s.Unsent > 0 {
		say("%d packets were not sent: this host or its firewall refused them", s.Unsent)
	}
	wrong = append(wrong, m.quality(w)...)
	return append(wrong, m.content(w)...)
}

func (m *Media) quality(w Want) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	h, far := &m.Heard, m.Sent.Far
	if w.MaxLoss > 0 && h.Loss > w.MaxLoss {
		say("%.1f %% of what was to be heard is lost, more than %.1f %%", 100*h.Loss, 100*w.MaxLoss)
	}
	if w.MaxLoss > 0 && far != nil && far.Loss > w.MaxLoss {
		say("they miss %.1f %% of what we send, more than %.1f %%", 100*far.Loss, 100*w.MaxLoss)
	}
	if w.MaxJitter > 0 && time.Duration(h.Jitter) > w.MaxJitter {
		say("the mean jitter is %s, more than %s", h.Jitter, w.MaxJitter)
	}
	if w.MinMOS > 0 && h.MOS > 0 && h.MOS < w.MinMOS {
		say("MOS is %.2f, less than %.2f", h.MOS, w.MinMOS)
	}
	return wrong
}

func (m *Media) content(w Want) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if w.Echo && m.Echo == nil {
		say("our own tone did not come back")
	}
	if w.Digits && !m.DTMF.Echoed() {
		say("the digits %s were pressed; %s came back", orNone(m.DTMF.Pressed), orNone(m.DTMF.Told+m.DTMF.Dialled))
	}
	if w.Tone != 0 && (m.Tone == nil || math.Abs(float64(m.Tone.Hertz-w.Tone)) > 10) {
		heard := "no tone at all"
		if m.Tone != nil {
			heard = fmt.Sprintf("one of %d Hz", m.Tone.Hertz)
		}
		say("a tone of %d Hz was to be heard, and there was %s", w.Tone, heard)
	}
	return wrong
}
