package sdp

import (
	"bytes"
	"net/netip"

	"github.com/speakops/sipedge/sipedge/media/quality"
)

// Read understands a body. On an error d is of no use.
func (d *Description) Read(body []byte) error {
	*d = Description{Media: d.Media[:0], body: body}
	if len(body) > MaxSize {
		return ErrTooLarge
	}
	if len(body) < 3 || !is(body[:2], "v=") {
		return ErrNotSDP
	}
	lines := 0
	for rest := body; len(rest) > 0; {
		var line []byte
		line, _, rest = cutLine(rest)
		if lines++; lines > MaxLines {
			return ErrTooLarge
		}
		if err := d.line(line); err != nil {
			return err
		}
	}
	return d.settle()
}

// line takes one line of the session, or of the m-line it stands under.
func (d *Description) line(line []byte) error {
	var m *Media
	if n := len(d.Media); n > 0 {
		m = &d.Media[n-1]
	}
	switch kind(line) {
	case 'm':
		return d.media(line)
	case 'o':
		b := line[2:]
		for range 3 {
			_, b = word(b)
		}
		text, _, _ := address(b)
		d.text(text)
	case 'c':
		text, addr, named := address(line[2:])
		d.text(text)
		switch {
		case m == nil && !d.connected:
			d.session, d.named, d.connected = addr, named, true
		case m != nil && !m.conn: // further ones are layers of a multicast
			m.Addr, m.Named, m.conn = addr, named, true
		}
	case 'a':
		d.attribute(m, line)
	}
	return nil
}

func (d *Description) media(line []byte) error {
	if len(d.Media) == MaxMedia {
		return ErrTooLarge
	}
	var m *Media
	if n := len(d.Media); n < cap(d.Media) {
		d.Media = d.Media[:n+1]
		m = &d.Media[n]
		*m = Media{Formats: m.Formats[:0], types: m.types[:0]}
	} else {
		d.Media = append(d.Media, Media{})
		m = &d.Media[n]
	}
	kind, rest := word(line[2:])
	port, rest := word(rest)
	proto, rest := word(rest)
	port, several, layered := bytes.Cut(port, []byte("/"))
	n, ok := number(port)
	if !ok || len(kind) == 0 || len(proto) == 0 {
		return ErrBadMedia
	}
	m.Kind, m.Proto, m.Port = kind, proto, uint16(n)
	m.Several = layered && string(several) != "1"
	m.Carriage, m.Secure = carriage(proto)
	m.Direction = d.direction
	for len(m.types) < MaxFormats {
		var f []byte
		if f, rest = word(rest); len(f) == 0 {
			break
		}
		if pt, ok := number(f); ok && pt < 128 {
			m.types = append(m.types, uint8(pt))
		}
	}
	return nil
}

// carriage reads the protocol of an m-line.
func carriage(proto []byte) (c Carriage, secure bool) {
	p := string(bytes.ToUpper(proto))
	switch p {
	case "RTP/AVP", "RTP/AVPF":
		return RTP, false
	case "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF":
		return RTP, true
	case "UDPTL", "UDP", "UDP/BFCP", "UDP/UDPTL":
		return Datagram, false
	case "UDP/TLS/UDPTL", "UDP/TLS/BFCP", "UDP/DTLS/SCTP", "DTLS/SCTP":
		return Datagram, true
	}
	return Unknown, false
}

var directions = map[string]Direction{"sendrecv": SendRecv, "sendonly": SendOnly, "recvonly": RecvOnly, "inactive": Inactive}

func (d *Description) attribute(m *Media, line []byte) {
	name, value := attribute(line)
	if dir, ok := directions[string(bytes.ToLower(name))]; ok {
		if m == nil {
			d.direction = dir
		} else {
			m.Direction = dir
		}
		return
	}
	switch {
	case m == nil:
	case is(name, "rtcp"):
		port, rest := word(value)
		n, ok := number(port)
		if !ok {
			return
		}
		var addr netip.Addr
		if text, a, _ := address(rest); len(text) > 0 {
			d.text(text)
			addr = a
		}
		m.RTCP = netip.AddrPortFrom(addr, uint16(n))
	case is(name, "rtcp-mux"), is(name, "rtcp-mux-only"):
		m.Mux = true
	case is(name, "silencesupp"):
		first, _ := word(value)
		m.Suppress = is(first, "on")
	case is(name, "rtpmap"):
		m.rtpmap(value)
	}
}

// rtpmap reads "101 telephone-event/8000".
func (m *Media) rtpmap(value []byte) {
	pt, rest := word(value)
	n, ok := number(pt)
	if !ok || n > 127 || len(m.Formats) == MaxFormats {
		return
	}
	name, _ := word(rest)
	name, clock, _ := bytes.Cut(name, []byte("/"))
	clock, _, _ = bytes.Cut(clock, []byte("/"))
	var hz uint32
	for _, c := range clock {
		if c < '0' || c > '9' || hz > 1_000_000 {
			return
		}
		hz = hz*10 + uint32(c-'0')
	}
	m.Formats = append(m.Formats, quality.Format{Type: uint8(n), Name: string(name), Clock: hz})
}

// settle fills in what an m-line has from the session, and where its RTCP goes
// when nothing is said about it: the next port (RFC 3550 section 11).
func (d *Description) settle() error {
	for i := range d.Media {
		m := &d.Media[i]
		if !m.conn {
			m.Addr, m.Named = d.session, d.named
		}
		if m.Live() && !m.conn && !d.connected {
			return ErrNoConnection
		}
		switch {
		case m.RTCP.Port() == 0:
			if m.Port != 0 && m.Port < 65535 {
				m.RTCP = netip.AddrPortFrom(m.Addr, m.Port+1)
			}
		case !m.RTCP.Addr().IsValid():
			m.RTCP = netip.AddrPortFrom(m.Addr, m.RTCP.Port())
		}
	}
	return nil
}
