package routing

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The legal moves, written as a porting desk would draw them: a second, simple
// account to hold the tables against.
const (
	localMap = `
 -> draft settled
draft -> validating cancel_pending
validating -> submitted cancel_pending
submitted -> foc_confirmed rejected cancel_pending
foc_confirmed -> armed rejected jeopardy conflict cancel_pending
armed -> activating foc_confirmed jeopardy conflict cancel_pending
activating -> ported partially_active snapback_pending
partially_active -> ported snapback_pending
ported -> settled snapback_pending
settled -> snapback_pending port_out_pending
rejected -> submitted cancel_pending
jeopardy -> foc_confirmed armed cancel_pending
conflict -> foc_confirmed cancelled cancel_pending
cancel_pending -> cancelled draft validating submitted rejected foc_confirmed armed jeopardy conflict
cancelled -> draft
snapback_pending -> snapped_back
snapped_back -> draft
port_out_pending -> ported_out settled
ported_out -> draft`
	tollFreeMap = `
 -> draft settled
draft -> loa_ready cancel_pending
loa_ready -> roc_submitted cancel_pending
roc_submitted -> released roc_declined cancel_pending
roc_declined -> roc_submitted cancel_pending
released -> cpr_scheduled roc_reversed
cpr_scheduled -> cpr_active released roc_reversed
cpr_active -> settled roc_reversed
settled -> roc_reversed
roc_reversed -> draft
cancel_pending -> cancelled draft loa_ready roc_submitted roc_declined
cancelled -> draft`
)

func TestEveryPairOfStates(t *testing.T) {
	for kind, drawn := range map[NumberType]string{Local: localMap, Mobile: localMap, TollFree: tollFreeMap} {
		legal := map[[2]string]bool{}
		for _, line := range strings.Split(drawn[1:], "\n") {
			from, to, _ := strings.Cut(line, " -> ")
			if line[0] == ' ' {
				from, to = "", strings.TrimPrefix(line, " -> ")
			}
			for _, s := range strings.Fields(to) {
				legal[[2]string{from, s}] = true
			}
		}
		for from := range portingStates {
			for to := range portingStates {
				err := Move{NumberType: kind, From: from, To: to, FOC: "v1"}.Check()
				if want := legal[[2]string{from.String(), to.String()}]; (err == nil) != want {
					t.Errorf("%s %q -> %q: %v, want legal=%v", kind, from, to, err, want)
				}
				if listed := slices.Contains(NextStates(kind, from), to); listed != (err == nil) {
					t.Errorf("%s %q -> %q: NextStates says %v, Check %v", kind, from, to, listed, err)
				}
				var illegal *IllegalMove
				if err != nil && (!errors.As(err, &illegal) || illegal.Reason == "" || illegal.Move.To != to) {
					t.Errorf("%s %q -> %q is refused without a reason: %v", kind, from, to, err)
				}
			}
		}
	}
}

func TestRefusalsSayWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct {
		move Move
		want string
	}{
		{Move{Local, FOCConfirmed, Armed, "", NoPort}, "firm order commitment"},
		{Move{Local, CancelPending, Armed, "", Armed}, "firm order commitment"},
		{Move{Local, Cancelled, Activating, "v1", NoPort}, "begins with draft"},
		{Move{Local, Ported, Cancelled, "v1", NoPort}, "snapback_pending"},
		{Move{Local, Activating, CancelPending, "v1", NoPort}, "snapback_pending"},
		{Move{TollFree, CPRActive, CancelPending, "", NoPort}, "roc_reversed"},
		{Move{Local, Settled, Armed, "v1", NoPort}, "not armed again"},
		{Move{Local, Armed, Armed, "v2", NoPort}, "disarming"},
		{Move{Local, Armed, Ported, "v1", NoPort}, "activation cannot be skipped"},
		{Move{Local, Draft, Released, "", NoPort}, "no state of a local number"},
		{Move{TollFree, Released, Armed, "v1", NoPort}, "no state of a toll_free number"},
		{Move{NumberTypeUnknown, Draft, Validating, "", NoPort}, "number_type is not known"},
		{Move{Local, CancelPending, Draft, "v1", Submitted}, "goes back to where it was asked, submitted"},
		{Move{Local, Draft, NoPort, "", NoPort}, "not forgotten"},
		{Move{Local, Draft, Draft, "", NoPort}, "already there"},
		{Move{Local, Draft, Submitted, "", NoPort}, "validating, cancel_pending"},
		{Move{Local, portingStates, Draft, "", NoPort}, "not a state"},
	} {
		if err := c.move.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s -> %s: %v, want it to say %q", c.move.From, c.move.To, err, c.want)
		}
	}
	for _, ok := range []Move{
		{Local, CancelPending, Submitted, "", Submitted},
		{Local, CancelPending, Submitted, "", NoPort},
		{Local, CancelPending, Cancelled, "", Submitted},
		{Local, Jeopardy, Armed, "v2", NoPort},
	} {
		if err := ok.Check(); err != nil {
			t.Error(err)
		}
	}
}

// A random port never leaves its own kind's states, never arms without a
// commitment, and reaches SpeakOps only through activation.
func TestPortsWalkLegally(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]NumberType{Local, Mobile, TollFree}).Draw(t, "type")
		at, activated := Draft, false
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			m := Move{NumberType: kind, From: at, To: PortingState(rapid.IntRange(0, int(portingStates)-1).Draw(t, "to"))}
			if rapid.Bool().Draw(t, "foc") {
				m.FOC = "v1"
			}
			if m.Check() != nil {
				continue
			}
			if m.To == Armed && m.FOC == "" {
				t.Fatalf("armed without a commitment from %s", at)
			}
			at = m.To
			activated = activated && at != Draft || at == Activating || at == CPRActive
			if at.ComesToUs() && !activated {
				t.Fatalf("%s without activation", at)
			}
			if len(NextStates(kind, at)) == 0 {
				t.Fatalf("%s is a dead end", at)
			}
		}
	})
}
