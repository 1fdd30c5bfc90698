package media

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// What travels besides plain RTP on two ports of IPv4.

var home6 = netip.MustParseAddr("::1")

// An IPv6 caller and an IPv4 gateway: each sees addresses of its own family, and
// both are heard.
func TestTwoFamiliesTalk(t *testing.T) {
	probe, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback})
	if err != nil {
		t.Fatalf("this host has no IPv6 on its loopback, and the edge is for both: %v", err)
	}
	defer probe.Close()
	r := lab(t, func(o *Options) { o.V6 = home6 })
	six := Side{Addr: home6, Policy: sdp.Policy{Loopback: true}}
	four, _ := sides()
	s, err := r.Session(nil, six, four)
	if err != nil {
		t.Fatal(err)
	}
	a, b := &phone{UDPConn: probe, t: t, at: probe.LocalAddr().(*net.UDPAddr).AddrPort()}, newPhone(t)
	offer := strings.ReplaceAll(describe(a.at), "IP4", "IP6")
	out, err := s.Offer(caller, 1, false, []byte(offer), nil)
	if err != nil || !bytes.Contains(out, []byte("c=IN IP4 127.0.0.1\r\n")) || bytes.Contains(out, []byte("IP6")) {
		t.Fatalf("%v\n%s", err, out)
	}
	toB := portIn(t, out)
	out, err = s.Answer(callee, true, true, []byte(b.sdp()), nil)
	if err != nil || !bytes.Contains(out, []byte("c=IN IP6 ::1\r\n")) || bytes.Contains(out, []byte("IP4")) {
		t.Fatalf("%v\n%s", err, out)
	}
	toA := portIn(t, out)
	if _, err := a.WriteToUDPAddrPort(a.packet("six"), netip.AddrPortFrom(home6, toA)); err != nil {
		t.Fatal(err)
	}
	b.hears("six", toB)
	b.says("four", toB)
	a.hears("four", toA)
}

// With rtcp-mux (RFC 5761) reports travel on the RTP port, without it on the one
// above, or where a=rtcp says (RFC 3605).
func TestRTCPOnOnePortAndOnTwo(t *testing.T) {
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 7}
	heard := func(p *phone, c *net.UDPConn) {
		p.t.Helper()
		buf := make([]byte, 100)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := c.Read(buf); err != nil || !bytes.Equal(buf[:n], report) {
			p.t.Fatalf("% x, %v", buf[:n], err)
		}
	}
	for name, mux := range map[string]bool{"one": true, "two": false} {
		t.Run(name, func(t *testing.T) {
			r := lab(t, nil)
			s, a, b, beside := session(t, r, false), newPhone(t), newPhone(t), newPhone(t)
			lines := []string{fmt.Sprintf("a=rtcp:%d IN IP4 127.0.0.1", beside.at.Port())}
			if mux {
				lines = []string{"a=rtcp-mux"}
			}
			out, err := s.Offer(caller, 1, false, []byte(a.sdp(lines...)), nil)
			if err != nil || mux != bytes.Contains(out, []byte("a=rtcp-mux\r\n")) || !mux && !bytes.Contains(out, []byte(fmt.Sprintf("a=rtcp:%d IN IP4 127.0.0.1\r\n", portIn(t, out)+1))) {
				t.Fatalf("%v\n%s", err, out)
			}
			toB := portIn(t, out)
			if out, err = s.Answer(callee, true, true, []byte(b.sdp(lines...)), nil); err != nil {
				t.Fatal(err)
			}
			if mux {
				b.sends(report, toB)
				heard(a, a.UDPConn)
				a.sends(report, portIn(t, out))
				heard(b, b.UDPConn)
				return
			}
			beside.sends(report, toB+1) // b's, as its a=rtcp says
			heard(beside, beside.UDPConn)
		})
	}
}

// SRTP passes as it is, is measured by its headers all the same, and opens with
// the key that the edge has not touched; handshakes of DTLS pass beside it, and
// anything else does not.
func TestSRTPPassesUntouched(t *testing.T) {
	r := lab(t, nil)
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	key := bytes.Repeat([]byte{7}, 30)
	crypto := "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"
	secure := func(p *phone) []byte {
		return []byte(strings.Replace(p.sdp(crypto, "a=fingerprint:sha-256 AB:CD", "a=setup:actpass"), "RTP/AVP", "RTP/SAVP", 1))
	}
	out, err := s.Offer(caller, 1, false, secure(a), nil)
	for _, line := range []string{crypto, "a=fingerprint:sha-256 AB:CD", "a=setup:actpass", " RTP/SAVP 0"} {
		if err != nil || !bytes.Contains(out, []byte(line+"\r\n")) {
			t.Fatalf("%v: %q is not in\n%s", err, line, out)
		}
	}
	toB := portIn(t, out)
	if out, err = s.Answer(callee, true, true, secure(b), nil); err != nil {
		t.Fatal(err)
	}
	toA := portIn(t, out)
	lock, err := srtp.CreateContext(key[:16], key[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
	if err != nil {
		t.Fatal(err)
	}
	open, err := srtp.CreateContext(key[:16], key[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
	if err != nil {
		t.Fatal(err)
	}
	const packets = 60
	for range packets {
		sealed, err := lock.EncryptRTP(nil, a.packet("a secret"), nil)
		if err != nil {
			t.Fatal(err)
		}
		a.sends(sealed, toA)
		buf := make([]byte, 2000)
		b.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, from, err := b.ReadFromUDPAddrPort(buf)
		if err != nil || from.Port() != toB || !bytes.Equal(buf[:n], sealed) {
			t.Fatalf("%d bytes from %s, %v", n, from, err)
		}
		plain, err := open.DecryptRTP(nil, buf[:n], nil)
		var p rtp.Packet
		if err != nil || p.Unmarshal(plain) != nil || string(p.Payload) != "a secret" {
			t.Fatalf("%q, %v", plain, err)
		}
	}
	hello := append([]byte{22, 0xfe, 0xfd}, make([]byte, 20)...)
	a.sends(hello, toA)
	buf := make([]byte, 100)
	b.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := b.Read(buf); err != nil || !bytes.Equal(buf[:n], hello) {
		t.Fatalf("DTLS: % x, %v", buf[:n], err)
	}
	a.sends([]byte("neither of them, but long enough"), toA)
	counted(t, "malformed", r.Counters.Malformed.Load, 1)
	all := s.Reports()
	if len(all) != 1 || !all[0].Secure || all[0].From[caller].Packets != packets || all[0].From[caller].Lost != 0 || all[0].From[caller].MOS < 4 {
		t.Errorf("%+v", all)
	}
}

// A re-INVITE turns the call into a fax in place of its audio (T.38 annex D), and
// another one turns it back: on the same ports, and each takes only what was agreed on.
func TestFaxTakesOver(t *testing.T) {
	r := lab(t, nil)
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, true)
	a.says("beep", toA)
	b.hears("beep", toB)
	udptl := "\x00\x01\x01\x40fax" // no RTP whatever one makes of it
	a.sends([]byte(udptl), toA)
	counted(t, "malformed", r.Counters.Malformed.Load, 1)
	fax := func(p *phone) []byte {
		return []byte(strings.NewReplacer("m=audio", "m=image", "RTP/AVP 0", "udptl t38").Replace(p.sdp("a=T38FaxVersion:0")))
	}
	turn := func(key uint32, offer, answer []byte, wants string) {
		t.Helper()
		out, err := s.Offer(caller, key, false, offer, nil)
		if err != nil || portIn(t, out) != toB || !bytes.Contains(out, []byte(wants)) {
			t.Fatalf("%v\n%s", err, out)
		}
		if out, err = s.Answer(callee, true, true, answer, nil); err != nil || portIn(t, out) != toA || !bytes.Contains(out, []byte(wants)) {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	turn(2, fax(a), fax(b), " udptl t38\r\n")
	a.sends([]byte(udptl), toA)
	b.hears(udptl, toB)
	b.sends([]byte(udptl), toB)
	a.hears(udptl, toA)
	turn(3, []byte(a.sdp()), []byte(b.sdp()), " RTP/AVP 0\r\n")
	a.sends([]byte(udptl), toA)
	counted(t, "malformed", r.Counters.Malformed.Load, 2)
	a.says("back", toA)
	b.hears("back", toB)
	if used, _, _ := r.Ports(); used != 2 {
		t.Errorf("%d pairs for one line", used)
	}
}
