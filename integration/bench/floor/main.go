// Command floor answers: what does moving a call's datagrams cost when nobody
// thinks about them?
//
// It is no SIP proxy. It moves the datagrams one would move for a call that goes
// well, with Via and Record-Route spliced in and out by searching for bytes, by
// one blocking socket. What a proxy costs above it is what its thinking costs.
// With a further argument the caller comes by a stream, TCP or TLS.
package main

import (
	"bytes"
	"log"
	"net"
	"net/netip"
	"os"
	"strconv"
)

var (
	crlf = []byte("\r\n")
	end  = []byte("\r\n\r\n")
)

type floor struct {
	conn             *net.UDPConn
	trunk            *stream
	via, recordRoute []byte
	gateways         [2]netip.AddrPort // of even and of odd numbers
	out              []byte
}

func main() {
	if len(os.Args) < 4 {
		log.Fatal("usage: floor HOST:PORT EVEN-GATEWAY ODD-GATEWAY [tcp | tls CERTIFICATE KEY]")
	}
	at := netip.MustParseAddrPort(os.Args[1])
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		log.Fatal(err)
	}
	_ = conn.SetReadBuffer(8 << 20) // as large as the system allows
	_ = conn.SetWriteBuffer(8 << 20)
	f := &floor{
		conn:        conn,
		via:         []byte("Via: SIP/2.0/UDP " + at.String() + ";branch=z9hG4bK-a-floor-has-no-branches\r\n"),
		recordRoute: []byte("Record-Route: <sip:" + at.String() + ";lr>\r\n"),
		gateways:    [2]netip.AddrPort{netip.MustParseAddrPort(os.Args[2]), netip.MustParseAddrPort(os.Args[3])},
		out:         make([]byte, 0, 1<<16),
	}
	if len(os.Args) > 4 {
		if f.trunk, err = listen(os.Args[1], os.Args[4:]); err != nil {
			log.Fatal(err)
		}
		// Both readers work at once, each with a buffer of its own.
		beside := *f
		beside.out = make([]byte, 0, 1<<16)
		go f.trunk.serve(func(m []byte) { beside.pass(m, netip.AddrPort{}) })
	}
	in := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(in)
		if err != nil {
			log.Fatal(err)
		}
		f.pass(in[:n], from)
	}
}

func (f *floor) pass(m []byte, from netip.AddrPort) {
	line := bytes.Index(m, crlf)
	switch {
	case line < 0:
	case bytes.HasPrefix(m, []byte("SIP/2.0")):
		f.response(m)
	case bytes.HasPrefix(m, []byte("INVITE")):
		f.trying(m, line, from)
		f.request(m, line, f.recordRoute)
	default:
		f.request(m, line, nil)
	}
}

// trying answers 100 with the request's own headers, its body left out.
func (f *floor) trying(m []byte, line int, from netip.AddrPort) {
	head := m[line+2:]
	if i := bytes.Index(head, []byte("\r\nContent-Type:")); i >= 0 {
		head = head[:i+2]
	}
	out := append(append(f.out, "SIP/2.0 100 Trying\r\n"...), head...)
	f.send(append(out, "Content-Length: 0\r\n\r\n"...), from)
}

func (f *floor) request(m []byte, line int, more []byte) {
	out := append(append(f.out, m[:line+2]...), f.via...)
	out = append(append(out, more...), m[line+2:]...)
	// Requests within a dialog name the gateway; the others a number.
	for _, g := range f.gateways {
		if bytes.Contains(m[:line], strconv.AppendUint([]byte(":"), uint64(g.Port()), 10)) {
			f.send(out, g)
			return
		}
	}
	if at := bytes.IndexByte(m[:line], '@'); at > 0 {
		f.send(out, f.gateways[m[at-1]&1])
	}
}

// response takes our Via off and follows the next one's port.
func (f *floor) response(m []byte) {
	first := bytes.Index(m, []byte("\r\nVia:"))
	if first < 0 {
		return
	}
	out := f.out
	rest := m[first+2+bytes.Index(m[first+2:], crlf):]
	if both := bytes.Index(m[first:len(m)-len(rest)], []byte(", SIP/2.0")); both >= 0 {
		out = append(append(append(out, m[:first]...), "\r\nVia:"...), m[first+both+1:]...)
	} else {
		out = append(append(out, m[:first]...), rest...)
	}
	sent := out[first:]
	if i := bytes.Index(sent, []byte("127.0.0.1:")); i >= 0 {
		port := 0
		for _, c := range sent[i+len("127.0.0.1:"):] {
			if c < '0' || c > '9' {
				break
			}
			port = port*10 + int(c-'0')
		}
		f.send(out, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)))
	}
}

func (f *floor) send(m []byte, to netip.AddrPort) {
	switch {
	case !bytes.Contains(m, end):
	case f.trunk != nil && to != f.gateways[0] && to != f.gateways[1]:
		f.trunk.send(m)
	default:
		_, _ = f.conn.WriteToUDPAddrPort(m, to) // what is lost on the floor shows as a failed call
	}
}
