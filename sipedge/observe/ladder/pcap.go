package ladder

import (
	"encoding/binary"
	"io"
	"net/netip"
	"strconv"
	"time"

	"github.com/speakops/sipedge/sipedge/transport"
)

// Pcap writes ladders as a pcapng file (draft-ietf-opsawg-pcapng) of raw IP
// packets, which Wireshark and sngrep open with their call flows. Messages over
// TCP are TCP segments; what came over TLS stands there as UDP, decrypted, since
// the edge has no ciphertext to show. Decisions are comments of the packet that
// follows them.
func Pcap(w io.Writer, ladders ...Ladder) error {
	p := pcap{seq: map[[2]netip.AddrPort]uint32{}}
	p.sectionHeader()
	p.interfaceDescription()
	for i := range ladders {
		p.ladder(&ladders[i])
	}
	_, err := w.Write(p.b)
	return err
}

type pcap struct {
	b   []byte
	seq map[[2]netip.AddrPort]uint32 // next TCP sequence number of each direction
}

// Block types and options.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 6
	optComment     = 1
	optApplication = 4
	optIfName      = 2
	optResolution  = 9
	linkRaw        = 101 // LINKTYPE_RAW: the packet begins with its IP header
	maxSegment     = 32 << 10
)

// block writes one block with its length on both sides.
func (p *pcap) block(kind uint32, fill func()) {
	from := len(p.b)
	p.b = le.AppendUint32(p.b, kind)
	p.b = le.AppendUint32(p.b, 0)
	fill()
	n := uint32(len(p.b) - from + 4)
	p.b = le.AppendUint32(p.b, n)
	le.PutUint32(p.b[from+4:], n)
}

func (p *pcap) option(code uint16, value []byte) {
	p.b = le.AppendUint16(p.b, code)
	p.b = le.AppendUint16(p.b, uint16(len(value)))
	p.b = append(p.b, value...)
	p.pad()
}

func (p *pcap) pad() {
	for len(p.b)%4 != 0 {
		p.b = append(p.b, 0)
	}
}

func (p *pcap) sectionHeader() {
	p.block(blockSection, func() {
		p.b = le.AppendUint32(p.b, 0x1a2b3c4d)
		p.b = le.AppendUint16(p.b, 1)
		p.b = le.AppendUint16(p.b, 0)
		p.b = le.AppendUint64(p.b, 1<<64-1) // of unknown length
		p.option(optApplication, []byte("sipedge"))
		p.option(0, nil)
	})
}

func (p *pcap) interfaceDescription() {
	p.block(blockInterface, func() {
		p.b = le.AppendUint16(p.b, linkRaw)
		p.b = le.AppendUint16(p.b, 0)
		p.b = le.AppendUint32(p.b, 0)
		p.option(optIfName, []byte("sipedge"))
		p.option(optResolution, []byte{6}) // microseconds
		p.option(0, nil)
	})
}

func (p *pcap) ladder(l *Ladder) {
	comment := "call " + l.Call.Call
	for i := range l.Steps {
		s := &l.Steps[i]
		if s.Note != "" {
			comment = joined(comment, clean(s.Note))
			continue
		}
		from, err1 := netip.ParseAddrPort(s.Peer)
		to, err2 := netip.ParseAddrPort(s.Local)
		if err1 != nil {
			continue
		}
		if err2 != nil || to.Addr().Is4() != from.Addr().Is4() || to.Addr().IsUnspecified() {
			to = netip.AddrPortFrom(local(from.Addr()), to.Port())
		}
		if s.Out {
			from, to = to, from
		}
		p.message(s, from, to, comment)
		comment = ""
	}
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + "\n" + b
}

// local stands for the edge where its socket has no one address.
func local(peer netip.Addr) netip.Addr {
	if peer.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

func (p *pcap) message(s *Step, from, to netip.AddrPort, comment string) {
	text := s.bytes()
	if s.Transport != transport.TCP.String() {
		text = text[:min(len(text), 65000)]
		p.packet(s.At, ip(from, to, 17, udp(from, to, text)), comment)
		return
	}
	for len(text) > 0 {
		part := text[:min(len(text), maxSegment)]
		text = text[len(part):]
		way, back := [2]netip.AddrPort{from, to}, [2]netip.AddrPort{to, from}
		p.packet(s.At, ip(from, to, 6, tcp(from, to, 1+p.seq[way], 1+p.seq[back], part)), comment)
		p.seq[way] += uint32(len(part))
		comment = ""
	}
}

// bytes are those of the message; a ladder that came as JSON has them as text.
func (s *Step) bytes() []byte {
	if s.raw != nil {
		return s.raw
	}
	return []byte(s.Text)
}

func (p *pcap) packet(at time.Time, packet []byte, comment string) {
	p.block(blockPacket, func() {
		us := uint64(at.UnixMicro())
		p.b = le.AppendUint32(p.b, 0)
		p.b = le.AppendUint32(p.b, uint32(us>>32))
		p.b = le.AppendUint32(p.b, uint32(us))
		p.b = le.AppendUint32(p.b, uint32(len(packet)))
		p.b = le.AppendUint32(p.b, uint32(len(packet)))
		p.b = append(p.b, packet...)
		p.pad()
		if comment != "" {
			p.option(optComment, []byte(comment[:min(len(comment), 4096)]))
			p.option(0, nil)
		}
	})
}

var be = binary.BigEndian

// ip puts an IP header before a payload (RFC 791, RFC 8200).
func ip(from, to netip.AddrPort, proto byte, payload []byte) []byte {
	if from.Addr().Is4() {
		b := make([]byte, 20, 20+len(payload))
		b[0], b[8], b[9] = 0x45, 64, proto
		be.PutUint16(b[2:], uint16(20+len(payload)))
		copy(b[12:], from.Addr().AsSlice())
		copy(b[16:], to.Addr().AsSlice())
		be.PutUint16(b[10:], ^fold(sum(0, b)))
		return append(b, payload...)
	}
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7] = 0x60, proto, 64
	be.PutUint16(b[4:], uint16(len(payload)))
	copy(b[8:], from.Addr().AsSlice())
	copy(b[24:], to.Addr().AsSlice())
	return append(b, payload...)
}

func udp(from, to netip.AddrPort, payload []byte) []byte {
	b := make([]byte, 8, 8+len(payload))
	be.PutUint16(b, from.Port())
	be.PutUint16(b[2:], to.Port())
	be.PutUint16(b[4:], uint16(8+len(payload)))
	b = append(b, payload...)
	check := ^fold(sum(pseudo(from, to, 17, len(b)), b))
	if check == 0 {
		check = 0xffff // RFC 768: zero would say that there is none
	}
	be.PutUint16(b[6:], check)
	return b
}

func tcp(from, to netip.AddrPort, seq, ack uint32, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	be.PutUint16(b, from.Port())
	be.PutUint16(b[2:], to.Port())
	be.PutUint32(b[4:], seq)
	be.PutUint32(b[8:], ack)
	b[12], b[13] = 5<<4, 0x18 // PSH, ACK
	be.PutUint16(b[14:], 0xffff)
	b = append(b, payload...)
	be.PutUint16(b[16:], ^fold(sum(pseudo(from, to, 6, len(b)), b)))
	return b
}

// pseudo is the sum over the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1).
func pseudo(from, to netip.AddrPort, proto byte, n int) uint32 {
	return sum(sum(uint32(proto)+uint32(n), from.Addr().AsSlice()), to.Addr().AsSlice())
}

func sum(s uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// FileName is what a capture of a call is called.
func (l *Ladder) FileName() string {
	return "sipedge-" + l.Begun.UTC().Format("20060102-150405") + "-" + l.Call.Call[:min(len(l.Call.Call), 12)] + "-" + strconv.Itoa(l.Messages) + ".pcapng"
}
