package conformance

import (
	"strings"
	"testing"
	"time"
)

func (g *stage) strays(t *testing.T) {
	stray := func(k *call, edit func(response string) string) { // a response that must go nowhere
		k.lax = true
		invite := k.invite(alone)
		at := k.offer(invite)
		at.back(edit(reply(at.msg, 404, "stray", "", "")))
		k.quiet(k.from, k.gw)
		k.refused(invite, at, 486, 486)
	}
	swap := func(old, new string) func(*call) {
		return func(k *call) {
			stray(k, func(r string) string {
				if !strings.Contains(r, old) {
					k.Fatalf("no %q in %s", old, r)
				}
				return strings.Replace(r, old, new, 1)
			})
		}
	}
	g.scenes(t, []scene{
		{"wrong_branch", func(k *call) { // 17.1.3
			stray(k, func(r string) string {
				b := branchOf(read(r).list("via")[0])
				return strings.Replace(r, b, b[:len(b)-4]+"AAAA", 1)
			})
		}},
		{"not_our_via_on_top", func(k *call) { // 16.7 3, 18.1.2: the sent-by is not ours
			stray(k, func(r string) string {
				return strings.Replace(r, "Via:", "Via: SIP/2.0/UDP 127.0.3.9;branch=z9hG4bKx\r\nVia:", 1)
			})
		}},
		{"only_the_callers_via", func(k *call) { // 18.1.2: nobody is to be reached through us that way
			stray(k, func(r string) string {
				m := read(r)
				return strings.Replace(r, m.fields[0].line+"\r\n", "", 1)
			})
		}},
		{"other_method", swap("CSeq: 1 INVITE", "CSeq: 1 BYE")}, // 17.1.3: the CSeq method must match
		{"other_call_id", func(k *call) { // the same branch, another conversation
			other := k.stage.call(k.T)
			other.id = "x" + k.id
			stray(k, func(r string) string { return strings.Replace(r, k.id, other.id, 1) })
			other.quiet(other.from)
		}},
		{"short_body", swap("Content-Length: 0", "Content-Length: 50")}, // 18.3
		{"broken_status", swap("SIP/2.0 404", "SIP/2.0 4040")},          // RFC 4475 3.1.2.19
		{"status_out_of_range", swap("SIP/2.0 404", "SIP/2.0 704")},
		{"status_too_low", swap("SIP/2.0 404", "SIP/2.0 099")},
		{"other_version", swap("SIP/2.0 404", "SIP/7.0 404")},
		{"no_cseq", func(k *call) {
			stray(k, func(r string) string { return strings.Replace(r, "CSeq: 1 INVITE\r\n", "", 1) })
		}},
		{"answer_of_an_edge_unknown", func(k *call) { // 18.1.2: a response out of the blue is nobody's
			k.gw.write(k.fill(lines("", "SIP/2.0 200 OK", "Via: SIP/2.0/UDP {edge};branch=z9hG4bKunknown", "Via: {via}", "From: <sip:a@b>;tag=1",
				"To: <sip:c@d>;tag=2", "Call-ID: {id}", "CSeq: 1 INVITE", "Content-Length: 0")))
			k.quiet(k.from, k.gw)
		}},
		{"final_after_final", func(k *call) { // 17.1.1.2: the first one counts, others get their ACK at most
			invite := k.invite(alone)
			at := k.offer(invite)
			k.refused(invite, at, 486, 486)
			at.back(reply(at.msg, 404, "other", "", ""))
			at.back(reply(at.msg, 180, "other", "", ""))
			k.none(k.from, patience)
		}},
		{"answer_after_failure", func(k *call) { // nobody may be left talking to nobody
			invite := k.invite(pair(5))
			first := k.offer(invite)
			first.back(reply(first.msg, 100, "", "", ""))
			k.gw = k.b
			second := k.down("INVITE") // after the first one's progress timer
			k.refused(invite, second, 486, 486)
			k.gw = k.a
			k.seen[k.a.addr] = true
			cancel := k.down("CANCEL")
			cancel.back(reply(cancel.msg, 200, "", "", ""))
			first.back(reply(first.msg, 200, "late", "Contact: <sip:late@"+k.a.addr+">\r\n", ""))
			for range 2 { // forwarded (16.7 5), or ended here by ACK and BYE
				select {
				case l := <-k.from.box(k.id):
					if l.status() != 200 {
						k.Errorf("the caller got %s", l.raw)
					}
					return
				case l := <-k.a.box(k.id):
					if m := l.method(); m != "ACK" && m != "BYE" {
						k.Errorf("the gateway got %s", l.raw)
					}
					if l.method() == "BYE" {
						l.back(reply(l.msg, 200, "", "", ""))
					}
				case <-time.After(limit):
					k.Fatal("16.7 5: a 2xx was lost")
				}
			}
		}},
		{"answer_to_a_bye_comes_late", func(k *call) { // after the exchange is over it goes nowhere twice
			at, answer := k.talk(k.invite(alone))
			k.send(k.inside("BYE", at, answer, 2))
			bye := k.down("BYE")
			bye.back(reply(bye.msg, 200, "", "", ""))
			k.up(200)
			bye.back(reply(bye.msg, 200, "", "", ""))
			bye.back(reply(bye.msg, 500, "", "", ""))
			k.none(k.from, patience)
		}},
		{"stranger", func(k *call) { // silence to whoever is neither trunk nor gateway
			known := k.from
			k.from = listenUDP(k.T, at0("127.0.3.1"), k.udp)
			invite := k.invite(alone)
			for _, text := range []string{invite, k.request("OPTIONS", alone, ""), k.request("REGISTER", alone, ""), k.request("BYE", alone, ""),
				k.cancel(invite), "\r\n\r\n", "x", k.invite(alone, "-CSeq"), strings.Replace(invite, "SIP/2.0", "SIP/9.0", 1)} {
				k.send(text)
			}
			k.quiet(k.from, k.gw, known)
		}},
		{"stranger_inside_a_dialog", func(k *call) { // a stolen route is of no use from elsewhere
			at, answer := k.talk(k.invite(alone))
			thief := listenUDP(k.T, at0("127.0.3.1"), k.udp)
			thief.write(k.inside("BYE", at, answer, 2))
			k.quiet(thief, k.gw, k.from)
			k.bye(at, answer, 3)
		}},
		{"stranger_answers", func(k *call) { // responses are asked where they come from, too
			invite := k.invite(alone)
			at := k.offer(invite)
			thief := listenUDP(k.T, at0("127.0.3.1"), k.udp)
			thief.write(reply(at.msg, 200, "thief", "Contact: <sip:thief@"+thief.addr+">\r\n", ""))
			k.quiet(k.from, thief)
			k.refused(invite, at, 486, 486)
		}},
		{"gateway_begins_a_call", func(k *call) { // this edge carries no calls outwards
			k.from = k.a
			k.send(k.invite(alone))
			k.up(403)
			k.quiet(k.b)
		}},
		{"ack_of_nothing", func(k *call) {
			k.send(k.request("ACK", alone, "", "To: <sip:x@y>;tag=1"))
			k.quiet(k.from, k.gw)
		}},
	})
}
