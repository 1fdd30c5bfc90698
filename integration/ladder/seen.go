package ladder

import (
	"bytes"
	"slices"
	"strings"

	windows "github.com/speakops/sipedge/sipedge/observe/ladder"
)

// What crosses the wire without a call that it could be shown with, by the test
// it happens in.
var unseen = map[string]string{
	"TestAnchoredCallOutlivesARestart":          "the memory of the last run is gone",
	"TestAnotherEdgeAnchorsWithTheNextOffer":    "the memory of the edge that was there before is gone",
	"TestDrainLetsAnchoredCallsFinish":          "the memory of the last run is gone",
	"TestAnotherEdgeEndsARescue":                "the memory of the edge that was there before is gone",
	"TestDrainOfAnchoredCallsIsBounded":         "the memory of the last run is gone",
	"TestAnotherEdgeTakesTheBye":                "the memory of the edge that was there before is gone",
	"TestRestartAndTheInviteAgain":              "the memory of the last run is gone",
	"TestRestartMidDialog":                      "the memory of the last run is gone",
	"TestRestartMidInvite":                      "the memory of the last run is gone",
	"TestHealthOfRoutes":                        "probes are no calls",
	"TestRestartBeforeTheAck":                   "the memory of the last run is gone",
	"TestRestartBeforeTheAckAndABye":            "the memory of the last run is gone",
	"TestRestartThenTooLong":                    "the memory of the last run is gone",
	"TestLineAfterARestart":                     "the memory of the last run is gone",
	"TestAnswerAtRingTimeout":                   "a tomb has no call",
	"TestByeIsSentAgain":                        "a tomb has no call",
	"TestCancelCrossesAnswer":                   "a tomb has no call",
	"TestInviteIsSentAgainAfterAnswer":          "a tomb has no call",
	"TestReinviteIsCancelledAndAnswered":        "a tomb has no call",
	"TestRepeatedAckOfAFailedReinvite":          "a tomb has no call",
	"TestPanicCostsOneCall":                     "the ACK of a call that panicked",
	"TestCallerLimit":                           "the memory of the last run is gone",
	"TestDigestTrunk":                           "a question for a password is no refusal",
	"TestDigestRefusalsAndRotation":             "a question for a password is no refusal",
	"TestDigestFromAnywhereNeedsAConnection":    "a question for a password is no refusal",
	"TestDigestTellsTrunksApart":                "a question for a password is no refusal",
	"TestScannersFromAnywhereHearNothing":       "nothing of a stranger is looked at",
	"TestOptionsAndDraining":                    "OPTIONS are no calls",
	"TestForgedAndMutated":                      "responses that belong to nothing",
	"TestLateAnswerToANonInvite":                "responses that belong to nothing",
	"TestStrayResponses":                        "responses that belong to nothing",
	"TestWayBack":                               "responses that belong to nothing",
	"TestBrokenFloodIsAnsweredForAWhile":        "what is not answered is not looked at",
	"TestNobodyInParticularIsAnsweredForAWhile": "what is not answered is not looked at",
	"TestWhatIsDroppedIsLogged":                 "nothing of a stranger is looked at",
	"TestStrangersGetSilence":                   "nothing of a stranger is looked at",
	"TestLargeInviteFallsBackToUDP":             "what was given to a connection that never came up is shown, and says so",
	"TestLargeInviteIsNotSentTwice":             "what was given to a connection that never came up is shown, and says so",
	"TestLargeInviteWhereTCPIsSwallowed":        "what was given to a connection that never came up is shown, and says so",
	"TestTCPCallerConnectsAnew":                 "what was given to a connection that was gone is shown, and says so",
	"TestTCPGatewayRefusesConnections":          "what was given to a connection that never came up is shown, and says so",
}

// saw holds the edge's own ladders against the wire: every message of every call
// of every evening is in them, once.
func (h *H) saw() {
	h.T.Helper()
	if unseen[h.T.Name()] != "" || h.T.Failed() {
		return
	}
	kept, refused := map[string]int{}, map[string]int{}
	calls, _ := h.Ladders.List(windows.Filter{Limit: 1 << 20})
	for _, c := range calls {
		l, ok := h.Ladders.Find(c.Call)
		if !ok || l.Lost > 0 {
			h.T.Errorf("the ladder of call %s: found %v, %d lost", c.Call, ok, l.Lost)
		}
		id := ""
		for _, s := range l.Steps {
			if s.Note == "" && s.Transport != "inside" { // to a test line, which is on no wire
				id = callIDOf([]byte(s.Text))
				kept[id]++
			}
		}
		if c.State == windows.Refused {
			refused[id]++
		}
	}
	for id, n := range h.wire {
		// The ACK of a stateless refusal belongs to nothing.
		if missing := n - kept[id]; missing < 0 || missing > refused[id] {
			h.T.Errorf("%d messages of %s crossed the wire, its ladder has %d", n, id, kept[id])
		}
	}
}

// plain looks for secrets in what is shown elsewhere without a further look.
func (h *H) plain() {
	h.T.Helper()
	h.shown.Take(0, 1<<30, func(m *windows.Taken) {
		shown := bytes.Clone(m.Raw)
		if windows.Redact(shown); m.Plain && !bytes.Equal(shown, m.Raw) {
			h.T.Errorf("shown as it is:\n%s", m.Raw)
		}
	})
}

// noted wants lines that begin like this between the arrows of the only call, in
// this order, each once.
func (h *H) noted(want ...string) {
	h.T.Helper()
	calls, _ := h.Ladders.List(windows.Filter{Limit: 2})
	if len(calls) != 1 {
		h.T.Fatalf("want one call, got %d", len(calls))
	}
	l, _ := h.Ladders.Find(calls[0].Call)
	var got []string
	for _, s := range l.Steps {
		if strings.Contains(s.Note, "audio") || strings.Contains(s.Note, "media") || strings.Contains(s.Note, "rescue") {
			got = append(got, s.Note)
		}
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		h.T.Errorf("noted %q, want %q", got, want)
	}
}

func callIDOf(b []byte) string {
	for line := range strings.SplitSeq(string(b), "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok && (strings.EqualFold(name, "Call-ID") || name == "i") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
