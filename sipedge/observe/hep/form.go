package hep

import (
	"encoding/hex"
	"net/netip"
)

// form is a packet as Append makes it but for what differs from message to message,
// which has its place in it: most of a packet's head is the same for all.
type form struct {
	head    []byte
	address int // bytes of one
	source  int // where that of the source is; what follows has a fixed distance
}

// callLen is the length of a call's name in hexadecimal, as it stands in forms.
const callLen = 24

// newForm is the form of packets between IPv4 addresses, or between any.
func newForm(four bool, agent uint32, node, password string) form {
	f, some := form{address: 16, source: atLength + 2 + chunkHead + 1 + chunkHead}, netip.IPv6Unspecified()
	if four {
		f.address, some = 4, netip.IPv4Unspecified()
	}
	at := netip.AddrPortFrom(some, 0)
	f.head = Append(nil, &Packet{From: at, To: at, Agent: agent, Node: node, Password: password, Call: make([]byte, callLen)})
	return f
}

// append is Append for a packet with addresses of the form, of a call with this name
// and a time in nanoseconds since 1970.
func (f *form) append(dst []byte, p *Packet, call [callLen / 2]byte, nanos int64) []byte {
	from := len(dst)
	payload := p.Payload[:min(len(p.Payload), MaxPayload)]
	dst = append(append(dst, f.head...), payload...)
	b := dst[from:]
	be.PutUint16(b[atLength:], uint16(len(b)))
	source, target := b[f.source:], b[f.source+f.address+chunkHead:]
	if f.address == 4 {
		a, z := p.From.Addr().As4(), p.To.Addr().As4()
		copy(source, a[:])
		copy(target, z[:])
	} else {
		a, z := p.From.Addr().As16(), p.To.Addr().As16()
		copy(source, a[:])
		copy(target, z[:])
	}
	rest := target[f.address+chunkHead:]
	if rest[0] = 17; p.TCP {
		rest[0] = 6
	}
	rest = rest[1+chunkHead:]
	be.PutUint16(rest, p.From.Port())
	be.PutUint16(rest[2+chunkHead:], p.To.Port())
	rest = rest[2*(2+chunkHead):]
	be.PutUint32(rest, uint32(nanos/1e9))
	be.PutUint32(rest[4+chunkHead:], uint32(nanos%1e9/1000))
	hex.Encode(b[len(f.head)-chunkHead-callLen:], call[:])
	be.PutUint16(b[len(f.head)-2:], uint16(chunkHead+len(payload)))
	return dst
}
