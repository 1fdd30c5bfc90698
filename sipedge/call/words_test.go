package call

import (
	"fmt"
	"strings"
	"time"
)

// Words for events and effects, so that tests read like a conversation.

func carry(rules Rules, gateways ...int) Event {
	ev := Event{Kind: Carry, Rules: &rules}
	for _, g := range gateways {
		ev.Targets = append(ev.Targets, Target{Gateway: g})
	}
	return ev
}

// rescued is a carry whose decision allows a rescue; others is its answer.
func rescued(rules Rules, gateways ...int) Event {
	ev := carry(rules, gateways...)
	ev.Rescue = true
	return ev
}

func got(branch, code int) Event { return Event{Kind: Response, Branch: branch, Code: code} }
func broken(branch int) Event    { return Event{Kind: Broken, Branch: branch} }

var (
	forgo  = Event{Kind: Forgo}
	cancel = Event{Kind: Cancel}
	again  = Event{Kind: Again}
	ack    = Event{Kind: Ack}
	tick   = Event{Kind: Tick}
)

// usual are the rules of a route of which nothing is said.
func usual() Rules {
	return Rules{
		NoAnswer: 2 * time.Second, Progress: 4 * time.Second, Ring: 90 * time.Second, Budget: 8 * time.Second,
		FailoverOn: NewCodes(408, 500, 502, 503, 504),
	}
}

// letGo are those of a legacy route that may be rescued, and down those of one of ours.
func letGo() Rules { return with(func(r *Rules) { r.RescueOn = NewCodes(404, 410, 604) }) }

func down() Rules {
	return with(func(r *Rules) { r.RescueOn, r.RescueSilent = NewCodes(408, 500, 502, 503, 504), true })
}

var endings = map[Ending]string{
	Open: "open", Answered: "answered", Canceled: "canceled", Unanswered: "unanswered",
	GatewaysFailed: "failed", Rejected: "rejected", Refused: "refused",
}

// word is one effect: "try 0", "relay 0 180", "finish rejected 486 kept".
func (e Effect) word() string {
	switch e.Kind {
	case Decide:
		return "decide"
	case Attempt:
		return fmt.Sprintf("try %d", e.Target)
	case Repeat:
		return fmt.Sprintf("repeat %d", e.Branch)
	case SendCancel:
		return fmt.Sprintf("cancel %d", e.Branch)
	case RepeatCancel:
		return fmt.Sprintf("recancel %d", e.Branch)
	case SendAck:
		return fmt.Sprintf("ack %d", e.Branch)
	case Relay:
		return fmt.Sprintf("relay %d %d", e.Branch, e.Code)
	case Keep:
		return fmt.Sprintf("keep %d", e.Code)
	case Finish:
		if e.Kept {
			return fmt.Sprintf("finish %s %d", endings[e.Ending], e.Code)
		}
		return "finish " + endings[e.Ending]
	case Resend:
		return "resend"
	case Reap:
		return fmt.Sprintf("reap %d", e.Branch)
	case Rescue:
		return "rescue"
	case Rest:
		return "rest"
	case Gone:
		return "gone"
	case Respond:
		return fmt.Sprintf("respond %d", e.Code)
	}
	return "?"
}

func words(effects []Effect) string {
	var list []string
	for _, e := range effects {
		list = append(list, e.word())
	}
	return strings.Join(list, ", ")
}

func at(d time.Duration) Instant { return Instant(d) }
