package conformance

import (
	"strings"
	"testing"
	"time"
)

func (g *stage) streams(t *testing.T) {
	g.scenes(t, []scene{
		{"byte_by_byte", func(k *call) { // 18.3
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			invite := k.invite(alone)
			for i := range len(invite) {
				k.send(invite[i : i+1])
			}
			k.up(100)
			at := k.down("INVITE")
			k.same(invite, at)
			k.refused(invite, at, 486, 486)
		}},
		{"cut_inside_the_body", func(k *call) {
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			invite := k.invite(alone)
			k.send(invite[:len(invite)-20])
			k.none(k.from, patience)
			k.send(invite[len(invite)-20:])
			k.up(100)
			k.refused(invite, k.down("INVITE"), 486, 486)
		}},
		{"two_in_one_segment", func(k *call) { // 18.3: and each its own answer, in order
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			invite := k.invite(alone)
			k.send(k.request("OPTIONS", alone, "", "CSeq: 7 OPTIONS") + invite + k.request("FOO", alone, "body", "CSeq: 9 FOO"))
			k.up(200)
			k.up(100)
			k.up(405)
			k.refused(invite, k.down("INVITE"), 486, 486)
		}},
		{"line_ends_between", func(k *call) { // 7.5, RFC 5626 4.4.1: one for a ping, none for a single line end
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			k.send("\r\n")
			k.send(k.request("OPTIONS", alone, "", "CSeq: 1 OPTIONS") + "\r\n\r\n" + k.request("OPTIONS", alone, "", "CSeq: 2 OPTIONS", "Via: {via}-2"))
			k.up(200)
			k.up(200)
			k.from.mu.Lock()
			pongs := k.from.pongs
			k.from.mu.Unlock()
			if pongs != 1 {
				k.Errorf("RFC 5626 4.4.1: %d pongs, want 1", pongs)
			}
		}},
		{"no_length", func(k *call) { // 20.14: mandatory on streams
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			k.lax = true
			k.send(k.invite(alone, "-Content-Length"))
			k.up(400)
			k.quiet(k.gw)
			k.closed()
		}},
		{"refused_but_followed", func(k *call) { // what is wrong with a value does not end the stream
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			k.lax = true
			k.send(k.invite(alone, "CSeq: x") + k.request("OPTIONS", alone, "", "CSeq: 2 OPTIONS", "Via: {via}-2"))
			k.up(400)
			k.up(200)
		}},
		{"not_sip", func(k *call) { // closed without a word
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			k.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			k.closed()
		}},
		{"two_different_lengths", func(k *call) { // RFC 4475 3.3.9: where the next message begins is anybody's guess
			k.from = dial(k.T, "127.0.1.1", k.tcp)
			k.lax = true
			k.send(k.invite(alone, "Subject: x\r\nContent-Length: 3"))
			if l := k.next(k.from, limit); l != nil && l.status() != 400 {
				k.Errorf("got %s", l.raw)
			}
			k.quiet(k.gw)
			k.closed()
		}},
		{"caller_hangs_up_the_connection", func(k *call) { // 18.2.2: the response goes to a new connection to sent-by
			home := listenTCP(k.T, at(k.T, "127.0.1.41"), nil)
			d := dial(k.T, "127.0.1.41", k.tcp)
			k.from = d
			invite := k.invite(alone, "Via: SIP/2.0/TCP "+home.addr+";branch={branch}")
			at := k.offer(invite)
			d.close()
			time.Sleep(patience)
			k.from = home
			at.back(reply(at.msg, 486, "g", "", ""))
			k.down("ACK")
			k.ackFailure(invite, k.up(486))
		}},
		{"large_head", func(k *call) {
			k.from, k.gw = dial(k.T, "127.0.1.1", k.tcp), k.t
			invite := k.invite(stream, "X-A: "+strings.Repeat("a", 7000), "X-B: "+strings.Repeat("b", 7000))
			at := k.offer(invite)
			k.same(invite, at)
			k.refused(invite, at, 486, 486)
		}},
	})
	g.scenes(t, []scene{ // by itself, for others use that connection too
		{"gateway_hangs_up_the_connection", func(k *call) { // 18.4, 16.9: as if it had said 503
			k.gw = k.t
			invite := k.invite(stream)
			at := k.offer(invite)
			at.back("garbage that is no SIP\r\n\r\n")
			if f := k.next(k.from, limit); f == nil || f.status() < 500 || f.status() == 503 {
				k.Errorf("16.9: the caller got %v", f)
			} else {
				k.ackFailure(invite, *f)
			}
		}},
	})
}

// closed says that the edge ends this caller's connection.
func (k *call) closed() {
	k.Helper()
	select {
	case <-k.from.gone:
	case <-time.After(limit):
		k.Error("18.3: a stream that cannot be followed stays open")
	}
}
