package conformance

import (
	"strings"
	"testing"
	"time"
)

// cancel writes the CANCEL of an INVITE (section 9.1).
func (k *call) cancel(invite string, more ...string) string {
	m := read(invite)
	n, _, _ := strings.Cut(strings.TrimSpace(m.one("cseq")), " ")
	head := append([]string{"CANCEL " + m.uri() + " SIP/2.0", "Via: " + m.list("via")[0], "Max-Forwards: 70", "From: " + m.one("from"), "To: " + m.one("to"),
		"Call-ID: " + m.callID(), "CSeq: " + n + " CANCEL"}, more...)
	return lines("", append(head, "Content-Length: 0")...)
}

func (g *stage) cancels(t *testing.T) {
	g.scenes(t, []scene{
		{"while_ringing", func(k *call) { // 9.1, 9.2, 16.10
			invite := k.invite(alone, "Require: 100rel", "Subject: x")
			at := k.offer(invite)
			at.back(reply(at.msg, 180, "g", "", ""))
			k.up(180)
			k.send(k.cancel(invite, "Reason: SIP;cause=200;text=\"Call completed elsewhere\""))
			ok := k.up(200)
			if ok.one("cseq") != "1 CANCEL" {
				k.Errorf("9.2: CSeq of the answer is %q", ok.one("cseq"))
			}
			down := k.down("CANCEL")
			k.hopByHop(at, down, "CANCEL", at.one("to"))
			if down.one("reason") != "SIP;cause=200;text=\"Call completed elsewhere\"" {
				k.Errorf("RFC 3326 3.1: Reason is %q", down.one("reason"))
			}
			if down.one("require") != "" || down.one("proxy-require") != "" {
				k.Error("9.1: a CANCEL requires nothing")
			}
			down.back(reply(down.msg, 200, "g", "", ""))
			k.quiet(k.from) // 16.10: that 200 was for us
			final := k.refused(invite, at, 487, 487)
			if tagOf(final.one("to")) != tagOf(ok.one("to")) {
				k.Errorf("9.2: To tags of the CANCEL's and the INVITE's answers are %q and %q", ok.one("to"), final.one("to"))
			}
		}},
		{"before_a_provisional", func(k *call) { // 9.1: not sent before one came
			invite := k.invite(alone)
			at := k.offer(invite)
			k.send(k.cancel(invite))
			k.up(200)
			k.quiet(k.gw)
			at.back(reply(at.msg, 100, "", "", ""))
			down := k.down("CANCEL")
			down.back(reply(down.msg, 200, "", "", ""))
			k.refused(invite, at, 487, 487)
		}},
		{"crosses_the_answer", func(k *call) { // 9.1, 15: a 2xx wins
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 180, "g", "", ""))
			k.up(180)
			k.send(k.cancel(invite))
			k.up(200)
			down := k.down("CANCEL")
			at.back(reply(at.msg, 200, "g", "Contact: <sip:g@"+k.gw.addr+">\r\n", ""))
			answer := k.up(200)
			if answer.one("cseq") != "1 INVITE" {
				k.Fatalf("16.7 5: want the 2xx of the INVITE:\n%s", answer.raw)
			}
			down.back(reply(down.msg, 481, "", "", ""))
			k.send(k.inside("ACK", at, answer, 1))
			k.down("ACK")
			k.bye(at, answer, 2)
		}},
		{"gateway_knows_no_cancel", func(k *call) { // 9.1: the INVITE's own final counts
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 180, "g", "", ""))
			k.up(180)
			k.send(k.cancel(invite))
			k.up(200)
			down := k.down("CANCEL")
			down.back(reply(down.msg, 405, "", "", ""))
			k.quiet(k.from)
			k.refused(invite, at, 486, 487)
		}},
		{"after_the_final", func(k *call) { // 9.2: no effect
			invite := k.invite(alone)
			k.refused(invite, k.offer(invite), 486, 486)
			k.send(k.cancel(invite))
			if l := k.next(k.from, limit); l == nil || l.status() != 200 && l.status() != 481 {
				k.Errorf("9.2: %v", l)
			}
			k.quiet(k.gw)
		}},
		{"after_the_answer", func(k *call) {
			invite := k.invite(alone)
			at, answer := k.talk(invite)
			k.send(k.cancel(invite))
			if l := k.next(k.from, limit); l == nil || l.one("cseq") != "1 CANCEL" {
				k.Errorf("9.2: %v", l)
			}
			k.quiet(k.gw)
			k.bye(at, answer, 2)
		}},
		{"with_another_branch", func(k *call) { // 9.2, 17.2.3: matches nothing
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 180, "g", "", ""))
			k.up(180)
			k.send(strings.Replace(k.cancel(invite), "branch=z9hG4bK", "branch=z9hG4bK-other-", 1))
			k.up(481)
			k.quiet(k.gw)
			k.refused(invite, at, 486, 486)
		}},
		{"with_another_sent_by", func(k *call) { // 17.2.3
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 180, "g", "", ""))
			k.up(180)
			k.send(strings.Replace(k.cancel(invite), k.from.addr+";rport", "a.example.com;rport", 1))
			k.up(481)
			k.quiet(k.gw)
			k.refused(invite, at, 486, 486)
		}},
		{"sent_again", func(k *call) { // 9.2: each gets its 200, the gateway one CANCEL
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 180, "g", "", ""))
			k.up(180)
			k.send(k.cancel(invite))
			ok := k.up(200)
			down := k.down("CANCEL")
			down.back(reply(down.msg, 200, "", "", ""))
			k.send(k.cancel(invite))
			k.copies(k.from, ok.raw, 1)
			k.quiet(k.gw)
			k.refused(invite, at, 487, 487)
		}},
		{"rfc_2543_caller", func(k *call) { // 17.2.3: without a cookie the whole Via tells
			invite := k.invite(alone, "Via: SIP/2.0/UDP {addr}", "From: <sip:+14155550123@127.0.1.1>")
			at := k.offer(invite)
			at.back(reply(at.msg, 180, "g", "", ""))
			k.up(180)
			k.send(k.cancel(invite))
			k.up(200)
			down := k.down("CANCEL")
			down.back(reply(down.msg, 200, "", "", ""))
			k.refused(invite, at, 487, 487)
			k.quiet(k.from, k.gw)
		}},
		{"ack_of_a_failure", func(k *call) { // 17.1.1.3: built here, from the INVITE and its final
			invite := k.invite(alone, "Subject: x", "Proxy-Authorization: Digest username=\"a\"")
			at := k.offer(invite)
			final := reply(at.msg, 486, "g-tag", "", "")
			at.back(final)
			ack := k.down("ACK")
			k.hopByHop(at, ack, "ACK", read(final).one("to"))
			k.ackFailure(invite, k.up(486))
			k.quiet(k.gw) // 16.11, 17.2.1: the caller's own ends here
			at.back(final)
			k.copies(k.gw, ack.raw, 1) // 17.1.1.2: each copy of a final gets its ACK
			k.quiet(k.from)
		}},
		{"ack_of_an_answer", func(k *call) { // 13.2.2.4, 16.6: a request of its own
			at := k.offer(k.invite(alone))
			at.back(reply(at.msg, 200, "g", "Contact: <sip:g@"+k.gw.addr+";x=y>\r\n", ""))
			answer := k.up(200)
			k.send(k.inside("ACK", at, answer, 1, "Content-Type: application/sdp", "Unheard-Of: a", "body="+sdp))
			ack := k.down("ACK")
			vias := ack.list("via")
			if len(vias) != 2 || branchOf(vias[0]) == branchOf(at.list("via")[0]) || ack.one("max-forwards") != "69" || ack.body != sdp ||
				ack.one("unheard-of") != "a" || ack.uri() != "sip:g@"+k.gw.addr+";x=y" || len(ack.list("route")) != 0 || ack.one("cseq") != "1 ACK" {
				k.Errorf("16.6: the ACK arrived as\n%s", ack.raw)
			}
			k.send(k.inside("ACK", at, answer, 1, "Content-Type: application/sdp", "Unheard-Of: a", "body="+sdp))
			k.copies(k.gw, ack.raw, 1) // 13.3.1.4: every copy of it goes through
			k.quiet(k.from)
		}},
	})
}

// hopByHop says that a request belongs to the INVITE it follows: one Via, the
// INVITE's own, and the same identity (sections 9.1 and 17.1.1.3).
func (k *call) hopByHop(invite, got letter, method, to string) {
	k.Helper()
	if vias := got.list("via"); len(vias) != 1 || vias[0] != invite.list("via")[0] {
		k.Errorf("%s has Vias %q, the INVITE's first is %q", method, vias, invite.list("via")[0])
	}
	n, _, _ := strings.Cut(invite.one("cseq"), " ")
	for name, want := range map[string]string{"from": invite.one("from"), "to": to, "call-id": invite.one("call-id"), "cseq": n + " " + method} {
		if got.one(name) != want {
			k.Errorf("%s: %s is %q, want %q", method, name, got.one(name), want)
		}
	}
	if got.uri() != invite.uri() || got.body != "" || got.one("contact") != "" || got.one("record-route") != "" {
		k.Errorf("%s is not what belongs to its INVITE:\n%s", method, got.raw)
	}
}

// copies waits for exact copies of a message that came before.
func (k *call) copies(e *end, raw string, n int) {
	k.Helper()
	timeout := time.After(limit)
	for n > 0 {
		select {
		case l := <-e.box(k.id):
			if l.raw == raw {
				n--
			} else if !k.seen[e.addr+l.raw] {
				k.Fatalf("want a copy, got\n%s\nthe original is\n%s", l.raw, raw)
			}
		case <-timeout:
			k.Fatalf("%d copies are missing of\n%s", n, raw)
		}
	}
}

// none says that no copy of anything comes for d.
func (k *call) none(e *end, d time.Duration) {
	k.Helper()
	select {
	case l := <-e.box(k.id):
		k.Errorf("%s got more:\n%s", e.addr, l.raw)
	case <-time.After(d):
	}
}
