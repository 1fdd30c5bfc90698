package testcall

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	pion "github.com/pion/sdp/v3"
	"github.com/pion/srtp/v3"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// Payload types of our own offers.
const (
	pcmu  = 0
	pcma  = 8
	event = 101
)

// suites are the SDES suites we speak, the preferred one first (RFC 4568
// section 6.2).
var suites = []struct {
	name    string
	profile srtp.ProtectionProfile
}{
	{"AES_CM_128_HMAC_SHA1_80", srtp.ProtectionProfileAes128CmHmacSha1_80},
	{"AES_CM_128_HMAC_SHA1_32", srtp.ProtectionProfileAes128CmHmacSha1_32},
}

// keyed is one a=crypto line: a suite with its master key and salt, 30 bytes.
type keyed struct {
	tag   string
	suite int
	key   []byte
}

// described is what an offer or an answer of the other side says of the audio
// that we may speak.
type described struct {
	rtp, rtcp netip.AddrPort // where it wants to be sent to; not valid: nowhere
	mux       bool
	direction sdp.Direction
	secure    bool
	codecs    []uint8 // G.711 only, in its order of preference
	event     uint8   // its payload type of telephone-event, 0 for none
	formats   []quality.Format
	cryptos   []keyed
	session   string // s=
	line      int    // index of the m-line
	lines     []string
}

var errNoAudio = errors.New("its SDP has no audio in PCMU or PCMA")

// read understands a description of the other side. It reads as leniently as
// the edge does: what is on the wire is not always what RFC 8866 allows.
func read(body []byte) (d described, err error) {
	var all sdp.Description
	if err := all.Read(body); err != nil {
		return d, err
	}
	d.line = -1
	at := -1
	for line := range strings.Lines(string(body)) {
		line = strings.TrimRight(line, "\r\n")
		kind, value, _ := strings.Cut(line, "=")
		switch {
		case kind == "s":
			d.session = value
		case kind == "m":
			at++
			d.lines = append(d.lines, value)
			if m := all.Media[at]; d.line < 0 && string(m.Kind) == "audio" && m.Live() && m.Carriage == sdp.RTP {
				d.line = at
				d.take(&m, value)
			}
		case kind == "a" && at >= 0 && at == d.line:
			d.crypto(value)
		}
	}
	if d.line < 0 || len(d.codecs) == 0 {
		return d, errNoAudio
	}
	return d, nil
}

func (d *described) take(m *sdp.Media, line string) {
	d.direction, d.secure, d.mux = m.Direction, m.Secure, m.Mux
	if !m.Held() {
		d.rtp, d.rtcp = netip.AddrPortFrom(m.Addr, m.Port), m.RTCP
	}
	if d.mux {
		d.rtcp = d.rtp
	}
	for _, f := range strings.Fields(line)[3:] {
		if f == strconv.Itoa(pcmu) || f == strconv.Itoa(pcma) {
			n, _ := strconv.Atoi(f)
			d.codecs = append(d.codecs, uint8(n))
		}
	}
	d.formats = append(d.formats, m.Formats...)
	for _, f := range m.Formats {
		if strings.EqualFold(f.Name, "telephone-event") && f.Clock == sampleRate {
			d.event = f.Type
		}
	}
}

// crypto reads "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BASE64|2^31".
func (d *described) crypto(value string) {
	rest, ok := strings.CutPrefix(value, "crypto:")
	f := strings.Fields(rest)
	if !ok || len(f) < 3 {
		return
	}
	inline, ok := strings.CutPrefix(f[2], "inline:")
	inline, _, _ = strings.Cut(inline, "|")
	key, err := base64.StdEncoding.DecodeString(inline)
	if !ok || err != nil || len(key) != 30 {
		return
	}
	for i, s := range suites {
		if strings.EqualFold(f[1], s.name) {
			d.cryptos = append(d.cryptos, keyed{f[0], i, key})
		}
	}
}

// write is our side of the audio. to is the offer that it answers, nil where it
// is one itself; every other m-line of an offer is refused (RFC 3264 section 6).
func (v *voice) write(to *described) []byte {
	v.version++
	family, at := "IP4", v.advertised()
	if at.Is6() {
		family = "IP6"
	}
	s := pion.SessionDescription{
		Origin: pion.Origin{
			Username: "testcall", SessionID: v.id, SessionVersion: v.version,
			NetworkType: "IN", AddressType: family, UnicastAddress: at.String(),
		},
		SessionName:           agentName,
		ConnectionInformation: &pion.ConnectionInformation{NetworkType: "IN", AddressType: family, Address: &pion.Address{Address: at.String()}},
		TimeDescriptions:      []pion.TimeDescription{{}},
	}
	if to == nil {
		s.MediaDescriptions = []*pion.MediaDescription{v.line(v.codecs(), event, v.ours, sdp.SendRecv)}
	} else {
		for i, line := range to.lines {
			if i == to.line {
				chosen := v.common(to)
				s.MediaDescriptions = append(s.MediaDescriptions, v.line(chosen, to.event, v.reply(to), mirrored[to.direction]))
				continue
			}
			s.MediaDescriptions = append(s.MediaDescriptions, refused(line))
		}
	}
	b, err := s.Marshal()
	if err != nil {
		panic("testcall: our own SDP cannot be written: " + err.Error())
	}
	return b
}

var mirrored = map[sdp.Direction]sdp.Direction{sdp.SendRecv: sdp.SendRecv, sdp.SendOnly: sdp.RecvOnly, sdp.RecvOnly: sdp.SendOnly, sdp.Inactive: sdp.Inactive}

var directions = map[sdp.Direction]string{sdp.SendRecv: "sendrecv", sdp.SendOnly: "sendonly", sdp.RecvOnly: "recvonly", sdp.Inactive: "inactive"}

func refused(line string) *pion.MediaDescription {
	f := strings.Fields(line)
	return &pion.MediaDescription{MediaName: pion.MediaName{Media: f[0], Protos: strings.Split(f[2], "/"), Formats: f[3:]}}
}

func (v *voice) line(codecs []uint8, events uint8, keys []keyed, way sdp.Direction) *pion.MediaDescription {
	m := &pion.MediaDescription{MediaName: pion.MediaName{Media: "audio", Port: pion.RangedPort{Value: int(v.at.Port())}, Protos: []string{"RTP", "AVP"}}}
	if v.SRTP {
		m.MediaName.Protos[1] = "SAVP"
	}
	for _, c := range codecs {
		m.MediaName.Formats = append(m.MediaName.Formats, strconv.Itoa(int(c)))
		m.WithValueAttribute("rtpmap", fmt.Sprintf("%d %s/8000", c, codecNames[c]))
	}
	if events != 0 {
		m.MediaName.Formats = append(m.MediaName.Formats, strconv.Itoa(int(events)))
		m.WithValueAttribute("rtpmap", fmt.Sprintf("%d telephone-event/8000", events))
		m.WithValueAttribute("fmtp", fmt.Sprintf("%d 0-15", events))
	}
	m.WithValueAttribute("ptime", "20")
	for _, k := range keys {
		m.WithValueAttribute("crypto", fmt.Sprintf("%s %s inline:%s", k.tag, suites[k.suite].name, base64.StdEncoding.EncodeToString(k.key)))
	}
	return m.WithPropertyAttribute(directions[way])
}

var codecNames = map[uint8]string{pcmu: "PCMU", pcma: "PCMA"}

// codecs are those we offer.
func (v *voice) codecs() []uint8 {
	switch v.Codec {
	case "PCMU":
		return []uint8{pcmu}
	case "PCMA":
		return []uint8{pcma}
	}
	return []uint8{pcmu, pcma}
}

// common is the codec that an offer and we agree on.
func (v *voice) common(to *described) []uint8 {
	for _, theirs := range to.codecs {
		for _, ours := range v.codecs() {
			if theirs == ours {
				return []uint8{ours}
			}
		}
	}
	return to.codecs[:1]
}

// reply is our key under the tag and suite of the offered one that we take.
func (v *voice) reply(to *described) []keyed {
	if !v.SRTP || len(to.cryptos) == 0 {
		return nil
	}
	k := to.cryptos[0]
	return []keyed{{k.tag, k.suite, v.ours[k.suite].key}}
}
