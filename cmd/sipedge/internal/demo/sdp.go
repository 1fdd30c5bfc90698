package demo

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// pcmu is the payload type of G.711 mu-law (RFC 3551), the one codec spoken here.
const pcmu = 0

var errNoCodec = errors.New("no audio in PCMU is offered")

// media is what an SDP body says about the audio we could send.
type media struct {
	to      netip.AddrPort // where it is awaited; not valid: nowhere, as on hold
	way     string         // their direction: sendrecv, sendonly, recvonly, inactive
	streams []string       // every m= line, without "m="
	audio   int            // which of them is ours
}

// readSDP reads an offer or answer. Every phone writes these lines in this form
// (RFC 8866 section 5); what is not understood is left alone.
func readSDP(body []byte) (m media, err error) {
	m.way, m.audio = "sendrecv", -1
	var host string
	var port uint64
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		kind, value, _ := strings.Cut(line, "=")
		ours := m.audio < 0 || m.audio == len(m.streams)-1
		switch {
		case kind == "c" && ours:
			if f := strings.Fields(value); len(f) == 3 {
				host = f[2]
			}
		case kind == "a" && ours:
			switch value {
			case "sendrecv", "sendonly", "recvonly", "inactive":
				m.way = value
			}
		case kind == "m":
			m.streams = append(m.streams, value)
			f := strings.Fields(value)
			if m.audio >= 0 || len(f) < 4 || f[0] != "audio" || !has(f[3:], strconv.Itoa(pcmu)) {
				continue
			}
			if port, err = strconv.ParseUint(f[1], 10, 16); err == nil && port > 0 {
				m.audio = len(m.streams) - 1
			}
		}
	}
	if m.audio < 0 {
		return m, errNoCodec
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return m, fmt.Errorf("no address in SDP: %w", err)
	}
	if !ip.IsUnspecified() && m.way != "sendonly" && m.way != "inactive" {
		m.to = netip.AddrPortFrom(ip, uint16(port))
	}
	return m, nil
}

func has(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

// writeSDP describes our audio at an address. As the answer to an offer it
// takes its audio stream and refuses the others (RFC 3264 section 6); to is nil
// when it is an offer itself.
func writeSDP(at netip.AddrPort, version int, to *media) []byte {
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=demo %d %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n", at.Port(), version, family, at.Addr(), family, at.Addr())
	ours := func(way string) {
		fmt.Fprintf(&b, "m=audio %d RTP/AVP %d\r\na=rtpmap:%d PCMU/8000\r\na=ptime:20\r\na=%s\r\n", at.Port(), pcmu, pcmu, way)
	}
	if to == nil {
		ours("sendrecv")
		return []byte(b.String())
	}
	for i, stream := range to.streams {
		f := strings.Fields(stream)
		switch {
		case i == to.audio:
			ours(map[string]string{"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}[to.way])
		case len(f) >= 4:
			fmt.Fprintf(&b, "m=%s 0 %s\r\n", f[0], strings.Join(f[2:], " "))
		}
	}
	return []byte(strings.ReplaceAll(b.String(), "a=\r\n", "a=sendrecv\r\n"))
}
