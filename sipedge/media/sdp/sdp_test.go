package sdp

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/speakops/sipedge/sipedge/media/quality"
)

var (
	ours4 = netip.MustParseAddr("203.0.113.10")
	ours6 = netip.MustParseAddr("2001:db8::10")
)

func read(t testing.TB, body string) *Description {
	t.Helper()
	var d Description
	if err := d.Read([]byte(body)); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return &d
}

// crlf makes a body of lines.
func crlf(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n" }

// places gives every m-line ports from 20000 on.
func places(d *Description) []Place {
	var p []Place
	for i := range d.Media {
		at := uint16(20000 + 4*i)
		p = append(p, Place{Reject: d.Media[i].Carriage == Unknown || d.Media[i].Several, RTP: at, RTCP: at + 1})
	}
	return p
}

func TestEdits(t *testing.T) {
	for _, c := range []struct {
		name     string
		hide     bool
		addr     netip.Addr
		in, want []string
	}{
		{"a trunk's offer", false, ours4,
			[]string{"v=0", "o=root 1821 1821 IN IP4 192.0.2.7", "s=call", "c=IN IP4 192.0.2.7", "t=0 0",
				"m=audio 17396 RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20", "a=sendrecv"},
			[]string{"v=0", "o=root 1821 1821 IN IP4 203.0.113.10", "s=call", "c=IN IP4 203.0.113.10", "t=0 0",
				"m=audio 20000 RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-16", "a=ptime:20", "a=sendrecv"}},
		{"WebRTC keeps its keys and loses its paths", false, ours4,
			[]string{"v=0", "o=- 4611 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "a=msid-semantic: WMS x", "a=ice-lite",
				"m=audio 54400 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 192.0.2.7", "a=rtcp:54400 IN IP4 192.0.2.7",
				"a=candidate:1 1 udp 2113937151 10.0.0.5 54400 typ host", "a=ice-ufrag:F7gI", "a=ice-pwd:x9cml/YzichV2+XlhiMu8g", "a=ice-options:trickle", "a=end-of-candidates",
				"a=remote-candidates:1 192.0.2.9 4000", "a=fingerprint:sha-256 D2:FA", "a=setup:actpass", "a=mid:0", "a=rtcp-mux", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"},
			[]string{"v=0", "o=- 4611 2 IN IP4 203.0.113.10", "s=-", "t=0 0", "a=msid-semantic: WMS x",
				"m=audio 20000 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 203.0.113.10", "a=rtcp:20000 IN IP4 203.0.113.10",
				"a=fingerprint:sha-256 D2:FA", "a=setup:actpass", "a=mid:0", "a=rtcp-mux", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc"}},
		{"several m-lines, one rejected, one over TCP, one T.38", false, ours4,
			[]string{"v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0",
				"m=audio 4000 RTP/AVP 8", "m=video 0 RTP/AVP 96", "c=IN IP4 192.0.2.8", "m=message 2855 TCP/MSRP *", "a=path:msrp://10.0.0.5:2855/s;tcp", "m=image 4010 udptl t38", "a=T38FaxVersion:0"},
			[]string{"v=0", "o=- 1 1 IN IP4 203.0.113.10", "s=-", "c=IN IP4 203.0.113.10", "t=0 0",
				"m=audio 20000 RTP/AVP 8", "m=video 0 RTP/AVP 96", "c=IN IP4 203.0.113.10", "m=message 0 TCP/MSRP *", "a=path:msrp://10.0.0.5:2855/s;tcp", "m=image 20012 udptl t38", "a=T38FaxVersion:0"}},
		{"hold of RFC 2543", false, ours4,
			[]string{"v=0", "o=- 1 2 IN IP4 192.0.2.7", "s=-", "c=IN IP4 0.0.0.0", "t=0 0", "m=audio 4000 RTP/AVP 8"},
			[]string{"v=0", "o=- 1 2 IN IP4 203.0.113.10", "s=-", "c=IN IP4 0.0.0.0", "t=0 0", "m=audio 20000 RTP/AVP 8"}},
		{"IPv4 to IPv6", false, ours6,
			[]string{"v=0", "o=- 1 2 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0", "m=audio 4000 RTP/AVP 8", "a=rtcp:4009"},
			[]string{"v=0", "o=- 1 2 IN IP6 2001:db8::10", "s=-", "c=IN IP6 2001:db8::10", "t=0 0", "m=audio 20000 RTP/AVP 8", "a=rtcp:20001"}},
		{"other addresses for the stream", false, ours4,
			[]string{"v=0", "o=- 1 2 IN IP6 2001:db8::99", "s=-", "c=IN IP6 2001:db8::99", "t=0 0", "m=audio 4000/2 RTP/AVP 8", "a=altc:1 IP4 192.0.2.9 4000", "a=source-filter: incl IN IP4 * 192.0.2.9"},
			[]string{"v=0", "o=- 1 2 IN IP4 203.0.113.10", "s=-", "c=IN IP4 203.0.113.10", "t=0 0", "m=audio 0 RTP/AVP 8"}},
		{"hidden", true, ours4,
			[]string{"v=0", "o=10.1.2.3 7 8 IN IP4 10.1.2.3", "s=call on 10.1.2.3", "i=a note", "u=http://10.1.2.3/", "c=IN IP4 10.1.2.3", "t=0 0",
				"m=audio 4000 RTP/AVP 8", "a=ssrc:1 cname:me@10.1.2.3", "a=x-from:10.1.2.3", "a=ptime:20"},
			[]string{"v=0", "o=- 7 8 IN IP4 203.0.113.10", "s=-", "i=a note", "c=IN IP4 203.0.113.10", "t=0 0",
				"m=audio 20000 RTP/AVP 8", "a=ptime:20"}},
		{"what no specification knows", false, ours4,
			[]string{"v=0", "o=- 1 2 IN IP4 192.0.2.7", "s=", "c=IN IP4 192.0.2.7/127", "t=0 0", "garbage", "", "x=y", "m=audio  4000   RTP/AVP  8 0", "a=", "a=rtpmap:8 PCMA/8000  ", "y"},
			[]string{"v=0", "o=- 1 2 IN IP4 203.0.113.10", "s=", "c=IN IP4 203.0.113.10", "t=0 0", "garbage", "", "x=y", "m=audio 20000   RTP/AVP  8 0", "a=", "a=rtpmap:8 PCMA/8000  ", "y"}},
	} {
		for _, style := range []string{"\r\n", "\n"} {
			d := read(t, strings.Join(c.in, style)+style)
			got := string(d.Append(nil, &Edit{Addr: c.addr, Media: places(d), Hide: c.hide}))
			if want := strings.Join(c.want, style) + style; got != want {
				t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
			}
		}
	}
}

func TestWhatIsUnderstood(t *testing.T) {
	d := read(t, crlf("v=0", "o=- 1 2 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0", "a=sendonly",
		"m=audio 4000 RTP/SAVP 0 111 101", "a=rtpmap:111 opus/48000/2", "a=rtpmap:101 telephone-event/8000", "a=recvonly", "a=rtcp-mux", "a=silenceSupp:on - - - -",
		"m=video 4002 RTP/AVP 96", "c=IN IP6 2001:db8::7", "a=rtcp:53020 IN IP4 192.0.2.9",
		"m=image 4004 udptl t38", "c=IN IP4 fax.example.net",
		"m=audio 4006 RTP/AVP 0", "c=IN IP4 0.0.0.0", "a=inactive"))
	a, v, f, h := &d.Media[0], &d.Media[1], &d.Media[2], &d.Media[3]
	if a.Carriage != RTP || !a.Secure || a.Direction != RecvOnly || !a.Mux || !a.Suppress || a.RTCP != netip.MustParseAddrPort("192.0.2.7:4001") ||
		!slices.Equal(a.Formats, []quality.Format{{Type: 111, Name: "opus", Clock: 48000}, {Type: 101, Name: "telephone-event", Clock: 8000}}) {
		t.Errorf("%+v", a)
	}
	if v.Direction != SendOnly || v.Addr != netip.MustParseAddr("2001:db8::7") || v.RTCP != netip.MustParseAddrPort("192.0.2.9:53020") || v.Mux {
		t.Errorf("%+v", v)
	}
	if f.Carriage != Datagram || !f.Named || f.Addr.IsValid() {
		t.Errorf("%+v", f)
	}
	if !h.Held() || h.Direction != Inactive || h.Sends() || h.Receives() {
		t.Errorf("%+v", h)
	}
}

func TestRefusals(t *testing.T) {
	head := []string{"v=0", "o=- 1 2 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0"}
	many := func(line string, n int) string {
		return crlf(append(slices.Clone(head), slices.Repeat([]string{line}, n)...)...)
	}
	for _, c := range []struct {
		name, body string
		want       error
	}{
		{"empty", "", ErrNotSDP},
		{"no SDP", "hello\r\n", ErrNotSDP},
		{"too many lines", many("a=x", 252), ErrTooLarge},
		{"too many media", many("m=audio 4000 RTP/AVP 0", 65), ErrTooLarge},
		{"too large", many("a="+strings.Repeat("x", 1000), 17), ErrTooLarge},
		{"no port", many("m=audio", 1), ErrBadMedia},
		{"a port that is none", many("m=audio 70000 RTP/AVP 0", 1), ErrBadMedia},
		{"no connection", crlf("v=0", "s=-", "m=audio 4000 RTP/AVP 0"), ErrNoConnection},
	} {
		var d Description
		if err := d.Read([]byte(c.body)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	var d Description
	if err := d.Read([]byte(many("a=x", 251))); err != nil {
		t.Errorf("256 lines: %v", err)
	}
	if err := d.Read([]byte(crlf("v=0", "s=-", "m=audio 0 RTP/AVP 0"))); err != nil {
		t.Errorf("a rejected m-line needs no connection: %v", err)
	}
}

func TestPolicy(t *testing.T) {
	own := func(a netip.AddrPort) bool {
		return a.Addr() == ours4 && a.Port() >= 20000 && a.Port() < 30000
	}
	inside, nat := Policy{Private: true, Own: own}, Policy{Private: true, Names: true, Own: own}
	for _, c := range []struct {
		conn, port string
		p          Policy
		want       error
	}{
		{"IN IP4 192.0.2.7", "4000", Policy{}, nil},
		{"IN IP4 10.0.0.7", "4000", Policy{}, ErrPrivate},
		{"IN IP4 100.64.0.7", "4000", Policy{}, ErrPrivate},
		{"IN IP4 169.254.1.1", "4000", Policy{}, ErrPrivate},
		{"IN IP6 fd00::1", "4000", Policy{}, ErrPrivate},
		{"IN IP4 10.0.0.7", "4000", inside, nil},
		{"IN IP4 127.0.0.1", "4000", inside, ErrLoopback},
		{"IN IP6 ::1", "4000", inside, ErrLoopback},
		{"IN IP4 127.0.0.1", "4000", Policy{Loopback: true}, nil},
		{"IN IP4 224.2.1.1/127", "4000", inside, ErrMulticast},
		{"IN IP6 ff15::1", "4000", inside, ErrMulticast},
		{"IN IP4 255.255.255.255", "4000", inside, ErrMulticast},
		{"IN IP4 203.0.113.10", "20004", inside, ErrOwn},
		{"IN IP6 ::ffff:203.0.113.10", "20004", inside, ErrOwn},
		{"IN IP4 203.0.113.10", "4000", inside, nil},
		{"IN IP4 192.0.2.7", "53", inside, ErrPort},
		{"IN IP4 192.0.2.7", "9", inside, nil},
		{"IN IP4 192.0.2.7", "0", inside, nil},
		{"IN IP4 0.0.0.0", "4000", Policy{}, nil},
		{"IN IP4 phone.example.net", "4000", inside, ErrName},
		{"IN IP4 phone.example.net", "4000", nat, nil},
	} {
		d := read(t, crlf("v=0", "c="+c.conn, "m=audio "+c.port+" RTP/AVP 0"))
		if err := c.p.Judge(&d.Media[0]); !errors.Is(err, c.want) {
			t.Errorf("%s port %s: %v, want %v", c.conn, c.port, err, c.want)
		}
	}
	d := read(t, crlf("v=0", "c=IN IP4 192.0.2.7", "m=audio 4000 RTP/AVP 0", "a=rtcp:4001 IN IP4 10.0.0.1"))
	if err := (&Policy{}).Judge(&d.Media[0]); !errors.Is(err, ErrPrivate) {
		t.Errorf("RTCP to a private address: %v", err)
	}
}

func TestFind(t *testing.T) {
	sdp := crlf("v=0", "s=-")
	multi := "preamble\r\n--b 1\r\nContent-Type: application/isup;version=x\r\n\r\n\x01\x02\r\n--b 1\r\ncontent-type:  Application/SDP\r\nX: y\r\n\r\n" + sdp + "\r\n--b 1--\r\n"
	for _, c := range []struct{ kind, body, want string }{
		{"application/sdp", sdp, sdp},
		{"Application/SDP ; charset=utf-8", sdp, sdp},
		{`multipart/mixed;a="x;y";boundary="b 1"`, multi, sdp},
		{"multipart/mixed;boundary=other", multi, ""},
		{"multipart/mixed", multi, ""},
		{"application/isup", "x", ""},
		{"", sdp, ""},
		{"application/sdp", "", ""},
	} {
		from, to, ok := Find([]byte(c.kind), []byte(c.body))
		if got := c.body[from:to]; got != c.want || ok != (c.want != "") {
			t.Errorf("%s: %q, %v", c.kind, got, ok)
		}
	}
}

// Whatever is read: what comes out is read again the same, names no address but
// ours, changes no more when edited again, and has every other line unchanged.
func FuzzEdit(f *testing.F) {
	for _, lines := range [][]string{
		{"v=0", "o=- 1 1 IN IP4 192.0.2.7", "s=-", "c=IN IP4 192.0.2.7", "t=0 0", "m=audio 4000 RTP/AVP 0 8 101", "a=rtcp:4001 IN IP4 192.0.2.8", "a=sendonly"},
		{"v=0", "o=10.1.2.3 7 8 IN IP4 10.1.2.3", "s=call on 10.1.2.3", "c=IN IP4 0.0.0.0", "m=audio 0 RTP/AVP 0", "c=IN IP6 ::1", "m=image 9/3 udptl t38", "a=candidate:1 10.1.2.3"},
		{"v=0", "c=IN IP4 host.example", "a=group:BUNDLE a b", "m=message 5 TCP/MSRP *", "a=rtcp:5", "m=x 1 y", "a=setup:active"},
	} {
		f.Add([]byte(crlf(lines...)), false)
		f.Add([]byte(strings.Join(lines, "\n")), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, hide bool) {
		var d, again Description
		if d.Read(body) != nil {
			return
		}
		e := Edit{Addr: ours4, Media: places(&d), Hide: hide}
		out := d.Append(nil, &e)
		if err := again.Read(out); err != nil {
			t.Fatalf("%v\n%q\n%q", err, body, out)
		}
		if len(again.Media) != len(d.Media) {
			t.Fatalf("%d m-lines of %d\n%q", len(again.Media), len(d.Media), out)
		}
		for i := range d.Media {
			a, b := &d.Media[i], &again.Media[i]
			if b.Live() && (b.Port != e.Media[i].RTP || b.Addr != ours4 && !b.Held()) || b.Live() != (a.Live() && !e.Media[i].Reject) || a.Direction != b.Direction || string(a.Proto) != string(b.Proto) {
				t.Fatalf("m-line %d: %+v became %+v", i, a, b)
			}
		}
		for _, text := range again.texts[:again.count] {
			if text != ours4.String() {
				t.Fatalf("address %q is left in\n%q", text, out)
			}
		}
		if hide {
			for _, text := range d.texts[:d.count] {
				if !strings.Contains(ours4.String(), text) && visible(out, text) {
					t.Fatalf("%q is seen in\n%q", text, out)
				}
			}
		}
		// Ports of lines that were rejected are gone from the second reading.
		if twice := again.Append(nil, &e); !bytes.Equal(out, twice) {
			t.Fatalf("edited again:\n%q\n%q", out, twice)
		}
		if !hide {
			kept := lines(out)
			for _, l := range lines(body) {
				if k := kind(l); k == 'o' || k == 'c' || k == 'm' || k == 'a' {
					continue
				}
				if !slices.ContainsFunc(kept, func(o []byte) bool { return bytes.Equal(l, o) }) {
					t.Fatalf("line %q is gone from\n%q", l, out)
				}
			}
		}
	})
}

func lines(b []byte) (all [][]byte) {
	for len(b) > 0 {
		var l []byte
		l, _, b = cutLine(b)
		all = append(all, l)
	}
	return all
}

// visible says whether a text stands where an address may: an m-line's media
// and formats are words of the protocol, whatever they say, and v, t, r, z and b
// have no addresses. Those of c-lines and a=rtcp were looked at before.
func visible(out []byte, text string) bool {
	for _, l := range lines(out) {
		if len(l) > 6 && strings.EqualFold(string(l[:6]), "a=rtcp") {
			continue
		}
		if !bytes.ContainsRune([]byte("mvtrzbc"), rune(kind(l))) && bytes.Contains(l, []byte(text)) {
			return true
		}
	}
	return false
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("multipart/mixed;boundary=b"), []byte("--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--"))
	f.Fuzz(func(t *testing.T, kind, body []byte) {
		from, to, ok := Find(kind, body)
		if from < 0 || to > len(body) || from > to || ok && from == to && len(body) > 0 && bytes.HasPrefix(kind, []byte("application/sdp")) {
			t.Fatalf("%d to %d of %d", from, to, len(body))
		}
	})
}
