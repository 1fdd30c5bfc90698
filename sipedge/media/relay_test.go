package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"go.uber.org/goleak"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var home = netip.MustParseAddr("127.0.0.1")

const (
	caller = quality.Caller
	callee = quality.Callee
)

// lab is a relay of the kernel's sockets, and phones on the same machine. Ports
// below the outgoing range, so that no other test has them by chance.
func lab(t testing.TB, change func(*Options)) *Relay {
	t.Helper()
	o := Options{V4: home, First: 21000, Last: 23999, Rest: 2 * time.Second}
	if change != nil {
		change(&o)
	}
	r, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func sides() (a, b Side) {
	a = Side{Addr: home, Policy: sdp.Policy{Loopback: true}}
	return a, a
}

func session(t testing.TB, r *Relay, nat bool) *Session {
	t.Helper()
	a, b := sides()
	a.NAT, a.Policy.Names, a.Policy.Private = nat, nat, nat
	s, err := r.Session(nil, a, b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// phone is a socket with an address.
type phone struct {
	*net.UDPConn
	t   testing.TB
	at  netip.AddrPort
	seq uint16
}

func newPhone(t testing.TB) *phone {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(home, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &phone{UDPConn: c, t: t, at: c.LocalAddr().(*net.UDPAddr).AddrPort()}
}

func (p *phone) packet(text string) []byte {
	p.seq++
	r := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: uint32(p.seq) * 160, SSRC: uint32(p.at.Port())}, Payload: []byte(text)}
	b, err := r.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *phone) says(text string, to uint16) {
	p.t.Helper()
	p.sends(p.packet(text), to)
}

func (p *phone) sends(b []byte, to uint16) {
	p.t.Helper()
	if _, err := p.WriteToUDPAddrPort(b, netip.AddrPortFrom(home, to)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Log(err) // a port that answers as closed: that is the point of some tests
	}
}

// hears waits for a packet, which must end in a text and come from a port.
func (p *phone) hears(text string, from uint16) {
	p.t.Helper()
	b := make([]byte, 2000)
	p.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, at, err := p.ReadFromUDPAddrPort(b)
	if err != nil || !bytes.HasSuffix(b[:n], []byte(text)) || at.Port() != from {
		p.t.Fatalf("heard %q from port %d (%v), want %q from %d", b[:n], at.Port(), err, text, from)
	}
}

// deaf checks that nothing was sent here; what was on its way has arrived when
// the relay has counted it.
func (p *phone) deaf() {
	p.t.Helper()
	p.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	b := make([]byte, 2000)
	if n, at, err := p.ReadFromUDPAddrPort(b); err == nil {
		p.t.Fatalf("heard %q from %s", b[:n], at)
	}
}

func (p *phone) sdp(extra ...string) string { return describe(p.at, extra...) }

func describe(at netip.AddrPort, extra ...string) string {
	return strings.Join(append([]string{"v=0", "o=- 1 1 IN IP4 " + at.Addr().String(), "s=-", "c=IN IP4 " + at.Addr().String(), "t=0 0",
		fmt.Sprintf("m=audio %d RTP/AVP 0", at.Port())}, extra...), "\r\n") + "\r\n"
}

// portIn is the port of the first m-line.
func portIn(t testing.TB, body []byte) uint16 {
	t.Helper()
	var d sdp.Description
	if err := d.Read(body); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	return d.Media[0].Port
}

// counted waits until a counter has come to n.
func counted(t testing.TB, what string, read func() uint64, n uint64) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); read() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: %d, want %d", what, read(), n)
		}
	}
}

// talk sets a session up between two phones: the ports that face them.
func talk(t testing.TB, s *Session, a, b *phone, final bool) (toA, toB uint16) {
	t.Helper()
	out, err := s.Offer(caller, 1, false, []byte(a.sdp()), nil)
	if err != nil {
		t.Fatal(err)
	}
	toB = portIn(t, out)
	out, err = s.Answer(callee, final, final, []byte(b.sdp()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return portIn(t, out), toB
}

func TestNothingIsRelayedBeforeAnAnswer(t *testing.T) {
	r := lab(t, nil)
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	out, err := s.Offer(caller, 1, false, []byte(a.sdp()), nil)
	if err != nil {
		t.Fatal(err)
	}
	toB := portIn(t, out)
	b.says("early", toB)
	counted(t, "unanswered", r.Counters.Unanswered.Load, 1)
	a.deaf()
	out, err = s.Answer(callee, true, true, []byte(b.sdp()), nil)
	if err != nil {
		t.Fatal(err)
	}
	toA := portIn(t, out)
	a.says("hello", toA)
	b.hears("hello", toB)
	b.says("yes", toB)
	a.hears("yes", toA)
	// RTCP has its own pair of ports beside.
	a.sends([]byte{0x80, 201, 0, 1, 0, 0, 0, 1}, toA+1) // from the RTP port, to be seen at b's next one: nobody is there
	counted(t, "relayed", r.Counters.Relayed.Load, 3)
	if r := s.Reports(); len(r) != 1 || r[0].From[caller].Packets != 1 || r[0].From[callee].Packets != 1 {
		t.Errorf("%+v", r)
	}
}

func TestOnlyTheSignalledAddressIsHeard(t *testing.T) {
	r := lab(t, nil)
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, true)
	elsewhere, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	for range 3 {
		elsewhere.WriteToUDPAddrPort(a.packet("stranger"), netip.AddrPortFrom(home, toA))
	}
	counted(t, "strangers", r.Counters.Stranger.Load, 3)
	b.deaf()
	a.says("me", toA)
	b.hears("me", toB)
	// Now the port is locked for good: another port of the same address is a stranger too.
	third := newPhone(t)
	third.says("not me", toA)
	b.says("still you", toB)
	a.hears("still you", toA)
	b.deaf()
}

func TestAnEndBehindNAT(t *testing.T) {
	r := lab(t, func(o *Options) { o.Window = time.Hour })
	s, a, b := session(t, r, true), newPhone(t), newPhone(t)
	said := describe(netip.MustParseAddrPort("192.168.1.5:4000")) // what it believes
	out, err := s.Offer(caller, 1, false, []byte(said), nil)
	if err != nil {
		t.Fatal(err)
	}
	toB := portIn(t, out)
	out, err = s.Answer(callee, true, true, []byte(b.sdp()), nil)
	if err != nil {
		t.Fatal(err)
	}
	toA := portIn(t, out)
	b.says("where are you", toB)
	counted(t, "nowhere", r.Counters.Nowhere.Load, 1)
	a.sends([]byte("no RTP at all"), toA)
	counted(t, "malformed", r.Counters.Malformed.Load, 1)
	a.says("here", toA)
	b.hears("here", toB)
	b.says("good", toB)
	a.hears("good", toA)
	newPhone(t).says("and me", toA)
	a.says("again", toA)
	b.hears("again", toB)
	// The same answer again is no new one; a new one may find it elsewhere.
	if _, err := s.Answer(callee, true, true, []byte(b.sdp()), nil); err != nil {
		t.Fatal(err)
	}
	moved := newPhone(t)
	moved.says("moved", toA)
	if _, err := s.Offer(caller, 2, false, []byte(said), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Answer(callee, true, true, []byte(b.sdp("a=x:2")), nil); err != nil {
		t.Fatal(err)
	}
	moved.says("moved really", toA)
	b.hears("moved really", toB)
	b.says("found you", toB)
	moved.hears("found you", toA)
}

// Behind NAT, RTCP is believed from where the RTP comes from, and never first.
func TestRTCPBehindNATFollowsTheRTP(t *testing.T) {
	r := lab(t, func(o *Options) { o.Window = time.Hour })
	s, a, b := session(t, r, true), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, true)
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 1}
	elsewhere, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 4)})
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	elsewhere.WriteToUDPAddrPort(report, netip.AddrPortFrom(home, toA+1))
	counted(t, "strangers", r.Counters.Stranger.Load, 1)
	a.says("me", toA)
	b.hears("me", toB)
	elsewhere.WriteToUDPAddrPort(report, netip.AddrPortFrom(home, toA+1))
	counted(t, "strangers", r.Counters.Stranger.Load, 2)
	a.sends(report, toA+1)
	counted(t, "relayed", r.Counters.Relayed.Load, 2)
}

func TestTheWindowOfNATIsShort(t *testing.T) {
	l := latch{}
	l.set(netip.MustParseAddrPort("192.168.1.5:4000"), false, true, 5*time.Second)
	if ok, _ := l.admit(netip.MustParseAddrPort("198.51.100.1:9"), 5*time.Second); ok {
		t.Error("the window is over")
	}
	if ok, fresh := l.admit(netip.MustParseAddrPort("198.51.100.1:9"), 5*time.Second-1); !ok || !fresh {
		t.Error("the window is open")
	}
	if ok, _ := l.admit(netip.MustParseAddrPort("198.51.100.2:9"), 5*time.Second-1); ok {
		t.Error("the port is locked")
	}
}

// RTP bleed: whoever sprays the whole range, before, during and after calls,
// hears nothing and is not heard.
func TestSprayingTheRangeYieldsNothing(t *testing.T) {
	r := lab(t, func(o *Options) { o.First, o.Last = 24000, 24199 })
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	spray, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 3)})
	if err != nil {
		t.Fatal(err)
	}
	defer spray.Close()
	sprayAll := func() {
		for port := uint16(24000); port < 24200; port++ {
			spray.WriteToUDPAddrPort(a.packet("spray"), netip.AddrPortFrom(home, port))
		}
	}
	heard := func() {
		t.Helper()
		b := make([]byte, 2000)
		spray.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		for {
			_, from, err := spray.ReadFromUDPAddrPort(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err == nil {
				t.Fatalf("the sprayer was sent a packet from %s", from)
			} // else an ICMP error, as from any closed port
		}
	}
	sprayAll()
	toA, toB := talk(t, s, a, b, true)
	sprayAll() // before anybody has locked a port
	a.says("me", toA)
	b.hears("me", toB)
	b.says("you", toB)
	a.hears("you", toA)
	sprayAll()
	heard()
	a.deaf()
	b.deaf()
	s.Close()
	sprayAll()
	heard()
	a.deaf()
	b.deaf()
}

func TestHoldOldAndNew(t *testing.T) {
	r := lab(t, nil)
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, true)
	a.says("1", toA)
	b.hears("1", toB)
	b.says("2", toB)
	a.hears("2", toA)
	held := strings.Replace(a.sdp(), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1)
	out, err := s.Offer(caller, 2, false, []byte(held), nil)
	if err != nil || !bytes.Contains(out, []byte("c=IN IP4 0.0.0.0")) || portIn(t, out) != toB {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := s.Answer(callee, true, true, []byte(b.sdp("a=recvonly")), nil); err != nil {
		t.Fatal(err)
	}
	b.says("lost on hold", toB)
	counted(t, "nowhere", r.Counters.Nowhere.Load, 1)
	a.says("music", toA)
	b.hears("music", toB)
	if _, err := s.Offer(caller, 3, false, []byte(a.sdp()), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Answer(callee, true, true, []byte(b.sdp()), nil); err != nil {
		t.Fatal(err)
	}
	b.says("back", toB)
	a.hears("back", toA)
}

func TestSeveralLines(t *testing.T) {
	r := lab(t, nil)
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	offer := a.sdp("m=video 5002 RTP/AVP 96", "m=message 5004 TCP/MSRP *", "m=image 5006 udptl t38", "m=audio 5008/2 RTP/AVP 0")
	out, err := s.Offer(caller, 1, false, []byte(offer), nil)
	if err != nil {
		t.Fatal(err)
	}
	var d sdp.Description
	if err := d.Read(out); err != nil || len(d.Media) != 5 {
		t.Fatalf("%v\n%s", err, out)
	}
	if !d.Media[0].Live() || !d.Media[1].Live() || d.Media[2].Live() || !d.Media[3].Live() || d.Media[4].Live() {
		t.Errorf("%s", out)
	}
	if used, _, _ := r.Ports(); used != 6 {
		t.Errorf("%d pairs for three lines", used)
	}
	fax := d.Media[3].Port
	out, err = s.Answer(callee, true, true, []byte(b.sdp("m=video 0 RTP/AVP 96", "m=message 0 TCP/MSRP *", fmt.Sprintf("m=image %d udptl t38", b.at.Port()), "m=audio 0 RTP/AVP 0")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if used, _, _ := r.Ports(); used != 4 {
		t.Errorf("%d pairs: the rejected line's ports are free again", used)
	}
	if err := d.Read(out); err != nil || d.Media[1].Live() || !d.Media[3].Live() {
		t.Fatalf("%v\n%s", err, out)
	}
	b.sends([]byte{0, 1, 2}, fax) // UDPTL is no RTP, and passes
	counted(t, "relayed", r.Counters.Relayed.Load, 1)
}

func TestARefusedOfferChangesNothing(t *testing.T) {
	r := lab(t, nil)
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, true)
	other := newPhone(t)
	if _, err := s.Offer(caller, 2, false, []byte(other.sdp("m=video 5000 RTP/AVP 96")), nil); err != nil {
		t.Fatal(err)
	}
	s.Refused(caller, 2)
	if used, _, _ := r.Ports(); used != 2 {
		t.Errorf("%d pairs are in use: those of the refused line too", used)
	}
	a.says("1", toA)
	b.hears("1", toB)
	b.says("2", toB)
	a.hears("2", toA)
	other.deaf()
}

// An offer that cannot be carried, since its second line asks for what the policy
// forbids, leaves nothing of its first line behind either.
func TestAnOfferRefusedHalfwayChangesNothing(t *testing.T) {
	r := lab(t, nil)
	s, a, b, other := session(t, r, false), newPhone(t), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, false)
	if _, err := s.Offer(caller, 2, false, []byte(other.sdp("m=audio 5000 RTP/AVP 0", "c=IN IP4 10.0.0.1")), nil); !IsRefusal(err) {
		t.Fatalf("a private address was carried: %v", err)
	}
	if _, err := s.Answer(callee, true, true, []byte(b.sdp("a=sendrecv")), nil); err != nil {
		t.Fatal(err)
	}
	b.says("1", toB)
	a.hears("1", toA)
	other.deaf()
}

// broken is a socket that panics.
type broken struct{ wire }

func (broken) send([]byte, netip.AddrPort) error { panic("a packet nobody thought of") }

// A packet that makes the relay panic is lost, and told; the goroutine that reads for
// all calls goes on, and so does this one.
func TestAPanicCostsOnePacket(t *testing.T) {
	told := make(chan any, 1)
	r := lab(t, func(o *Options) { o.Panicked = func(p any, stack []byte) { told <- p } })
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, true)
	st := s.lines[0]
	st.mu.Lock()
	whole := st.side[quality.Callee].rtp.wire
	st.side[quality.Callee].rtp.wire = broken{whole}
	st.mu.Unlock()
	a.says("1", toA)
	if p := <-told; p != "a packet nobody thought of" {
		t.Errorf("told of %v", p)
	}
	st.mu.Lock()
	st.side[quality.Callee].rtp.wire = whole
	st.mu.Unlock()
	a.says("2", toA)
	b.hears("2", toB)
	if n := r.Counters.Panics.Load(); n != 1 {
		t.Errorf("%d panics", n)
	}
}

// kernel is a Net of the system's sockets, which a goroutine reads each.
type kernel struct{ transport.Net }

func (kernel) ListenPacket(ctx context.Context, network string, at netip.AddrPort) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, network, at.String())
}

// The port with which an address is tried may be found by a packet, too: nobody
// gets it, nobody counts it, and calls go on.
func TestAPacketFindsTheTrialPort(t *testing.T) {
	for name, through := range map[string]transport.Net{"epoll": nil, "a goroutine each": kernel{}} {
		t.Run(name, func(t *testing.T) {
			r := lab(t, func(o *Options) { o.Net = through })
			w, err := r.trial(home)
			if err != nil {
				t.Fatal(err)
			}
			defer w.close()
			s, a, b := session(t, r, false), newPhone(t), newPhone(t)
			toA, toB := talk(t, s, a, b, true)
			for i := range 3 { // what came first has been read when what came behind it twice was relayed
				a.says("to nobody", w.local().Port())
				text := fmt.Sprint(i)
				a.says(text, toA)
				b.hears(text, toB)
			}
			a.deaf()
			c := &r.Counters
			if c.Panics.Load()+c.Unanswered.Load()+c.Stranger.Load()+c.Malformed.Load() != 0 || c.Relayed.Load() != 3 {
				t.Errorf("%d panics, %d unanswered, %d of strangers, %d malformed, %d relayed", c.Panics.Load(), c.Unanswered.Load(), c.Stranger.Load(), c.Malformed.Load(), c.Relayed.Load())
			}
		})
	}
}

func TestAnotherGatewayAnswers(t *testing.T) {
	r := lab(t, nil)
	s, a, first, second := session(t, r, false), newPhone(t), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, first, false)
	first.says("announcement", toB)
	a.hears("announcement", toA)
	s.Retry()
	first.says("too late", toB)
	counted(t, "unanswered", r.Counters.Unanswered.Load, 1)
	out, err := s.Offer(caller, 1, false, []byte(a.sdp()), nil)
	if err != nil || portIn(t, out) != toB {
		t.Fatalf("%v: the next gateway is offered port %d, the first one was %d", err, portIn(t, out), toB)
	}
	out, err = s.Answer(callee, true, true, []byte(second.sdp()), nil)
	if err != nil || portIn(t, out) != toA {
		t.Fatalf("%v: the caller is told port %d after %d", err, portIn(t, out), toA)
	}
	first.says("still here", toB) // of the same address, but not of the signalled port
	a.hears("still here", toA)
	second.says("hello", toB) // which has the better claim
	a.hears("hello", toA)
	a.says("to you", toA)
	second.hears("to you", toB)
	first.says("and I", toB)
	first.deaf()
	a.deaf()
}

func TestPolicyOfAnswers(t *testing.T) {
	r := lab(t, nil)
	s, a := session(t, r, false), newPhone(t)
	if _, err := s.Offer(caller, 1, false, []byte(describe(netip.MustParseAddrPort("10.0.0.1:4000"))), nil); !errors.Is(err, sdp.ErrPrivate) {
		t.Errorf("offer of a private address: %v", err)
	}
	if _, err := s.Offer(caller, 1, false, []byte(a.sdp()), nil); err != nil {
		t.Fatal(err)
	}
	out, err := s.Answer(callee, true, true, []byte(describe(netip.MustParseAddrPort("239.1.1.1:4000"))), nil)
	if !errors.Is(err, sdp.ErrMulticast) || portIn(t, out) != 0 {
		t.Errorf("answer of a multicast address: %v\n%s", err, out)
	}
}

func TestPortsRunOut(t *testing.T) {
	r := lab(t, func(o *Options) { o.First, o.Last = 24200, 24203 })
	a := newPhone(t)
	one, two := session(t, r, false), session(t, r, false)
	if _, err := one.Offer(caller, 1, false, []byte(a.sdp()), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Offer(caller, 1, false, []byte(a.sdp()), nil); !errors.Is(err, ErrNoPorts) {
		t.Fatalf("%v", err)
	}
	if n := r.Counters.NoPorts.Load(); n != 1 {
		t.Errorf("counted %d times", n)
	}
	one.Close()
	if _, err := two.Offer(caller, 1, false, []byte(a.sdp()), nil); !errors.Is(err, ErrNoPorts) {
		t.Errorf("a pair is used again at once: %v", err)
	}
	time.Sleep(shortest + 20*time.Millisecond)
	if _, err := two.Offer(caller, 1, false, []byte(a.sdp()), nil); err != nil {
		t.Errorf("after a rest: %v", err)
	}
}

func TestPairsAreRandomAndRest(t *testing.T) {
	p := newPool(20001, 20999, time.Hour)
	if p.size() != 499 {
		t.Fatalf("%d pairs in 20001-20999", p.size())
	}
	var order []uint16
	for range 499 {
		even, ok := p.take()
		if !ok || even&1 != 0 || even < 20002 || even+1 > 20999 || slices.Contains(order, even) {
			t.Fatalf("pair %d, %v after %d", even, ok, len(order))
		}
		order = append(order, even)
	}
	another := newPool(20001, 20999, time.Hour)
	var again []uint16
	for range 8 {
		even, _ := another.take()
		again = append(again, even)
	}
	if slices.Equal(again, order[:8]) {
		t.Errorf("the order can be guessed: %v, twice", again)
	}
	for _, even := range order[:10] {
		p.give(even)
		p.give(even) // twice is once
	}
	if even, ok := p.take(); ok {
		t.Errorf("pair %d did not rest", even)
	}
	if used, resting, all := p.counts(); used != 489 || resting != 10 || all != 499 {
		t.Errorf("%d, %d, %d", used, resting, all)
	}
}

func TestARestartKeepsTheCall(t *testing.T) {
	r := lab(t, func(o *Options) { o.First, o.Last = 24300, 24399 })
	s, a, b := session(t, r, false), newPhone(t), newPhone(t)
	toA, toB := talk(t, s, a, b, true)
	a.says("1", toA)
	b.hears("1", toB)
	kept := s.Append(nil)
	if len(kept) > 160 {
		t.Errorf("%d bytes for one m-line", len(kept))
	}
	r.Close()

	again := lab(t, func(o *Options) { o.First, o.Last = 24300, 24399 })
	sa, sb := sides()
	back, err := again.Restore("owner", sa, sb, kept)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Append(nil), kept) || back.Owner != "owner" {
		t.Errorf("restored, it is kept differently:\n%x\n%x", back.Append(nil), kept)
	}
	a.says("2", toA)
	b.hears("2", toB)
	b.says("3", toB)
	a.hears("3", toA)
	newPhone(t).says("stranger", toA) // a is still locked
	a.says("4", toA)
	b.hears("4", toB)
	for i := range kept {
		if s, err := again.Restore(nil, sa, sb, kept[:i]); err == nil && i > 0 && len(s.lines) > 0 {
			t.Errorf("%d of %d bytes were enough", i, len(kept))
		}
	}
}

// Sessions come and go, and every port and descriptor comes back.
func TestNothingLeaks(t *testing.T) {
	r := lab(t, func(o *Options) { o.First, o.Last = 21000, 23999 })
	a, b := newPhone(t), newPhone(t)
	before := descriptors(t)
	for range 300 {
		s := session(t, r, false)
		toA, toB := talk(t, s, a, b, true)
		a.says("x", toA)
		b.hears("x", toB)
		s.Close()
		s.Close()
	}
	if n := r.Sessions(); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	if used, resting, all := r.Ports(); used != 0 || resting > all {
		t.Errorf("%d pairs are in use", used)
	}
	for end := time.Now().Add(10 * time.Second); descriptors(t) > before+2 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if after := descriptors(t); after > before+2 {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
