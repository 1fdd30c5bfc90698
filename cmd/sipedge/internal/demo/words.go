package demo

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge"
)

// why says each reason in half a sentence. A reason that is not here stands for
// itself.
var why = map[routing.Because]string{
	routing.NotANumber:            "what was dialled names no public number",
	routing.NumberUnknown:         "no such number here",
	routing.TableStale:            "the table is too old to know this number",
	routing.Record:                "its record says so, no port is in flight",
	routing.PortPending:           "its port is not active yet",
	routing.PortActive:            "its port is active, settling is ahead",
	routing.PortSuspended:         "its port is suspended",
	routing.PortCancelled:         "its port is cancelled",
	routing.PortOut:               "its customer leaves",
	routing.SnapbackWaits:         "going back was asked for and not yet seen",
	routing.SnappedBackTo:         "it is back where it came from",
	routing.RecordOverState:       "its record and its porting state disagree, the record is followed",
	routing.NoAuthority:           "its record says that nobody carries it",
	routing.BeforeCut:             "its cutover is still ahead",
	routing.Cut:                   "its cutover has happened",
	routing.RolledBack:            "its cutover was rolled back",
	routing.ClockUncertain:        "the clock cannot tell yet on which side of a cutover it stands",
	routing.ClockTooWide:          "the clock is too uncertain to decide here",
	routing.RevisionUnresolved:    "a change of its cutover is under way, and where old and new disagree nobody answers yet",
	routing.SettledOverRecord:     "its record contradicts a cutover that is settled, and the cutover holds",
	routing.OverrideBlock:         "an operator has blocked it",
	routing.OverrideForceLegacy:   "an operator sends it to legacy",
	routing.OverrideForceSpeakOps: "an operator sends it to SpeakOps",
	routing.TestOverride:          "the caller asked for this side with X-SpeakOps-Route",
	routing.LoopGuard:             "this call has been here before",
	routing.PSAP:                  "an emergency call-back",
	routing.RescueEarlyDisconnect: "the losing carrier let go before the cut",
	routing.FallbackAfterCut:      "SpeakOps is down after the cut",
	routing.NoRoute:               "its holder has no route",
	routing.WrongRoute:            "its route belongs to the other side",
	routing.PSTNComesBack:         "the network would bring it back to us",
}

// Verdict is a decision for people: who takes the call, on which way, and why.
func Verdict(c sipedge.CallLine) (who, way, because string) {
	d := c.Decision
	because = string(c.Because)
	if text := why[c.Because]; text != "" {
		because += ": " + text
	}
	if d.Kind != routing.KindRoute || c.Outcome != "" {
		return "refused", strconv.Itoa(c.Code), because
	}
	via := make([]string, d.Order.N)
	for i, at := range d.Order.At[:d.Order.N] {
		via[i] = string(d.Route.Gateways[at].ID)
	}
	return d.Authority.String(), "via " + strings.Join(via, ", then "), because
}

// Ended is a call detail record as far as people want to read it.
type Ended struct {
	Edge         string `json:"edge"`
	PublicNumber string `json:"public_number"`
	Caller       string `json:"caller"`
	Gateway      string `json:"gateway"`
	Outcome      string `json:"outcome"`
	Code         int    `json:"code"`
	HungUpBy     string `json:"hung_up_by"`
	Duration     int64  `json:"duration_ms"`
	Setup        int64  `json:"setup_ms"`
	Invited      string `json:"invited"`
	Ended        string `json:"ended"`
	Attempts     []struct {
		Gateway string `json:"gateway"`
		Code    int    `json:"code"`
	} `json:"attempts"`
}

// ReadEnded reads one line of the call detail records.
func ReadEnded(line []byte) (e Ended, err error) {
	err = json.Unmarshal(line, &e)
	return e, err
}

// Carried says whether the call got as far as a gateway; one that did not has
// ended with its decision.
func (e Ended) Carried() bool { return e.Gateway != "" }

// String is the end of a call in one line.
func (e Ended) String() string {
	if e.Outcome == "answered" {
		return fmt.Sprintf("answered by %s after %s, %s long, hung up by the %s", e.Gateway, seconds(e.Setup), seconds(e.Duration), e.HungUpBy)
	}
	var tried []string
	for _, a := range e.Attempts {
		if a.Code != 0 {
			tried = append(tried, fmt.Sprintf("%s said %d", a.Gateway, a.Code))
		} else {
			tried = append(tried, a.Gateway+" said nothing final")
		}
	}
	return fmt.Sprintf("%s, %d to the caller (%s)", strings.ReplaceAll(e.Outcome, "_", " "), e.Code, strings.Join(tried, "; "))
}

func seconds(ms int64) string {
	return fmt.Sprintf("%.1f s", (time.Duration(ms) * time.Millisecond).Seconds())
}
