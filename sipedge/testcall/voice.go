package testcall

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

// Sound is what a call says, and how it is carried.
type Sound struct {
	Codec     string     // PCMU, PCMA; "" offers both, PCMU first
	SRTP      bool       // keys in SDP (SDES, RFC 4568); the signalling should be TLS then
	Advertise netip.Addr // written into SDP (the address that the call comes from)
	DTMF      string     // pressed once the tone has been heard, as telephone events (RFC 4733)
	Silent    bool       // says nothing, and sends no packet
}

const sampleRate = sound.Rate

func (s *Sound) defaults() error {
	s.Codec = strings.ToUpper(s.Codec)
	if s.Codec != "" && s.Codec != "PCMU" && s.Codec != "PCMA" {
		return fmt.Errorf("testcall: codec %q is neither PCMU nor PCMA", s.Codec)
	}
	s.DTMF = strings.ToUpper(s.DTMF)
	for _, d := range s.DTMF {
		if !strings.ContainsRune(sound.Digits, d) {
			return fmt.Errorf("testcall: %q is no digit of a telephone; there are %s", d, sound.Digits)
		}
	}
	if len(s.DTMF) > maxDigits {
		return fmt.Errorf("testcall: more than %d digits", maxDigits)
	}
	return nil
}

const maxDigits = 32

// voice is the media of one call: a pair of ports, what is said through them,
// and what is heard.
type voice struct {
	Sound
	rtp, rtcp *net.UDPConn
	at        netip.AddrPort // of rtp
	id        uint64         // of our SDP
	version   uint64
	ours      []keyed
	epoch     time.Time
	done      sync.WaitGroup
	end       chan struct{}
	once      sync.Once

	mu     sync.Mutex
	agreed bool
	them   described
	law    sound.Law
	suite  string
	locks  struct{ out, in *srtp.Context } // nil without SRTP
	ear    ear
	mouth  mouth
	reports
}

// tries bounds the search for two ports side by side.
const tries = 50

func newVoice(s Sound, local netip.Addr) (*voice, error) {
	v := &voice{Sound: s, epoch: time.Now(), end: make(chan struct{})}
	var err error
	for range tries {
		if v.rtp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))); err != nil {
			return nil, err
		}
		v.at = v.rtp.LocalAddr().(*net.UDPAddr).AddrPort()
		if p := v.at.Port(); p&1 == 0 && p < 65535 { // RTP is even, RTCP stands beside it (RFC 3550 section 11)
			if v.rtcp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, p+1))); err == nil {
				break
			}
		}
		v.rtp.Close()
	}
	if v.rtcp == nil {
		return nil, fmt.Errorf("no two ports side by side are free for media: %w", err)
	}
	var seed [21]byte
	_, _ = rand.Read(seed[:]) // never fails (crypto/rand)
	v.id = uint64(binary.BigEndian.Uint32(seed[:]))
	for i := range suites {
		key := make([]byte, 30)
		_, _ = rand.Read(key)
		if v.SRTP {
			v.ours = append(v.ours, keyed{fmt.Sprint(i + 1), i, key})
		}
	}
	v.mouth.open(seed[4:])
	v.done.Go(func() { v.listen(v.rtp) })
	v.done.Go(func() { v.listen(v.rtcp) })
	return v, nil
}

func (v *voice) now() time.Duration { return time.Since(v.epoch) }

func (v *voice) advertised() netip.Addr {
	if v.Advertise.IsValid() {
		return v.Advertise
	}
	return v.at.Addr()
}

func (v *voice) offer() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.write(nil)
}

// agree takes the answer to our offer, and says whether it is one.
func (v *voice) agree(body []byte) bool {
	if len(body) == 0 {
		return false
	}
	d, err := read(body)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		err = v.adopt(&d)
	}
	if err != nil {
		v.ear.problem = err.Error()
		return false
	}
	return true
}

// answer takes an offer of the other side within the call, such as hold; an
// empty one asks for ours.
func (v *voice) answer(offer []byte) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(offer) == 0 {
		return v.write(nil), nil
	}
	d, err := read(offer)
	if err != nil {
		return nil, err
	}
	if err := v.adopt(&d); err != nil {
		return nil, err
	}
	return v.write(&d), nil
}

var (
	errNoKeys  = errors.New("it offers no SRTP key that we know, and SRTP was asked for")
	errOnlyRTP = errors.New("it wants SRTP, which was not offered")
)

// adopt puts a description of the other side into force. The lock is held.
func (v *voice) adopt(d *described) error {
	switch {
	case v.SRTP && (!d.secure || len(d.cryptos) == 0):
		return errNoKeys
	case !v.SRTP && d.secure:
		return errOnlyRTP
	}
	if v.SRTP && (!v.agreed || string(v.them.cryptos[0].key) != string(d.cryptos[0].key)) {
		k := d.cryptos[0]
		profile := suites[k.suite].profile
		out, err := srtp.CreateContext(v.ours[k.suite].key[:16], v.ours[k.suite].key[16:], profile)
		if err != nil {
			return err
		}
		in, err := srtp.CreateContext(k.key[:16], k.key[16:], profile)
		if err != nil {
			return err
		}
		v.suite, v.locks.out, v.locks.in = suites[k.suite].name, out, in
	}
	v.law = sound.Law(v.common(d)[0])
	v.them = *d
	v.ear.meter.Describe(d.formats)
	if !v.agreed && !v.Silent {
		v.done.Go(v.talk)
	}
	v.agreed = true
	return nil
}

// target is where packets go now, not valid on hold.
func (v *voice) target() (rtp, rtcp netip.AddrPort) {
	d := &v.them
	if d.direction == sdp.SendOnly || d.direction == sdp.Inactive {
		return netip.AddrPort{}, d.rtcp
	}
	return d.rtp, d.rtcp
}

// listen takes what comes to one of our ports; RTCP may come to either.
func (v *voice) listen(c *net.UDPConn) {
	b := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 12 && !quality.Valid(b[:n]) {
			continue // what an earlier packet of ours came to
		}
		v.mu.Lock()
		v.arrived(b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		v.mu.Unlock()
	}
}

func (v *voice) arrived(b []byte, from netip.AddrPort) {
	at := v.now()
	if quality.IsRTCP(b) {
		if v.locks.in != nil {
			plain, err := v.locks.in.DecryptRTCP(nil, b, nil)
			if err != nil {
				v.ear.sealed++
				return
			}
			b = plain
		}
		v.report(b, at)
		return
	}
	if v.locks.in != nil {
		plain, err := v.locks.in.DecryptRTP(nil, b, nil)
		if err != nil {
			v.ear.sealed++
			return
		}
		b = plain
	}
	var p rtp.Packet
	if p.Unmarshal(b) != nil {
		return
	}
	v.ear.hear(&p, b, from, at, v.them.event)
}

// send seals a packet where that was agreed, and sends it. The lock is held.
func (v *voice) send(p *rtp.Packet) {
	to, _ := v.target()
	b, err := p.Marshal()
	if err != nil || !to.IsValid() {
		return
	}
	if v.locks.out != nil {
		if b, err = v.locks.out.EncryptRTP(nil, b, nil); err != nil {
			return
		}
	}
	if _, err := v.rtp.WriteToUDPAddrPort(b, to); err != nil {
		v.mouth.unsent++
		return
	}
	v.mouth.sent++
}

func (v *voice) hush() {
	v.once.Do(func() { close(v.end) })
}

func (v *voice) close() {
	v.hush()
	v.rtp.Close()
	v.rtcp.Close()
	v.done.Wait()
}
