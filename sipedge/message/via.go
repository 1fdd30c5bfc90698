package message

import (
	"bytes"
	"errors"
	"net/netip"
)

// Via is one Via value.
type Via struct {
	Value     []byte // the whole value
	Transport []byte
	SentBy    []byte // host[:port] as written
	Host      []byte // IPv6 without brackets
	Port      uint16 // 0 when absent
	Branch    []byte
	Received  []byte // IPv6 without brackets
	RPort     bool   // rport is present, with or without value
	RPortVal  uint16 // its value, 0 when empty
	MAddr     []byte

	// Where received and rport stand in Value, from the ';' to the next one;
	// both 0 when absent. A complete Via is written by leaving them out.
	cutReceived, cutRPort span
}

type span struct{ from, to int }

// Cookie begins the branch of every element that follows RFC 3261 (8.1.1.7).
const Cookie = "z9hG4bK"

var (
	errViaProtocol = errors.New("Via has no protocol")
	errViaHost     = errors.New("Via has no sent-by")
	errViaPort     = errors.New("Via has no valid port")
	errViaParam    = errors.New("Via has a malformed parameter")
	errViaTwice    = errors.New("Via has a parameter twice")
	errViaBranch   = errors.New("Via has an empty branch")
	errViaTrail    = errors.New("Via is followed by other text")
)

// ParseVia reads one Via value. After an error the parts in front of the fault
// are filled in; a Host among them means that an answer can find its way.
func ParseVia(b []byte) (Via, error) {
	var v Via
	n, err := v.scan(b)
	if err == nil && n < len(b) {
		return v, errViaTrail
	}
	return v, err
}

// scan reads the first value of a Via list and returns the index of the comma
// behind it, or len(b).
func (v *Via) scan(b []byte) (n int, err error) {
	i := run(b, 0, blankByte)
	start := i
	i, err = v.protocol(b, i)
	if err == nil {
		i, err = v.sentBy(b, i)
	}
	if err == nil {
		i, err = v.params(b, i, start)
	}
	if err != nil {
		i = valueEnd(b, start)
	}
	v.Value = trim(b[start:i])
	v.cutReceived.to = min(v.cutReceived.to, len(v.Value))
	v.cutRPort.to = min(v.cutRPort.to, len(v.Value))
	return i, err
}

// protocol reads "SIP / 2.0 / UDP" and the blank behind it. Name and version
// are not compared: a 505 must find its way to a speaker of SIP/7.0 too.
func (v *Via) protocol(b []byte, i int) (int, error) {
	if len(b)-i > 8 && string(b[i:i+8]) == "SIP/2.0/" {
		i += 8
	} else {
		for range 2 {
			end := run(b, i, tokenByte)
			slash := run(b, end, blankByte)
			if end == i || slash == len(b) || b[slash] != '/' {
				return i, errViaProtocol
			}
			i = slash + 1
			i = run(b, i, blankByte)
		}
	}
	i = run(b, i, blankByte)
	end := run(b, i, tokenByte)
	v.Transport = b[i:end]
	next := run(b, end, blankByte)
	if end == i || next == end {
		return i, errViaProtocol
	}
	return next, nil
}

func (v *Via) sentBy(b []byte, i int) (int, error) {
	host, end, ok := hostAt(b, i)
	if !ok {
		return i, errViaHost
	}
	v.Host, v.SentBy = host, b[i:end]
	colon := run(b, end, blankByte)
	if colon == len(b) || b[colon] != ':' {
		return colon, nil
	}
	port, end, ok := number(b, run(b, colon+1, blankByte), 65535)
	if !ok {
		return i, errViaPort
	}
	v.Port, v.SentBy = uint16(port), b[i:end]
	return run(b, end, blankByte), nil
}

// params reads the parameters at i; start is where the value begins.
func (v *Via) params(b []byte, i, start int) (int, error) {
	for i < len(b) && b[i] != ',' {
		if b[i] != ';' {
			return i, errViaParam
		}
		p, next, ok := paramAt(b, i+1)
		if !ok {
			return i, errViaParam
		}
		if err := v.param(b, p, span{i - start, next - start}); err != nil {
			return i, err
		}
		i = next
	}
	return i, nil
}

// param keeps what the edge reads. Twice the same name is refused (RFC 3261
// 7.3.1): the two ends of a hop might believe different ones.
func (v *Via) param(b []byte, p param, at span) error {
	switch p.nameEnd - p.name {
	case 5:
		name := b[p.name:p.nameEnd]
		if equalFold(name, "rport") {
			if v.RPort {
				return errViaTwice
			}
			v.RPort, v.cutRPort = true, at
			if p.val >= 0 && p.valEnd > p.val {
				n, end, ok := number(b, p.val, 65535)
				if !ok || end != p.valEnd {
					return errViaParam
				}
				v.RPortVal = uint16(n)
			}
		} else if equalFold(name, "maddr") {
			return once(&v.MAddr, paramText(b, p))
		}
	case 6:
		if equalFold(b[p.name:p.nameEnd], "branch") {
			if p.val < 0 || p.valEnd == p.val {
				return errViaBranch
			}
			return once(&v.Branch, b[p.val:p.valEnd])
		}
	case 8:
		if equalFold(b[p.name:p.nameEnd], "received") {
			text := paramText(b, p)
			// RFC 5118 4.5: both spellings of an IPv6 address are in use.
			if n := len(text); n > 2 && text[0] == '[' && text[n-1] == ']' {
				text = text[1 : n-1]
			}
			v.cutReceived = at
			return once(&v.Received, text)
		}
	}
	return nil
}

func once(field *[]byte, value []byte) error {
	if *field != nil {
		return errViaTwice
	}
	if len(value) == 0 {
		return errViaParam
	}
	*field = value
	return nil
}

// RFC3261 says whether the branch is one by which transactions match: the
// cookie and something behind it (17.2.3).
func (v *Via) RFC3261() bool {
	return len(v.Branch) > len(Cookie) && prefixFold(v.Branch, Cookie)
}

// SameSentBy says whether two Vias name the same sender: host without case, and
// port, as transactions compare them (RFC 3261 17.2.3).
func (v *Via) SameSentBy(o *Via) bool {
	return v.Port == o.Port && bytes.EqualFold(v.Host, o.Host)
}

// Target is the address a response to this Via goes to when no connection is
// left: received (or host when it is a literal) and rport or port
// (RFC 3261 18.2.2, RFC 3581). false when the host is a name. maddr is not
// followed: it could name anybody.
func (v *Via) Target() (netip.AddrPort, bool) {
	host := v.Received
	if host == nil {
		host = v.Host
	}
	addr, ok := ParseIP(host)
	if !ok {
		return netip.AddrPort{}, false
	}
	port := v.Port
	switch {
	case v.RPortVal != 0:
		port = v.RPortVal
	case port == 0 && equalFold(v.Transport, "TLS"):
		port = 5061
	case port == 0:
		port = 5060
	}
	return netip.AddrPortFrom(addr, port), true
}

// ParseIP reads an IP literal, IPv6 without brackets; an IPv4 address inside
// IPv6 comes back as IPv4. It allocates nothing for IPv4.
func ParseIP(b []byte) (netip.Addr, bool) {
	var quad [4]byte
	i := 0
	for k := range quad {
		n, end, ok := number(b, i, 255)
		if !ok || end-i > 3 {
			break
		}
		quad[k] = byte(n)
		if k == 3 {
			return netip.AddrFrom4(quad), end == len(b)
		}
		if end == len(b) || b[end] != '.' {
			break
		}
		i = end + 1
	}
	if len(b) > 45 || bytes.IndexByte(b, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(b))
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// appendComplete appends the value with received and rport as the edge saw them
// (RFC 3261 18.2.1, RFC 3581 4). What the sender wrote in their place is
// dropped: it chooses no address for our answers.
func (v *Via) appendComplete(dst []byte, source netip.AddrPort) []byte {
	first, second := v.cutReceived, v.cutRPort
	if second.from < first.from {
		first, second = second, first
	}
	dst = append(dst, v.Value[:first.from]...)
	dst = append(dst, v.Value[first.to:second.from]...)
	dst = append(dst, v.Value[second.to:]...)
	if !source.IsValid() {
		return dst
	}

	var text [46]byte
	ip := source.Addr().Unmap().WithZone("").AppendTo(text[:0])
	if v.RPort || !bytes.Equal(ip, v.Host) {
		dst = append(dst, ";received="...)
		dst = append(dst, ip...)
	}
	if v.RPort {
		dst = append(dst, ";rport="...)
		dst = appendUint(dst, uint64(source.Port()))
	}
	return dst
}
