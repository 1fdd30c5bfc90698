package media

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// What a session needs to go on after a planned restart: its ports, and whom
// they are locked to. Offers under way are not kept, and meters begin anew.
const keepVersion = 1

// Bounds of what is kept: a dialog record has 2 KB for everything.
const (
	maxKept        = 4 // m-lines; further ones end with the process
	maxKeptFormats = 8 // payload types per m-line and end
)

// Bits of a kept stream.
const (
	keptSecure = 1 << iota
	keptAudio
	keptBoth
	keptOpen
)

// Bits of a kept latch.
const (
	keptLocked = 1 << iota
	keptNAT
	keptMute
)

// ErrNotKept means that bytes are no session of a known version.
var ErrNotKept = errors.New("media: not a kept session")

// Append appends what Restore needs.
func (s *Session) Append(dst []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	dst = append(dst, keepVersion, flag(s.up, 1))
	for end := range s.side {
		dst = appendAddr(dst, netip.AddrPortFrom(s.side[end].Addr, 0))
	}
	for i, st := range s.lines[:min(len(s.lines), maxKept)] {
		if st == nil {
			continue
		}
		st.mu.Lock()
		if st.agreed {
			dst = st.append(append(dst, byte(i)))
		}
		st.mu.Unlock()
	}
	return dst
}

func flag(b bool, bit byte) byte {
	if b {
		return bit
	}
	return 0
}

func (st *stream) append(dst []byte) []byte {
	dst = append(dst, byte(st.carriage), flag(st.secure, keptSecure)|flag(st.audio, keptAudio)|flag(st.both, keptBoth)|flag(st.open, keptOpen))
	for end := range st.side {
		sd := &st.side[end]
		dst = binary.BigEndian.AppendUint16(dst, sd.even)
		for _, l := range [...]*latch{&sd.rtp.latch, &sd.rtcp.latch} {
			dst = append(dst, flag(l.locked, keptLocked)|flag(l.nat, keptNAT)|flag(l.mute, keptMute))
			dst = appendAddr(dst, l.signalled)
			dst = appendAddr(dst, l.source)
		}
		formats := st.formats[end][:min(len(st.formats[end]), maxKeptFormats)]
		dst = append(dst, byte(len(formats)))
		for _, f := range formats {
			dst = append(dst, f.Type, kindOf(f.Name))
			dst = binary.BigEndian.AppendUint32(dst, f.Clock)
		}
	}
	return dst
}

// names are the encodings whose name matters, by their number in a record.
var names = [...]string{"", "telephone-event", "CN"}

func kindOf(name string) byte {
	for i, n := range names[1:] {
		if strings.EqualFold(n, name) {
			return byte(i + 1)
		}
	}
	return 0
}

func appendAddr(dst []byte, a netip.AddrPort) []byte {
	if !a.Addr().IsValid() {
		return append(dst, 0)
	}
	var room [32]byte
	b, _ := a.AppendBinary(room[:0])
	return append(append(dst, byte(len(b))), b...)
}

// Restore makes the session that Append has kept, on the very ports it had. A
// stream whose ports are gone is left out, and err says so.
func (r *Relay) Restore(owner any, caller, callee Side, kept []byte) (s *Session, err error) {
	k := keptBytes{rest: kept}
	if k.byte() != keepVersion {
		return nil, ErrNotKept
	}
	up := k.byte()&1 != 0
	caller.Addr, callee.Addr = k.addr().Addr(), k.addr().Addr()
	if k.bad || !r.has(caller.Addr) || !r.has(callee.Addr) {
		return nil, ErrNotKept
	}
	if s, err = r.Session(owner, caller, callee); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.up = up
	var failed error
	for len(k.rest) > 0 && !k.bad {
		i := int(k.byte())
		st, err := r.restoreStream(&k, [2]netip.Addr{caller.Addr, callee.Addr}, up)
		if i >= maxKept || k.bad {
			failed = ErrNotKept
			if st != nil {
				st.close()
			}
			break
		}
		if err != nil {
			failed = err
			continue
		}
		for len(s.lines) <= i {
			s.lines = append(s.lines, nil)
		}
		s.lines[i] = st
	}
	s.mu.Unlock()
	if k.bad {
		failed = ErrNotKept
	}
	return s, failed
}

// has says whether an address is one of the relay's still.
func (r *Relay) has(a netip.Addr) bool { return a.IsValid() && (a == r.o.V4 || a == r.o.V6) }

func (r *Relay) restoreStream(k *keptBytes, addrs [2]netip.Addr, up bool) (*stream, error) {
	st := &stream{relay: r, up: up, agreed: true}
	st.face()
	st.carriage = sdp.Carriage(k.byte())
	bits := k.byte()
	st.secure, st.audio, st.both = bits&keptSecure != 0, bits&keptAudio != 0, bits&keptBoth != 0
	var failed error
	for end := range st.side {
		even := k.uint16()
		var latches [2]latch
		for i := range latches {
			b := k.byte()
			latches[i] = latch{locked: b&keptLocked != 0, nat: b&keptNAT != 0, mute: b&keptMute != 0, signalled: k.addr(), source: k.addr()}
			if !latches[i].locked && latches[i].nat {
				latches[i].until = r.now() + r.o.Window // it was still to be heard of
			}
		}
		st.formats[end] = k.formats()
		if k.bad || failed != nil {
			continue
		}
		if failed = st.rebind(quality.End(end), addrs[end], even); failed == nil {
			st.side[end].rtp.restore(latches[0])
			st.side[end].rtcp.restore(latches[1])
			st.watch.End[end].Describe(st.formats[end])
		}
	}
	if k.bad || failed != nil {
		st.close()
		return nil, failed
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.open, st.last = bits&keptOpen != 0, r.now()
	st.listen(st.last)
	return st, nil
}

// rebind takes a certain pair again.
func (st *stream) rebind(end quality.End, addr netip.Addr, even uint16) error {
	if !st.relay.pool.claim(even) {
		return errors.New("media: a port of the last run is outside of media.ports now, or in use")
	}
	if err := st.bind(end, addr, even); err != nil {
		st.relay.pool.give(even)
		return err
	}
	return nil
}

func (p *port) restore(l latch) {
	p.stream.mu.Lock()
	defer p.stream.mu.Unlock()
	p.latch = l
	if l.locked {
		p.wire.aim(l.source)
	}
}

// keptBytes reads what append wrote; after the first mistake it yields zeros.
type keptBytes struct {
	rest []byte
	bad  bool
}

func (k *keptBytes) take(n int) []byte {
	if k.bad || n > len(k.rest) {
		k.bad = true
		return make([]byte, n)
	}
	b := k.rest[:n]
	k.rest = k.rest[n:]
	return b
}

func (k *keptBytes) byte() byte     { return k.take(1)[0] }
func (k *keptBytes) uint16() uint16 { return binary.BigEndian.Uint16(k.take(2)) }

func (k *keptBytes) addr() (a netip.AddrPort) {
	n := int(k.byte())
	if n == 0 {
		return a
	}
	if a.UnmarshalBinary(k.take(n)) != nil {
		k.bad = true
	}
	return a
}

func (k *keptBytes) formats() (list []quality.Format) {
	for range k.byte() {
		if k.bad {
			return nil
		}
		f := quality.Format{Type: k.byte()}
		if n := k.byte(); int(n) < len(names) {
			f.Name = names[n]
		}
		f.Clock = binary.BigEndian.Uint32(k.take(4))
		list = append(list, f)
	}
	return list
}
