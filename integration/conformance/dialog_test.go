package conformance

import (
	"strings"
	"testing"
)

// insiders are methods that travel inside a dialog, known here or not, and what
// the other end may say to them.
var insiders = []struct {
	method string
	code   int
	lines  []string
	body   string
}{
	{"INFO", 200, []string{"Content-Type: application/dtmf-relay", "Info-Package: x"}, "Signal=5\r\nDuration=160\r\n"},
	{"UPDATE", 200, []string{"Content-Type: application/sdp", "Session-Expires: 1800;refresher=uac"}, sdp},
	{"PRACK", 200, []string{"RAck: 1 1 INVITE"}, ""},
	{"REFER", 202, []string{"Refer-To: <sip:c@example.com?Replaces=1%402%3Bto-tag%3Dx>", "Referred-By: <sip:a@b>"}, ""},
	{"NOTIFY", 200, []string{"Event: refer;id=1", "Subscription-State: terminated;reason=noresource", "Content-Type: message/sipfrag"}, "SIP/2.0 100 Trying\r\n"},
	{"MESSAGE", 200, []string{"Content-Type: text/plain"}, "hello"},
	{"OPTIONS", 200, []string{"Accept: application/sdp"}, ""},
	{"SUBSCRIBE", 489, []string{"Event: dialog"}, ""},
	{"FOO", 501, []string{"Require: bar"}, "\x00\xff"},
	{"INFO", 481, nil, ""}, {"INFO", 408, nil, ""}, {"UPDATE", 491, []string{"Retry-After: 3"}, ""}, {"UPDATE", 422, []string{"Min-SE: 90"}, ""}, {"INFO", 401, nil, ""}, {"REFER", 603, nil, ""},
}

func (g *stage) dialogs(t *testing.T) {
	t.Run("methods", func(t *testing.T) {
		k := g.call(t)
		k.lax = true
		at, answer := k.talk(k.invite(alone))
		for i, c := range insiders {
			more := append([]string{"Unheard-Of: a  b", "Authorization: Digest x=\"y,z\""}, c.lines...)
			if c.body != "" {
				more = append(more, "body="+c.body)
			}
			text := k.inside(c.method, at, answer, 10+i, more...)
			k.send(text)
			down := k.down(c.method)
			k.passed(text, down, inBrackets(answer.one("contact")))
			down.back(reply(down.msg, c.code, "", "Unheard-Of: back\r\nWWW-Authenticate: Digest realm=\"x\"\r\n", c.body))
			if l := k.up(c.code); l.one("unheard-of") != "back" || l.body != c.body || len(l.list("via")) != 1 || l.one("www-authenticate") == "" {
				t.Errorf("16.7 9: the %d to %s came back as\n%s", c.code, c.method, l.raw)
			}
			text = k.outside(c.method, at, answer, 500+i, more...)
			k.gw.write(text)
			up := k.toCaller(c.method)
			k.passed(text, up, inBrackets(at.one("contact")))
			up.back(reply(up.msg, c.code, "", "Unheard-Of: back\r\n", c.body))
			if l := k.toGateway(c.code); l.one("unheard-of") != "back" || l.body != c.body || len(l.list("via")) != 1 {
				t.Errorf("16.7 9: the %d to %s came back as\n%s", c.code, c.method, l.raw)
			}
		}
		k.gw.write(k.outside("BYE", at, answer, 900))
		bye := k.toCaller("BYE")
		bye.back(reply(bye.msg, 200, "", "", ""))
		k.toGateway(200)
	})
	g.scenes(t, dialogScenes)
	g.scenes(t, routeScenes)
}

// passed says that a request of a dialog came through (section 16.6): another
// Via, one hop less, no Route of ours left, its Request-URI the remote target.
func (k *call) passed(sent string, got letter, target string) {
	k.Helper()
	k.same(sent, got)
	vias := got.list("via")
	if len(vias) != 2 || branchOf(vias[1]) != branchOf(read(sent).list("via")[0]) || got.one("max-forwards") != "69" || len(got.list("route")) != 0 || got.uri() != target {
		k.Errorf("16.6: %s to %s arrived as\n%s", got.method(), target, got.raw)
	}
	if _, ok := param(vias[len(vias)-1], "received"); !ok {
		k.Errorf("18.2.1: no received in %q", vias)
	}
}

var dialogScenes = []scene{
	{"early_dialog", func(k *call) { // RFC 3262 7, RFC 3311 5.1: before the answer already
		invite := k.invite(alone)
		at := k.offer(invite)
		at.back(reply(at.msg, 183, "g", "Contact: <sip:gateway@"+k.gw.addr+">\r\nRequire: 100rel\r\nRSeq: 7\r\n", ""))
		early := k.up(183)
		for i, method := range []string{"PRACK", "UPDATE"} {
			k.send(k.inside(method, at, early, 2+i, "RAck: 7 1 INVITE"))
			down := k.down(method)
			down.back(reply(down.msg, 200, "", "", ""))
			k.up(200)
		}
		k.gw.write(k.outside("UPDATE", at, early, 1))
		up := k.toCaller("UPDATE")
		up.back(reply(up.msg, 200, "", "", ""))
		k.toGateway(200)
		answer := k.answer(at)
		k.bye(at, answer, 4)
	}},
	{"reinvite", func(k *call) { // 14, 16: from either side, and refused ones too
		at, answer := k.talk(k.invite(alone))
		text := k.inside("INVITE", at, answer, 2, "Contact: "+at.one("contact"), "body="+sdp)
		k.send(text)
		k.up(100)
		down := k.down("INVITE")
		k.passed(text, stripped(down), inBrackets(answer.one("contact")))
		down.back(reply(down.msg, 180, "", "", ""))
		k.up(180)
		down.back(reply(down.msg, 488, "", "Warning: 304 a \"b\"\r\n", ""))
		ack := k.down("ACK")
		k.hopByHop(down, ack, "ACK", down.one("to"))
		k.ackFailure(text, k.up(488))
		text = k.outside("INVITE", at, answer, 1, "Contact: "+answer.one("contact"))
		k.gw.write(text)
		k.toGateway(100)
		up := k.toCaller("INVITE")
		up.back(reply(up.msg, 200, "", "Contact: "+at.one("contact")+"\r\n", sdp))
		k.toGateway(200)
		k.gw.write(k.outside("ACK", at, answer, 1))
		k.toCaller("ACK")
		k.quiet(k.from, k.gw)
		k.bye(at, answer, 3)
	}},
	{"reinvite_cancelled", func(k *call) { // 9.1
		at, answer := k.talk(k.invite(alone))
		text := k.inside("INVITE", at, answer, 2, "Contact: "+at.one("contact"))
		k.send(text)
		k.up(100)
		down := k.down("INVITE")
		down.back(reply(down.msg, 180, "", "", ""))
		k.up(180)
		k.send(k.cancel(text))
		k.up(200)
		c := k.down("CANCEL")
		c.back(reply(c.msg, 200, "", "", ""))
		down.back(reply(down.msg, 487, "", "", ""))
		k.down("ACK")
		k.ackFailure(text, k.up(487))
		k.bye(at, answer, 3)
	}},
	{"target_refresh", func(k *call) { // 12.2: the caller moves to another port
		at, answer := k.talk(k.invite(alone))
		home := listenUDP(k.T, at0("127.0.1.21"), k.udp)
		text := k.inside("INVITE", at, answer, 2, "Contact: <sip:moved@"+home.addr+">")
		k.send(text)
		k.up(100)
		down := k.down("INVITE")
		down.back(reply(down.msg, 200, "", "Contact: "+answer.one("contact")+"\r\n", ""))
		k.up(200)
		k.send(k.inside("ACK", at, answer, 2))
		k.down("ACK")
		k.gw.write(k.dialogRequest(k.gw, "BYE", inBrackets(down.one("contact")), at.list("record-route"), answer.one("to"), at.one("from"), 1, nil))
		k.from = home
		bye := k.toCaller("BYE")
		bye.back(reply(bye.msg, 200, "", "", ""))
		k.toGateway(200)
	}},
	{"contact_is_a_name", func(k *call) { // nothing is looked up: the dialog's own hop is meant
		at := k.offer(k.invite(alone, "Contact: <sip:caller@pc33.atlanta.example.com;x=y>"))
		at.back(reply(at.msg, 200, "g", "Contact: \"G\" <sip:gateway@gw.example.net>;x\r\n", ""))
		answer := k.up(200)
		k.send(k.inside("ACK", at, answer, 1))
		if ack := k.down("ACK"); ack.uri() != "sip:gateway@gw.example.net" {
			k.Errorf("16.6: %s", ack.uri())
		}
		k.gw.write(k.outside("BYE", at, answer, 1))
		if bye := k.toCaller("BYE"); bye.uri() != "sip:caller@pc33.atlanta.example.com;x=y" {
			k.Errorf("16.6: %s", bye.uri())
		}
	}},
	{"contact_behind_nat", func(k *call) {
		at := k.offer(k.invite(alone, "Contact: <sip:caller@192.168.1.2:5060>"))
		at.back(reply(at.msg, 200, "g", "Contact: <sip:gateway@10.0.0.8>\r\n", ""))
		answer := k.up(200)
		k.send(k.inside("ACK", at, answer, 1))
		k.down("ACK")
		k.gw.write(k.outside("BYE", at, answer, 1))
		k.toCaller("BYE")
	}},
	{"contact_of_somebody_else", func(k *call) { // an edge that followed it would be an open relay
		at := k.offer(k.invite(alone))
		at.back(reply(at.msg, 200, "g", "Contact: <sip:gateway@203.0.113.66:5060>\r\n", ""))
		answer := k.up(200)
		k.send(k.inside("INFO", at, answer, 2))
		k.up(403)
	}},
	{"second_answer_is_hung_up", func(k *call) { // 13.2.2.4: a forked call has two dialogs
		at, first := k.talk(k.invite(alone))
		at.back(reply(at.msg, 200, "fork", "Contact: <sip:fork@"+k.gw.addr+">\r\n", ""))
		second := k.up(200)
		k.send(k.inside("ACK", at, second, 1))
		k.down("ACK")
		for _, answer := range []letter{second, first} {
			k.send(strings.Replace(k.inside("BYE", at, answer, 2), "branch=z9hG4bK", "branch=z9hG4bK"+tagOf(answer.one("to")), 1))
			bye := k.down("BYE")
			if tagOf(bye.one("to")) != tagOf(answer.one("to")) {
				k.Errorf("the BYE went to %s", bye.one("to"))
			}
			bye.back(reply(bye.msg, 200, "", "", ""))
			k.up(200)
		}
	}},
	{"no_hops_left", func(k *call) { // 16.3 3
		at, answer := k.talk(k.invite(alone))
		k.send(strings.Replace(k.inside("INFO", at, answer, 2), "Max-Forwards: 70", "Max-Forwards: 0", 1))
		k.up(483)
		k.send(strings.Replace(k.inside("OPTIONS", at, answer, 3), "Max-Forwards: 70", "Max-Forwards: 0", 1))
		k.up(483)
		k.send(k.inside("INFO", at, answer, 4, "Proxy-Require: foo"))
		k.up(420)
		k.quiet(k.gw)
		k.bye(at, answer, 5)
	}},
	{"no_route_no_dialog", func(k *call) { // a dialog is known by its route alone
		at, answer := k.talk(k.invite(alone))
		text := k.inside("BYE", at, answer, 2)
		i := strings.Index(text, "Route:")
		k.send(text[:i] + text[i+strings.Index(text[i:], "\r\n")+2:])
		k.up(481)
		k.quiet(k.gw)
		k.bye(at, answer, 3)
	}},
	{"route_of_another_dialog", func(k *call) {
		at, answer := k.talk(k.invite(alone))
		other := k.stage.call(k.T)
		at2, answer2 := other.talk(other.invite(alone))
		k.send(strings.Replace(k.inside("BYE", at, answer, 2), answer.one("record-route"), answer2.one("record-route"), 1))
		k.up(481)
		k.quiet(k.gw)
		other.bye(at2, answer2, 2)
		k.bye(at, answer, 3)
	}},
	{"service_unavailable_inside", func(k *call) { // 16.7 6: a 503 speaks of one server, and the caller would avoid the edge
		at, answer := k.talk(k.invite(alone))
		k.send(k.inside("INFO", at, answer, 2))
		down := k.down("INFO")
		down.back(reply(down.msg, 503, "", "Retry-After: 60\r\n", ""))
		if l := k.up(500); l.one("retry-after") != "" {
			k.Errorf("a Retry-After of a 503 went up: %s", l.raw)
		}
		text := k.inside("INVITE", at, answer, 3, "Contact: "+at.one("contact"))
		k.send(text)
		k.up(100)
		re := k.down("INVITE")
		re.back(reply(re.msg, 503, "", "", ""))
		k.down("ACK")
		k.ackFailure(text, k.up(500))
		k.bye(at, answer, 4)
	}},
	{"provisional_inside", func(k *call) { // RFC 4320 4.1: no provisional but 100 to a non-INVITE
		at, answer := k.talk(k.invite(alone))
		k.send(k.inside("INFO", at, answer, 2))
		down := k.down("INFO")
		down.back(reply(down.msg, 180, "", "", ""))
		k.none(k.from, patience)
		down.back(reply(down.msg, 200, "", "", ""))
		k.up(200)
		k.bye(at, answer, 3)
	}},
	{"byes_cross", func(k *call) {
		at, answer := k.talk(k.invite(alone))
		k.send(k.inside("BYE", at, answer, 2))
		k.gw.write(k.outside("BYE", at, answer, 1))
		down, up := k.down("BYE"), k.toCaller("BYE")
		down.back(reply(down.msg, 200, "", "", ""))
		up.back(reply(up.msg, 481, "", "", ""))
		k.up(200)
		k.toGateway(481)
	}},
}

// at0 is any port at an address.
func at0(host string) string { return host + ":0" }

// stripped is a letter without the Record-Routes that a re-INVITE may get.
func stripped(l letter) letter {
	kept := l.fields[:0:0]
	for _, f := range l.fields {
		if f.name != "record-route" {
			kept = append(kept, f)
		}
	}
	l.fields = kept
	return l
}
