package configs

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/speakops/sipedge/sipedge/profile"
)

func TestShippedProfiles(t *testing.T) {
	if got, want := ShippedProfiles(), []string{"bandwidth", "generic", "plivo", "telnyx", "twilio", "vonage"}; !slices.Equal(got, want) {
		t.Fatalf("shipped: %v", got)
	}
	for _, name := range ShippedProfiles() {
		p, err := CompileProfile(shipped()[name])
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if p.Name != name {
			t.Errorf("%s calls itself %s", name, p.Name)
		}
		if a := p.Final(profile.NoAnswer); p.RetriesOn(a.Code) {
			t.Errorf("%s: no_answer is %d, on which it retries", name, a.Code)
		}
		// A refusal for now that its upstream takes for the last word would lose calls.
		for _, o := range []profile.Outcome{profile.RetryElsewhere, profile.Overload, profile.Draining, profile.GatewaysFailed, profile.TrunkLimit} {
			if a := p.Final(o); name != "generic" && !p.RetriesOn(a.Code) {
				t.Errorf("%s: %s is %d, on which it does not retry", name, o, a.Code)
			}
		}
		if a := p.Final(profile.RetryElsewhere); a.RetryAfter != 0 {
			t.Errorf("%s: one number's trouble stops the whole edge", name)
		}
		if late := p.Late == profile.LateAckBye; late == (name == "generic") {
			t.Errorf("%s: late 2xx %v", name, p.Late)
		}
	}
}

// The codes an upstream sees, as one table: a change here is a change for
// people who have set up their trunks by it.
func TestShippedCodes(t *testing.T) {
	var b strings.Builder
	for _, name := range ShippedProfiles() {
		p, err := CompileProfile(shipped()[name])
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range profile.OutcomeNames() {
			o, _ := profile.ParseOutcome(word)
			a := p.Final(o)
			fmt.Fprintf(&b, "%s %s %d %s", name, word, a.Code, a.Reason)
			b.Write(profile.AppendReason([]byte(" | "), a, ""))
		}
		for _, code := range []int{302, 404, 408, 480, 486, 488, 500, 503, 600, 603} {
			a, relay := p.Translate(code)
			fmt.Fprintf(&b, "%s gateway %d -> %d relay=%v\n", name, code, a.Code, relay)
		}
	}
	golden(t, "testdata/shipped-codes.golden", strings.ReplaceAll(b.String(), "\r\n", "\n"))
}

func TestTwilioKnowsItsMergeKey(t *testing.T) {
	p, err := CompileProfile(shipped()["twilio"])
	if err != nil || p.MergeKey != "X-Twilio-CallSid" {
		t.Errorf("%v %v", p, err)
	}
}

func TestCompileProfilesNamesWhatIsWrong(t *testing.T) {
	e := Default()
	e.Trunks = []Trunk{{ID: "a", Profile: "none"}}
	if _, err := e.CompileProfiles(); err == nil || !strings.Contains(err.Error(), `trunk a: there is no profile "none"`) {
		t.Errorf("got %v", err)
	}
	e.Profiles = []Profile{{Name: "none"}}
	if _, err := e.CompileProfiles(); err == nil || !strings.Contains(err.Error(), "outcomes.busy: has no code") {
		t.Errorf("got %v", err)
	}
}
