//go:build broken

package ledger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/speakops/sipedge/cutover"
)

// breaks are the rules that the store of this Ledger does not keep.
type breaks struct {
	names []string
	steps map[string]step // scripts without them
}

// edit is a change in the text of a script that takes a rule away. A rule of the
// recovery is kept in Go, and has no edit (see cutover.Barrier.Break).
type edit struct{ script, text, instead string }

const refusesLate = "if now >= tonumber(get('deadline')) then return answer('too_late', 'deadline', get('deadline')) end"

var edits = map[string][]edit{
	"removeAny": {{"propose", "if not has(meta.members, member) and not is_off(member) then", "if false then"}},
	"noOverlap": {{"claim", "if overlap > 0 then", "if false then"}},
	"sameIDs": {
		{"propose", "if call('HEXISTS', K.aborted, id) == 1 then", "if false then"},
		{"ack", "if call('HEXISTS', K.aborted, id) == 1 then", "if false then"},
	},
	"rewrite": {
		{"propose", "if behind and now < behind + tonumber(meta.guard) then", "if false then"},
		{"propose", "elseif differs and differs < earliest then", "elseif false then"},
	},
	"noStoreGuard": {{"ack", refusesLate, ""}},
	"majority":     {{"ack", "if #waiting == 0 and witnessed() then", "if (#waiting == 0 or #waiting == 1 and #meta.members > 2) and witnessed() then"}},
	"joinerAlone": {{"ack", "if #waiting == 0 and witnessed() then",
		"local base = meta_of(get('committed'))\nif #waiting == 0 and witnessed() or base and not has(base.members, edge) then"}},
	"noDeadline": {{"abort", "if right == 'overdue' and now < tonumber(get('deadline')) then", "if right == 'overdue' then"}},
	"abortAfter": {{"abort", "if call('HEXISTS', K.bodies, id) == 1 then return answer('committed') end",
		`local was = meta_of(id)
  if was and get('committed') == id and call('HEXISTS', K.bodies, was.previous) == 1 then
    mark_aborted(id, was.number, 'after all')
    set('committed', was.previous)
    set('committed_number', whole(tonumber(was.number) - 1))
    save()
    return answer('ok', 'why', 'after all')
  end
  if call('HEXISTS', K.bodies, id) == 1 then return answer('committed') end`}},
	"lateOff":     {{"declare off", "pending ~= '' and now < tonumber(get('deadline')) and", "pending ~= '' and"}},
	"unrecovered": {{"", "if not recovered then return answer('unrecovered') end", ""}},
	"noBarrier": {
		{"", "set('recovered', '0')", "set('recovered', '1')"},
		{"", "begun, recovered = true, false", "begun, recovered = true, true"},
	},
	"settledAtOnce": {{"time", "'settled', recovered and now > (tonumber(get('shown')) or 0) and '1' or '0'", "'settled', '1'"}},
	"quorum":        nil,
	"blindCommit":   nil,
	"blindAbort":    nil,
}

// sources are the scripts that an edit may name, "" being what all begin with.
var sources = map[string]string{"abort": abortSource, "ack": ackSource, "claim": claimSource, "declare off": offSource, "propose": proposeSource, "time": timeSource,
	"begin": beginSource, "report": reportSource, "recover": recoverSource, "status": statusSource, "heartbeat": beatSource}

// Break makes a Ledger whose store does not keep the named rules, for simulations
// that are to go red. It exists in builds with the tag broken only, and comes
// before anything else.
func (l *Ledger) Break(names ...string) error {
	l.breaks = breaks{steps: map[string]step{}}
	head, bodies := common, map[string]string{}
	for name, source := range sources {
		bodies[name] = source
	}
	for _, name := range names {
		list, known := edits[name]
		if !known {
			return fmt.Errorf("no rule of the store is called %q", name)
		}
		l.breaks.names = append(l.breaks.names, name)
		for _, e := range list {
			text := head
			if e.script != "" {
				text = bodies[e.script]
			}
			if strings.Count(text, e.text) != 1 {
				return fmt.Errorf("%s: script %q does not say %q once", name, e.script, e.text)
			}
			if text = strings.Replace(text, e.text, e.instead, 1); e.script == "" {
				head = text
			} else {
				bodies[e.script] = text
			}
		}
	}
	for name, source := range bodies {
		l.breaks.steps[name] = step{name, redis.NewScript(head + source)}
	}
	return nil
}

// step is the script without the rules. "recover" names two scripts, of which
// only the one that applies a verdict is among the sources.
func (b breaks) step(s step) step {
	if broken, is := b.steps[s.name]; is && s.Script != barrierStep.Script {
		return broken
	}
	return s
}

// barrier is a recovery without those of its rules that are among the names.
func (b breaks) barrier(of cutover.Barrier) cutover.Barrier {
	for _, name := range b.names {
		if slices.Contains([]string{"quorum", "blindCommit", "blindAbort"}, name) {
			of, _ = of.Break(name)
		}
	}
	return of
}
