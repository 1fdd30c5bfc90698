package conformance

import (
	"strings"
	"testing"
	"time"
)

// Timers are judged by what comes and what no longer comes, not by the clock:
// T1 is half a second, so two copies need some 1.5 s.
const twoTimers = 1300 * time.Millisecond

func (g *stage) retransmissions(t *testing.T) {
	g.scenes(t, []scene{
		{"invite_while_proceeding", func(k *call) { // 17.2.1: the last provisional again, nothing to the gateway
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 100, "", "", ""))
			at.back(reply(at.msg, 183, "g", "", ""))
			k.up(183)
			at.back(reply(at.msg, 180, "g", "", ""))
			last := k.up(180)
			k.send(invite)
			k.copies(k.from, last.raw, 1)
			k.none(k.gw, patience)
			k.refused(invite, at, 486, 486)
		}},
		{"invite_after_failure", func(k *call) { // 17.2.1: Completed repeats the final, Confirmed nothing
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 486, "g", "", ""))
			k.down("ACK")
			final := k.up(486)
			k.send(invite)
			k.copies(k.from, final.raw, 1)
			k.ackFailure(invite, final)
			k.send(invite)
			k.ackFailure(invite, final)
			k.send(invite)
			k.none(k.from, patience)
			k.none(k.gw, 0)
		}},
		{"invite_after_answer", func(k *call) { // RFC 6026 7.1: absorbed
			invite := k.invite(alone)
			at, answer := k.talk(invite)
			k.send(invite)
			k.send(invite)
			k.none(k.gw, patience)
			k.none(k.from, 0)
			k.bye(at, answer, 2)
		}},
		{"timer_a", func(k *call) { // 17.1.1.2: the INVITE again, the very same, until a provisional
			invite := k.invite(alone)
			at := k.offer(invite)
			k.copies(k.gw, at.raw, 2)
			at.back(reply(at.msg, 100, "", "", ""))
			k.none(k.gw, twoTimers)
			k.refused(invite, at, 486, 486)
		}},
		{"timer_a_not_over_tcp", func(k *call) { // 17.1.1.2
			k.gw = k.t
			invite := k.invite(stream)
			at := k.offer(invite)
			k.none(k.gw, twoTimers)
			k.refused(invite, at, 486, 486)
		}},
		{"timer_g", func(k *call) { // 17.2.1: the final again until its ACK
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 486, "g", "", ""))
			k.down("ACK")
			final := k.up(486)
			k.copies(k.from, final.raw, 2)
			k.ackFailure(invite, final)
			k.none(k.from, twoTimers)
		}},
		{"timer_g_of_a_refusal", func(k *call) {
			invite := k.invite("+12025559999")
			k.send(invite)
			k.up(100)
			final := k.up(404)
			k.copies(k.from, final.raw, 1)
			k.ackFailure(invite, final)
			k.none(k.from, twoTimers)
		}},
		{"timer_g_not_over_tcp", func(k *call) {
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			k.send(k.invite("+12025559999"))
			k.up(100)
			k.up(404)
			k.none(k.from, twoTimers)
		}},
		{"timer_e", func(k *call) { // 17.1.2.2: a BYE again until its final
			at, answer := k.talk(k.invite(alone))
			k.send(k.inside("BYE", at, answer, 2))
			bye := k.down("BYE")
			k.copies(k.gw, bye.raw, 2)
			bye.back(reply(bye.msg, 200, "", "", ""))
			k.up(200)
			k.none(k.gw, twoTimers)
		}},
		{"timer_e_of_a_cancel", func(k *call) {
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 180, "g", "", ""))
			k.up(180)
			k.send(k.cancel(invite))
			k.up(200)
			down := k.down("CANCEL")
			k.copies(k.gw, down.raw, 1)
			down.back(reply(down.msg, 200, "", "", ""))
			k.none(k.gw, twoTimers)
			k.refused(invite, at, 487, 487)
		}},
		{"request_inside_sent_again", func(k *call) { // 17.2.2: Trying absorbs, Completed repeats the final
			at, answer := k.talk(k.invite(alone))
			info := k.inside("INFO", at, answer, 2)
			k.send(info)
			k.send(info)
			down := k.down("INFO")
			k.none(k.gw, patience)
			down.back(reply(down.msg, 200, "", "Unheard-Of: 1\r\n", ""))
			ok := k.up(200)
			k.send(info)
			k.copies(k.from, ok.raw, 1)
			k.none(k.gw, patience)
			k.bye(at, answer, 3)
		}},
		{"bye_sent_again", func(k *call) { // 17.2.2
			at, answer := k.talk(k.invite(alone))
			bye := k.inside("BYE", at, answer, 2)
			k.send(bye)
			down := k.down("BYE")
			down.back(reply(down.msg, 200, "", "", ""))
			k.up(200)
			k.send(bye)
			l := <-k.from.box(k.id)
			if l.status() != 200 || l.one("cseq") != "2 BYE" || l.one("to") != answer.one("to") || len(l.list("via")) != 1 {
				k.Errorf("17.2.2: the BYE sent again got\n%s", l.raw)
			}
			k.none(k.gw, patience)
		}},
		{"silent_gateway", func(k *call) { // 16.9, 16.7: the next one
			k.send(k.invite(pair(4)))
			k.up(100)
			first := k.down("INVITE")
			k.gw = k.b
			second := k.down("INVITE")
			at := k.answer(second)
			_ = first
			k.bye(second, at, 2)
		}},
		{"options_sent_again", func(k *call) {
			options := k.request("OPTIONS", "", "")
			options = strings.Replace(options, "sip:@", "sip:", 1)
			options = strings.Replace(options, "sip:@", "sip:", 1)
			k.send(options)
			ok := k.up(200)
			k.send(options)
			k.copies(k.from, ok.raw, 1)
		}},
	})
}
