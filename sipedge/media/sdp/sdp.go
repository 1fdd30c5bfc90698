// Package sdp answers: what does an offer or an answer say about media, and how
// does it read with the edge's addresses in it?
//
// It reads what relaying needs and edits by line: a line that the edge has no
// reason to change leaves byte for byte as it came, however unusual it is. What
// is on the wire is not always what RFC 8866 allows, and it is not the edge's
// place to be stricter than the two ends. The package is quiet: bytes in, bytes
// out, and no name in SDP is ever looked up.
package sdp

import (
	"errors"
	"net/netip"

	"github.com/speakops/sipedge/sipedge/media/quality"
)

// Limits of one description. What is larger is refused before it is understood.
const (
	MaxSize    = 16 << 10
	MaxLines   = 256
	MaxMedia   = 64
	MaxFormats = 32 // described per m-line; further ones pass unread
)

// Why a description is refused. The texts go to the peer and the log.
var (
	ErrTooLarge     = errors.New("SDP over 16 kB, 256 lines or 64 media")
	ErrNotSDP       = errors.New("body of type application/sdp does not begin with v=")
	ErrBadMedia     = errors.New("SDP has an m-line without media, port and protocol")
	ErrNoConnection = errors.New("SDP has media without a connection address")
)

// Carriage is how an m-line's packets travel.
type Carriage uint8

const (
	Unknown  Carriage = iota // nothing a relay of datagrams can carry: TCP, or a protocol not heard of
	RTP                      // RTP and RTCP over UDP, SRTP of either kind among them
	Datagram                 // anything else over UDP: T.38 (UDPTL), BFCP, SCTP over DTLS
)

// Direction is what the writer of an m-line is ready for (RFC 8866 section 6.7).
type Direction uint8

const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// Media is one m-line with what belongs to it. Byte slices point into the body.
type Media struct {
	Kind      []byte // audio, video, image, ...
	Port      uint16 // 0: rejected, or offered as nothing
	Several   bool   // port/n: layered streams, which no relay by pairs can carry
	Proto     []byte
	Carriage  Carriage
	Secure    bool       // SRTP, or DTLS
	Addr      netip.Addr // of the connection in force; invalid where it is a name
	Named     bool       // the connection is a name
	RTCP      netip.AddrPort
	Mux       bool // a=rtcp-mux
	Direction Direction
	Suppress  bool // a=silenceSupp:on: may stop sending in silence
	Formats   []quality.Format

	types []uint8 // of the fmt list
	conn  bool    // has a c-line of its own
}

// Held says whether the writer has put the stream on hold in the style of RFC
// 2543: a connection address of all zeros.
func (m *Media) Held() bool { return m.Addr.IsValid() && m.Addr.IsUnspecified() }

// Live says whether an m-line is in use.
func (m *Media) Live() bool { return m.Port != 0 }

// Sends says whether the writer of the m-line is going to send.
func (m *Media) Sends() bool { return m.Live() && (m.Direction == SendRecv || m.Direction == SendOnly) }

// Receives says whether the writer of the m-line wants to be sent anything.
func (m *Media) Receives() bool {
	return m.Live() && !m.Held() && (m.Direction == SendRecv || m.Direction == RecvOnly)
}

// Description is one body as Read has understood it. It is reused from body to
// body, and its slices point into the last one.
type Description struct {
	Media []Media

	body      []byte
	session   netip.Addr
	named     bool
	connected bool // there is a c-line for the whole session
	direction Direction
	texts     [maxTexts]string // addresses as they were written
	count     int
}

// maxTexts bounds the addresses that are looked for elsewhere in a description
// when it is hidden.
const maxTexts = 16

// Addr is the first connection address, invalid when there is none.
func (d *Description) Addr() netip.Addr {
	if d.session.IsValid() || len(d.Media) == 0 {
		return d.session
	}
	return d.Media[0].Addr
}

// text remembers an address as it was written.
func (d *Description) text(b []byte) {
	if d.count == maxTexts || len(b) < 4 {
		return
	}
	if a, err := netip.ParseAddr(string(b)); err == nil && a.IsUnspecified() {
		return
	}
	for _, t := range d.texts[:d.count] {
		if t == string(b) {
			return
		}
	}
	d.texts[d.count] = string(b)
	d.count++
}
