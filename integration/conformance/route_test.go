package conformance

import (
	"fmt"
	"strings"
)

// routeScenes are about what stands in Route and Record-Route of a dialog, and
// where its requests go by that.
var routeScenes = []scene{
	{"callees_proxy_recorded_itself", func(k *call) { // 16.6 6, 7: its route is followed and left in
		at := k.offer(k.invite(alone))
		proxy := "<sip:" + k.gw.addr + ";lr;ftag=a%22b>"
		at.back(strings.Replace(reply(at.msg, 200, "g", "Contact: <sip:gateway@203.0.113.66>\r\n", ""), "Record-Route:", "Record-Route: "+proxy+"\r\nRecord-Route:", 1))
		answer := k.up(200)
		if rr := answer.list("record-route"); len(rr) != 2 || rr[0] != proxy {
			k.Fatalf("16.7 8: %q", rr)
		}
		k.send(k.inside("ACK", at, answer, 1))
		ack := k.down("ACK")
		if r := ack.list("route"); len(r) != 1 || r[0] != proxy || ack.uri() != "sip:gateway@203.0.113.66" {
			k.Errorf("16.6 6: Route %q, Request-URI %s", r, ack.uri())
		}
	}},
	{"callees_proxy_is_strict", func(k *call) { // 16.6 6: without lr the route becomes the Request-URI
		at := k.offer(k.invite(alone))
		proxy := "<sip:" + k.gw.addr + ">"
		at.back(strings.Replace(reply(at.msg, 200, "g", "Contact: <sip:gateway@203.0.113.66;x=y>\r\n", ""), "Record-Route:",
			"Record-Route: <sip:last.example.com;lr>, "+proxy+"\r\nRecord-Route:", 1))
		answer := k.up(200)
		k.send(k.inside("INFO", at, answer, 2))
		info := k.down("INFO")
		r := info.list("route")
		if info.uri() != inBrackets(proxy) || len(r) != 2 || r[0] != "<sip:last.example.com;lr>" || r[1] != "<sip:gateway@203.0.113.66;x=y>" {
			k.Errorf("16.6 6: Request-URI %s, Route %q", info.uri(), r)
		}
		info.back(reply(info.msg, 200, "", "", ""))
		k.up(200)
	}},
	{"callers_proxies_recorded_themselves", func(k *call) { // the way back goes through both, from the nearer on
		near, far := "<sip:"+k.from.addr+";lr;r2=on>", "<sip:far.example.com;lr>"
		at := k.offer(k.invite(alone, "Record-Route: "+near+", "+far, "Contact: <sip:caller@203.0.113.66>"))
		at.back(reply(at.msg, 200, "g", "Contact: <sip:gateway@"+k.gw.addr+">\r\n", ""))
		answer := k.up(200)
		k.gw.write(k.outside("BYE", at, answer, 1))
		bye := k.toCaller("BYE")
		if r := bye.list("route"); len(r) != 2 || r[0] != near || r[1] != far || bye.uri() != "sip:caller@203.0.113.66" {
			k.Errorf("16.6 6: Route %q, Request-URI %s", r, bye.uri())
		}
	}},
	{"callers_proxy_is_strict", func(k *call) { // 16.6 6
		near, far := "<sip:"+k.from.addr+">", "<sip:far.example.com;lr>"
		at := k.offer(k.invite(alone, "Record-Route: "+near+", "+far, "Contact: <sip:caller@203.0.113.66>"))
		at.back(reply(at.msg, 200, "g", "Contact: <sip:gateway@"+k.gw.addr+">\r\n", ""))
		answer := k.up(200)
		text := k.outside("INVITE", at, answer, 1, "Contact: "+answer.one("contact"))
		k.gw.write(text)
		k.toGateway(100)
		re := k.toCaller("INVITE")
		if r := re.list("route"); re.uri() != inBrackets(near) || len(r) != 2 || r[0] != far || r[1] != "<sip:caller@203.0.113.66>" {
			k.Errorf("16.6 6: Request-URI %s, Route %q", re.uri(), r)
		}
	}},
	{"strict_caller", func(k *call) { // 16.4: our route in the Request-URI, the target behind the last Route
		at, answer := k.talk(k.invite(alone))
		ours := answer.one("record-route")
		text := k.dialogRequest(k.from, "INFO", inBrackets(ours), []string{answer.one("contact")}, answer.one("from"), answer.one("to"), 2, nil)
		k.send(text)
		info := k.down("INFO")
		if info.uri() != inBrackets(answer.one("contact")) || len(info.list("route")) != 0 {
			k.Errorf("16.4: Request-URI %s, Route %q", info.uri(), info.list("route"))
		}
		info.back(reply(info.msg, 200, "", "", ""))
		k.up(200)
		k.bye(at, answer, 3)
	}},
	{"strict_caller_between_transports", func(k *call) { // 16.4: the same where the edge stands in the route twice
		k.gw = k.t
		at, answer := k.talk(k.invite(stream))
		rr := reversed(answer.list("record-route"))
		if len(rr) != 2 {
			k.Fatalf("RFC 5658: %q", rr)
		}
		text := k.dialogRequest(k.from, "INFO", inBrackets(rr[0]), []string{rr[1], answer.one("contact")}, answer.one("from"), answer.one("to"), 2, nil)
		k.send(text)
		info := k.down("INFO")
		if info.uri() != inBrackets(answer.one("contact")) || len(info.list("route")) != 0 {
			k.Errorf("16.4: Request-URI %s, Route %q", info.uri(), info.list("route"))
		}
		info.back(reply(info.msg, 200, "", "", ""))
		k.up(200)
		k.bye(at, answer, 3)
	}},
	{"strict_caller_with_nothing_behind", func(k *call) { // 16.4: our own URI and no target: it goes nowhere
		at, answer := k.talk(k.invite(alone))
		k.send(k.dialogRequest(k.from, "INFO", inBrackets(answer.one("record-route")), nil, answer.one("from"), answer.one("to"), 2, nil))
		if l := k.next(k.from, limit); l == nil || l.status() < 400 || l.status() > 499 {
			k.Errorf("%v", l)
		}
		k.quiet(k.gw)
		k.bye(at, answer, 3)
	}},
	{"routes_in_one_line", func(k *call) { // 7.3.1
		at := k.offer(k.invite(alone))
		proxy := "<sip:" + k.gw.addr + ";lr>"
		at.back(strings.Replace(reply(at.msg, 200, "g", "Contact: <sip:gateway@"+k.gw.addr+">\r\n", ""), "Record-Route:", "Record-Route: "+proxy+",", 1))
		answer := k.up(200)
		routes := strings.Join(reversed(answer.list("record-route")), " ,\r\n  ")
		k.send(k.dialogRequest(k.from, "INFO", inBrackets(answer.one("contact")), []string{routes}, answer.one("from"), answer.one("to"), 2, nil))
		info := k.down("INFO")
		if r := info.list("route"); len(r) != 1 || r[0] != proxy {
			k.Errorf("16.4: Route %q", r)
		}
	}},
	{"transport_of_the_contact", func(k *call) { // 16.6 7: a transport parameter is obeyed
		tcp := listenTCP(k.T, at(k.T, "127.0.1.31"), nil)
		at := k.offer(k.invite(alone, fmt.Sprintf("Contact: <sip:caller@%s;transport=tcp>", tcp.addr)))
		at.back(reply(at.msg, 200, "g", "Contact: <sip:gateway@"+k.gw.addr+">\r\n", ""))
		answer := k.up(200)
		k.gw.write(k.outside("BYE", at, answer, 1))
		k.from = tcp
		bye := k.toCaller("BYE")
		bye.back(reply(bye.msg, 200, "", "", ""))
		k.toGateway(200)
	}},
}
