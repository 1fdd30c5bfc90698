package media

import (
	"net/netip"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// stream is one m-line of a call: a pair of ports towards each end, joined once
// an answer has passed.
type stream struct {
	relay *Relay
	loop  *loop // that reads its sockets; unused where there are no loops

	mu       sync.Mutex
	side     [2]side // by quality.End: the ports that face it
	watch    quality.Watch
	silence  quality.Silence // as last looked at
	carriage sdp.Carriage
	secure   bool
	audio    bool
	open     bool // an answer has passed
	agreed   bool // it ever was open
	both     bool // both ends are to send and to be heard
	up       bool // the call is answered: silence is worth a word
	spares   [2]bool
	formats  [2][]quality.Format
	closed   bool
	end      *ending       // the edge itself, in place of a callee; nil: there is one
	last     time.Duration // of the last packet sent on, or of the last agreement
}

// side is the ports of a stream that face one end.
type side struct {
	rtp, rtcp port
	even      uint16 // the pair's, 0 before there is one
}

// port is one socket of a stream.
type port struct {
	stream *stream
	end    quality.End // whom it faces
	rtcp   bool
	wire   wire
	latch  latch
}

// newStream reserves ports for both ends.
func (r *Relay) newStream(addrs [2]netip.Addr) (*stream, error) {
	st := &stream{relay: r}
	st.face()
	for _, end := range [...]quality.End{quality.Caller, quality.Callee} {
		if err := st.reserve(end, addrs[end]); err != nil {
			st.close()
			return nil, err
		}
	}
	return st, nil
}

// face says once and for all which port faces whom: packets may come from the
// moment on in which a port has a socket.
func (st *stream) face() {
	for _, end := range [...]quality.End{quality.Caller, quality.Callee} {
		st.side[end].rtp, st.side[end].rtcp = port{stream: st, end: end}, port{stream: st, end: end, rtcp: true}
	}
}

// tries bounds how often another pair is drawn when another program has a port.
const tries = 8

func (st *stream) reserve(end quality.End, addr netip.Addr) error {
	r := st.relay
	var failed error
	for range tries {
		even, ok := r.pool.take()
		if !ok {
			r.Counters.NoPorts.Add(1)
			return ErrNoPorts
		}
		if failed = st.bind(end, addr, even); failed == nil {
			return nil
		}
		r.pool.give(even)
	}
	r.Counters.NoPorts.Add(1)
	return failed
}

// bind opens both ports of a pair.
func (st *stream) bind(end quality.End, addr netip.Addr, even uint16) error {
	sd := &st.side[end]
	local := st.relay.local(addr)
	for i, p := range [...]*port{&sd.rtp, &sd.rtcp} {
		w, err := st.relay.wires.open(netip.AddrPortFrom(local, even+uint16(i)), p)
		if err != nil {
			if i == 1 {
				sd.rtp.wire.close()
			}
			return err
		}
		st.mu.Lock() // packets may come from here on
		p.wire = w
		st.mu.Unlock()
	}
	sd.even = even
	return nil
}

// close gives the ports back.
func (st *stream) close() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return
	}
	if st.end != nil {
		if st.end.begun {
			st.report(st.relay.now(), true)
		}
		close(st.end.stop)
	}
	st.closed, st.open = true, false
	for i := range st.side {
		sd := &st.side[i]
		if sd.even == 0 {
			continue
		}
		sd.rtp.wire.close()
		sd.rtcp.wire.close()
		st.relay.pool.give(sd.even)
	}
}

// shut stops relaying until the next answer: another gateway is being tried.
func (st *stream) shut() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.open, st.both = false, false
	st.watch.Agree(false, st.spares, st.relay.now())
}

// arrived takes one datagram from the goroutine that reads its socket.
func (p *port) arrived(b []byte, from netip.AddrPort, at time.Duration, h *rtp.Header) {
	st := p.stream
	defer st.relay.survive() // after the lock is free again
	st.mu.Lock()
	defer st.mu.Unlock()
	c := &st.relay.Counters
	switch {
	case st.closed:
		return
	case !st.open:
		c.Unanswered.Add(1)
		return
	case !st.fits(b):
		c.Malformed.Add(1)
		return
	}
	ok, fresh := false, false
	if !p.rtcp || !p.latch.nat || st.side[p.end].rtp.beside(from) {
		ok, fresh = p.latch.admit(from, at)
	}
	if !ok {
		c.Stranger.Add(1)
		return
	}
	if fresh {
		p.wire.aim(from)
	}
	if st.end != nil {
		st.take(p, b, at, h)
		return
	}
	out := st.opposite(p)
	to := out.latch.target()
	st.measure(p, b, at, h)
	if !to.IsValid() {
		c.Nowhere.Add(1)
		return
	}
	if out.wire.send(b, to) != nil {
		c.Unsent.Add(1)
		return
	}
	st.last = at
	c.Relayed.Add(1)
	c.Bytes.Add(uint64(len(b)))
}

// beside says whether RTCP from a source behind NAT may be of the end whose RTP
// has locked this port.
func (p *port) beside(from netip.AddrPort) bool {
	return p.latch.locked && p.latch.source.Addr() == from.Addr()
}

func (st *stream) opposite(p *port) *port {
	sd := &st.side[p.end.Other()]
	if p.rtcp {
		return &sd.rtcp
	}
	return &sd.rtp
}

// fits says whether a datagram is what was agreed on. Handshakes of DTLS-SRTP
// travel beside SRTP (RFC 7983); all of a stream that is no RTP fits.
func (st *stream) fits(b []byte) bool {
	if st.carriage != sdp.RTP {
		return len(b) > 0
	}
	return len(b) > 1 && (quality.Valid(b) || st.secure && isDTLS(b))
}

func isDTLS(b []byte) bool { return len(b) >= 13 && b[0] >= 20 && b[0] <= 63 && b[1] == 0xfe }

// measure listens to an audio packet on its way.
func (st *stream) measure(p *port, b []byte, at time.Duration, h *rtp.Header) {
	if st.carriage != sdp.RTP || b[0]>>6 != 2 {
		return
	}
	m := &st.watch.End[p.end]
	switch {
	case !p.rtcp && !quality.IsRTCP(b):
		m.Packet(h, b, at)
	case st.secure: // encrypted
	default:
		m.RTCP(b, at)
		st.watch.End[p.end.Other()].SentRTCP(b, at)
	}
}

// terms is what one end says of one m-line.
type terms struct {
	live     bool
	carriage sdp.Carriage
	secure   bool
	audio    bool
	held     bool
	sends    bool
	receives bool
	suppress bool
	rtp      netip.AddrPort
	rtcp     netip.AddrPort
	formats  []quality.Format
}

func termsOf(m *sdp.Media) terms {
	t := terms{
		live: m.Live(), carriage: m.Carriage, secure: m.Secure, audio: string(m.Kind) == "audio", held: m.Held(),
		sends: m.Sends(), receives: m.Receives(), suppress: m.Suppress,
		rtp: netip.AddrPortFrom(m.Addr, m.Port), rtcp: m.RTCP, formats: append([]quality.Format(nil), m.Formats...),
	}
	if m.Mux {
		t.rtcp = t.rtp
	}
	return t
}

// agree puts an offer and its answer into force; up says that the call is
// answered.
func (st *stream) agree(t [2]terms, nat [2]bool, up bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return
	}
	now := st.relay.now()
	for end := range t {
		one, sd := &t[end], &st.side[end]
		until := now + st.relay.o.Window
		sd.rtp.set(one.rtp, one.held, nat[end], until)
		sd.rtcp.set(one.rtcp, one.held, nat[end], until)
		st.formats[end] = one.formats
		st.watch.End[end].Describe(one.formats)
	}
	st.carriage, st.secure, st.audio = t[0].carriage, t[0].secure || t[1].secure, t[0].audio
	st.both = t[0].sends && t[1].sends && t[0].receives && t[1].receives
	st.up, st.spares = up, [2]bool{t[0].suppress, t[1].suppress}
	st.open, st.agreed, st.last = true, true, now
	st.listen(now)
}

// rise says that the call is answered, on terms agreed before.
func (st *stream) rise() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.up && !st.closed {
		st.up, st.last = true, st.relay.now()
		st.listen(st.last)
	}
}

// listen tells the watch whether silence of one end is worth a word.
func (st *stream) listen(now time.Duration) {
	st.watch.Agree(st.both && st.up && st.audio && st.carriage == sdp.RTP, st.spares, now)
}

// set changes whom a port listens to.
func (p *port) set(to netip.AddrPort, held, nat bool, until time.Duration) {
	was := p.latch.locked
	p.latch.set(to, held, nat, until)
	if was && !p.latch.locked {
		p.wire.aim(netip.AddrPort{})
	}
}
