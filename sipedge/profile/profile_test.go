package profile

import (
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// rfc is the answers of a trunk that goes by the book.
func rfc() map[Outcome]Answer {
	return map[Outcome]Answer{
		NotOurs: {Code: 404, Cause: 1}, RetryElsewhere: {Code: 503, Cause: 41}, Busy: {Code: 486, Cause: 17}, Declined: {Code: 603, Cause: 21},
		NoAnswer: {Code: 480, Cause: 19}, Blocked: {Code: 603, Cause: 21}, Loop: {Code: 482, Cause: 25}, TrunkLimit: {Code: 503, Cause: 34},
		NumberLimit: {Code: 486, Cause: 17}, Overload: {Code: 503, Cause: 42, RetryAfter: 5 * time.Second},
		Draining: {Code: 503, Cause: 41, RetryAfter: 30 * time.Second}, GatewaysFailed: {Code: 500, Cause: 38}, Canceled: {Code: 487, Cause: 16},
	}
}

func generic() Spec {
	return Spec{Name: "generic", Called: []Place{RequestURI, To}, KeepFinals: true, Answers: rfc(),
		StripUntrusted: []string{"P-Asserted-Identity", "Diversion", "X-*"}, StripGateway: []string{"P-User-Database"}, StripUpstream: []string{"Server", "P-*"}}
}

func carrier() Spec {
	s := generic()
	s.Name, s.KeepFinals, s.RetriesOn, s.Late, s.MergeKey = "carrier", false, []int{408, 480, 503, 504}, LateAckBye, "X-Call-Key"
	s.Answers[NoAnswer], s.Answers[GatewaysFailed] = Answer{Code: 603, Cause: 19}, Answer{Code: 503, Cause: 38}
	return s
}

func compile(t *testing.T, s Spec) *Profile {
	t.Helper()
	p, faults := New(s)
	if len(faults) > 0 {
		t.Fatalf("%+v", faults)
	}
	return p
}

func TestEveryOutcomeHasAWordAndACode(t *testing.T) {
	p := compile(t, generic())
	for o := range outcomes {
		back, ok := ParseOutcome(o.String())
		if o == Relayed {
			if ok || p.Final(o) != (Answer{}) {
				t.Errorf("relayed has no code of its own: %v", p.Final(o))
			}
			continue
		}
		if !ok || back != o {
			t.Errorf("%s is read as %s", o, back)
		}
		if a := p.Final(o); a.Code < 400 || a.Reason == "" {
			t.Errorf("%s is %+v", o, a)
		}
	}
	if a := p.Final(outcomes + 7); a.Code != 500 {
		t.Errorf("an outcome that does not exist is %+v", a)
	}
	if len(OutcomeNames()) != 13 || Outcome(99).String() != "unknown" {
		t.Error("names")
	}
}

func TestOnlyTheWholeEdgeSaysRetryAfter(t *testing.T) {
	p := compile(t, generic())
	for o := range outcomes {
		if a := p.Final(o); (a.RetryAfter > 0) != (o == Overload || o == Draining) {
			t.Errorf("%s: Retry-After %s", o, a.RetryAfter)
		}
	}
}

func TestIntents(t *testing.T) {
	for intent, want := range map[routing.Intent]Outcome{
		routing.NotOurs: NotOurs, routing.RetryElsewhere: RetryElsewhere, routing.Busy: Busy, routing.Blocked: Blocked, routing.Loop: Loop,
		routing.IntentNone: RetryElsewhere, routing.Intent(200): RetryElsewhere,
	} {
		if got := OfIntent(intent); got != want {
			t.Errorf("%d: %s, want %s", intent, got, want)
		}
	}
}

func TestTranslate(t *testing.T) {
	book, line := compile(t, generic()), compile(t, carrier())
	for _, c := range []struct {
		code        int
		book, line  int
		bookR, linR bool
	}{
		// Never relayed: redirects, challenges, one gateway's own trouble.
		{300, 500, 503, false, false}, {302, 500, 503, false, false}, {380, 500, 503, false, false},
		{401, 500, 503, false, false}, {407, 500, 503, false, false}, {503, 500, 503, false, false},
		// Kept by the book; what the carrier's logic understands otherwise.
		{486, 486, 486, true, true}, {600, 600, 486, true, false}, {603, 603, 603, true, true}, {404, 404, 404, true, true},
		{410, 410, 404, true, false}, {484, 484, 404, true, false}, {604, 604, 404, true, false},
		{480, 480, 603, true, false}, {408, 408, 503, true, false}, {500, 500, 503, true, false}, {502, 502, 503, true, false}, {504, 504, 503, true, false},
		{482, 482, 482, true, true}, {483, 483, 482, true, false}, {487, 487, 487, true, true}, {403, 403, 603, true, false}, {607, 607, 603, true, false}, {608, 608, 603, true, false},
		// A conversation between the ends, with its headers.
		{415, 415, 415, true, true}, {420, 420, 420, true, true}, {421, 421, 421, true, true}, {422, 422, 422, true, true},
		{488, 488, 488, true, true}, {491, 491, 491, true, true}, {606, 606, 606, true, true}, {580, 580, 580, true, true}, {499, 499, 499, true, true},
		// No final code at all.
		{700, 500, 503, false, false}, {0, 500, 503, false, false}, {200, 500, 503, false, false},
	} {
		if a, relay := book.Translate(c.code); a.Code != c.book || relay != c.bookR {
			t.Errorf("generic %d: %d %v, want %d %v", c.code, a.Code, relay, c.book, c.bookR)
		}
		if a, relay := line.Translate(c.code); a.Code != c.line || relay != c.linR {
			t.Errorf("carrier %d: %d %v, want %d %v", c.code, a.Code, relay, c.line, c.linR)
		}
	}
}

// Whatever a gateway says, nobody is rung twice and nothing forbidden goes up.
func TestTranslateKeepsTheRules(t *testing.T) {
	kept := generic()
	kept.RetriesOn = []int{480, 404, 600}
	kept.Answers[NoAnswer], kept.Answers[NotOurs] = Answer{Code: 603}, Answer{Code: 484}
	for _, s := range []Spec{generic(), carrier(), kept} {
		p := compile(t, s)
		for code := 300; code < 700; code++ {
			a, relay := p.Translate(code)
			if a.Code < 400 || a.Code > 699 || a.Reason == "" {
				t.Fatalf("%s %d: %+v", s.Name, code, a)
			}
			if relay && (a.Code != code || code < 400 || code == 401 || code == 407 || code == 503) {
				t.Errorf("%s %d is relayed", s.Name, code)
			}
			if OutcomeOf(code).userLevel() && p.RetriesOn(a.Code) {
				t.Errorf("%s %d becomes %d, on which the upstream retries", s.Name, code, a.Code)
			}
			if a.RetryAfter != 0 {
				t.Errorf("%s %d carries Retry-After", s.Name, code)
			}
		}
	}
}

func TestFaultsComeAllAtOnce(t *testing.T) {
	s := carrier()
	s.Called = nil
	s.Answers[NoAnswer] = Answer{Code: 480}
	s.Answers[Busy] = Answer{Code: 401}
	s.Answers[Loop] = Answer{Code: 302}
	s.Answers[TrunkLimit] = Answer{Code: 503, RetryAfter: time.Second}
	s.Answers[Overload] = Answer{Code: 503, RetryAfter: 1500 * time.Millisecond}
	s.Answers[Draining] = Answer{Code: 503, Reason: "a\r\nb", Cause: 128}
	delete(s.Answers, Canceled)
	p, faults := New(s)
	var fields []string
	for _, f := range faults {
		fields = append(fields, f.Field)
		if f.Problem == "" || f.Remedy == "" {
			t.Errorf("%+v says too little", f)
		}
	}
	want := "called outcomes.busy.code outcomes.no_answer.code outcomes.loop.code outcomes.trunk_limit.retry_after " +
		"outcomes.overload.retry_after outcomes.draining.cause outcomes.draining.reason outcomes.canceled"
	if got := strings.Join(fields, " "); p != nil || got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReason(t *testing.T) {
	for _, c := range []struct {
		a       Answer
		because routing.Because
		want    string
	}{
		{Answer{Code: 486, Cause: 17}, "", "Reason: Q.850;cause=17;text=\"User busy\"\r\n"},
		{Answer{Code: 404, Cause: 1}, "number_unknown", "Reason: Q.850;cause=1;text=\"number_unknown\"\r\n"},
		{Answer{Code: 404, Cause: 126}, "", "Reason: Q.850;cause=126\r\n"},
		{Answer{Code: 404}, "number_unknown", "Reason: SIP;cause=404;text=\"number_unknown\"\r\n"},
		{Answer{Code: 404}, "", ""},
		{Answer{Code: 404, Cause: 1}, "a\"b\\c\r\nX: y\x00\x7f", "Reason: Q.850;cause=1;text=\"a\\\"b\\\\cX: y\"\r\n"},
	} {
		if got := string(AppendReason([]byte("|"), c.a, c.because)); got != "|"+c.want {
			t.Errorf("%+v %q: got %q, want %q", c.a, c.because, got[1:], c.want)
		}
	}
	for after, want := range map[time.Duration]string{0: "", time.Second: "Retry-After: 1\r\n", 1500 * time.Millisecond: "Retry-After: 2\r\n", -1: ""} {
		if got := string(AppendRetryAfter(nil, Answer{RetryAfter: after})); got != want {
			t.Errorf("%s: %q, want %q", after, got, want)
		}
	}
}

func TestEveryCodeHasAPhrase(t *testing.T) {
	for code := 300; code < 700; code++ {
		if Phrase(code) == "" {
			t.Errorf("%d has none", code)
		}
	}
}
