package conformance

import (
	"fmt"
	"strings"
	"testing"
)

// finals are what a gateway may say, and what the caller of a generic trunk is
// to hear: redirections, challenges for the edge and 503 end here (section 16.7
// steps 4 to 7), everything else is the callee's own word.
var finals = map[int]int{
	300: 500, 301: 500, 302: 500, 305: 500, 380: 500, 401: 500, 407: 500, 503: 500,
	400: 400, 402: 402, 403: 403, 404: 404, 405: 405, 406: 406, 408: 0, 410: 410, 413: 413, 415: 415, 420: 420, 421: 421, 422: 422, 433: 433,
	480: 480, 481: 481, 482: 482, 483: 483, 484: 484, 485: 485, 486: 486, 487: 487, 488: 488, 491: 491, 493: 493, 499: 499,
	500: 500, 501: 501, 502: 0, 504: 0, 505: 505, 513: 513, 580: 580, 599: 599, 600: 600, 603: 603, 604: 604, 606: 606, 607: 607, 608: 608, 699: 699,
}

func (g *stage) responses(t *testing.T) {
	var codes []int
	for code := range finals {
		codes = append(codes, code)
	}
	together(t, codes, func(code int) string { return fmt.Sprint("final_", code) }, func(t *testing.T, code int) {
		k := g.call(t)
		invite := k.invite(alone)
		at := k.offer(invite)
		at.back(reply(at.msg, code, "g-"+k.key, "Contact: <sip:elsewhere@127.0.3.9>\r\nReason: Q.850;cause=17\r\nUnheard-Of: yes\r\n", "body"))
		k.down("ACK")
		l := k.next(k.from, limit)
		want := finals[code]
		switch {
		case l == nil:
			t.Fatalf("16.7 5: a %d of the only gateway leaves the caller without a final", code)
		case want == 0 && (l.status() < 400 || l.status() == 503):
			t.Errorf("16.7: %d became %d", code, l.status())
		case want != 0 && l.status() != want:
			t.Errorf("16.7: %d became %d, want %d", code, l.status(), want)
		case l.status() == code:
			if l.start != fmt.Sprintf("SIP/2.0 %d Said By The Gateway", code) || l.one("unheard-of") != "yes" || l.body != "body" || tagOf(l.one("to")) != "g-"+k.key {
				t.Errorf("16.7 9: the %d did not come through as it was:\n%s", code, l.raw)
			}
		case l.status() != code && strings.Contains(l.raw, "127.0.3.9"):
			t.Errorf("16.7 4: the caller learns of the redirection:\n%s", l.raw)
		}
		if vias := l.list("via"); len(vias) != 1 || branchOf(vias[0]) != "z9hG4bK"+k.key {
			t.Errorf("16.7 3: Vias at the caller: %q", vias)
		}
		if tagOf(l.one("to")) == "" {
			t.Errorf("8.2.6.2: no To tag")
		}
		k.ackFailure(invite, *l)
		k.quiet(k.from, k.gw)
	})
	g.scenes(t, []scene{
		{"trying", func(k *call) { // 8.2.6, 16.2: ours comes at once, with Timestamp and without a tag
			k.send(k.invite(alone, "Timestamp: 54.21"))
			trying := k.up(100)
			if trying.one("timestamp") == "" || !strings.HasPrefix(trying.one("timestamp"), "54.21") {
				k.Errorf("8.2.6.1: Timestamp is %q", trying.one("timestamp"))
			}
			if tagOf(trying.one("to")) != "" {
				k.Error("8.2.6.2: a 100 that begins a dialog")
			}
			k.refused(k.invite(alone), k.down("INVITE"), 486, 486)
		}},
		{"trying_stays_here", func(k *call) { // 16.7 5: a 100 is for one hop
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(reply(at.msg, 100, "", "Unheard-Of: yes\r\n", ""))
			k.quiet(k.from)
			k.refused(invite, at, 486, 486)
		}},
		{"provisionals", func(k *call) { // 16.7 5: every 101 to 199 at once, in order, as it is
			invite := k.invite(alone)
			at := k.offer(invite)
			for i, code := range []int{183, 180, 101, 181, 182, 199, 180, 183} {
				more := fmt.Sprintf("Contact: <sip:g@%s>\r\nRSeq: %d\r\nRequire: 100rel\r\nUnheard-Of: %d\r\nAllow: INVITE,ACK\r\nContent-Type: application/sdp\r\n", k.gw.addr, i+1, i)
				at.back(reply(at.msg, code, fmt.Sprint("g", i%2), more, sdp))
				l := k.up(code)
				if l.one("rseq") != fmt.Sprint(i+1) || l.one("unheard-of") != fmt.Sprint(i) || l.body != sdp || tagOf(l.one("to")) != fmt.Sprint("g", i%2) ||
					l.one("require") != "100rel" || l.one("contact") != "<sip:g@"+k.gw.addr+">" || l.start != fmt.Sprintf("SIP/2.0 %d Said By The Gateway", code) {
					k.Errorf("16.7 9: %d did not come through as it was:\n%s", code, l.raw)
				}
			}
			k.refused(invite, at, 486, 486)
		}},
		{"vias_in_one_line", func(k *call) { // 7.3.1: the gateway writes all Vias into one line
			invite := k.invite(alone, "Via: {via}\r\nVia: SIP/2.0/UDP a.example.com;branch=z9hG4bK1")
			at := k.offer(invite)
			vias := at.list("via")
			text := reply(at.msg, 404, "g", "", "")
			for _, f := range at.fields {
				if f.name == "via" {
					text = strings.Replace(text, f.line+"\r\n", "", 1)
				}
			}
			first, rest, _ := strings.Cut(text, "\r\n")
			at.back(first + "\r\nv:" + vias[0] + " ,\r\n " + vias[1] + "," + vias[2] + "\r\n" + rest)
			final := k.up(404)
			if got := final.list("via"); len(got) != 2 || got[0] != vias[1] || got[1] != vias[2] {
				k.Errorf("16.7 3: %q, want %q", got, vias[1:])
			}
			k.ackFailure(invite, final)
		}},
		{"empty_reason_phrase", func(k *call) { // 7.2, RFC 4475 3.1.1.13
			k.lax = true
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(strings.Replace(reply(at.msg, 486, "g", "", ""), "486 Said By The Gateway", "486 ", 1))
			k.ackFailure(invite, k.up(486))
		}},
		{"long_reason_phrase", func(k *call) { // RFC 4475 3.1.1.12
			k.lax = true
			phrase := "486 = 2**3 * 3**4 \xd0\xbd\xd0\xb5\xd1\x82 %41 " + strings.Repeat("z", 300)
			invite := k.invite(alone)
			at := k.offer(invite)
			at.back(strings.Replace(reply(at.msg, 486, "g", "", ""), "486 Said By The Gateway", phrase, 1))
			l := k.up(486)
			if l.start != "SIP/2.0 "+phrase {
				k.Errorf("16.7 9: %q", l.start)
			}
			k.ackFailure(invite, l)
		}},
		{"record_routes_of_an_answer", func(k *call) { // 16.7 8: ours may be rewritten, none may be lost
			invite := k.invite(alone, "Record-Route: <sip:p1.example.com;lr>")
			at := k.offer(invite)
			at.back(reply(at.msg, 200, "g", "Contact: <sip:g@"+k.gw.addr+">\r\n", ""))
			answer := k.up(200)
			rr := answer.list("record-route")
			if len(rr) != 2 || rr[1] != "<sip:p1.example.com;lr>" {
				k.Fatalf("16.7 8: %q", rr)
			}
			k.loose(rr[0])
		}},
		{"answers_are_all_forwarded", func(k *call) { // 16.7 5: two phones may answer; and 13.3.1.4: until the ACK
			invite := k.invite(alone)
			at := k.offer(invite)
			for _, tag := range []string{"one", "two", "three"} {
				at.back(reply(at.msg, 200, tag, "Contact: <sip:g@"+k.gw.addr+">\r\n", ""))
				if l := k.up(200); tagOf(l.one("to")) != tag {
					k.Errorf("want the 200 of %s: %s", tag, l.one("to"))
				}
			}
			k.quiet(k.gw)
		}},
		{"answer_sent_again", func(k *call) { // 16.7 5, 13.3.1.4: copies of a 2xx go up as well, before and after the ACK
			at, answer := k.talk(k.invite(alone))
			// A call at rest has forgotten why it was decided as it was.
			head, rest, _ := strings.Cut(answer.raw, "X-SpeakOps-Decision: ")
			_, rest, told := strings.Cut(rest, "\r\n")
			if !told {
				k.Errorf("a trunk with diagnostics is not told the decision:\n%s", answer.raw)
			}
			again := reply(at.msg, 200, "g", "Contact: <sip:gateway@"+k.gw.uriTail()+">\r\n", "")
			at.back(again)
			k.copies(k.from, head+rest, 1)
		}},
		{"next_gateway", func(k *call) { // 16.7 6: 503 is the gateway's own trouble
			invite := k.invite(pair(0))
			first := k.offer(invite)
			first.back(reply(first.msg, 503, "g", "Retry-After: 60\r\n", ""))
			k.down("ACK")
			k.gw = k.b
			second := k.down("INVITE")
			if branchOf(first.list("via")[0]) == branchOf(second.list("via")[0]) {
				k.Error("16.6 8: another target, another branch")
			}
			if second.one("max-forwards") != first.one("max-forwards") || len(second.list("via")) != 2 {
				k.Errorf("16.6: the second attempt is made of the request as it was received:\n%s", second.raw)
			}
			k.quiet(k.from)
			k.refused(invite, second, 486, 486)
		}},
		{"all_gateways_fail", func(k *call) { // 16.7 6
			invite := k.invite(pair(1))
			first := k.offer(invite)
			first.back(reply(first.msg, 503, "g", "Retry-After: 60\r\n", ""))
			k.down("ACK")
			k.gw = k.b
			final := k.refused(invite, k.down("INVITE"), 503, 500)
			if final.one("retry-after") != "" {
				k.Error("16.7 6: a gateway's Retry-After speaks of the gateway")
			}
		}},
		{"redirection_is_not_followed", func(k *call) {
			invite := k.invite(pair(2))
			first := k.offer(invite)
			first.back(reply(first.msg, 302, "g", "Contact: <sip:"+pair(2)+"@"+k.b.addr+">\r\n", ""))
			k.down("ACK")
			l := k.next(k.from, limit)
			if l == nil || l.status() < 400 {
				k.Fatalf("the caller got %v", l)
			}
			k.quiet(k.b)
		}},
		{"global_failure", func(k *call) { // 16.7 5: after 6xx nobody else is asked
			invite := k.invite(pair(3))
			k.refused(invite, k.offer(invite), 603, 603)
			k.quiet(k.b)
		}},
	})
}
