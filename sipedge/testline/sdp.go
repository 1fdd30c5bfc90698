package testline

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	psdp "github.com/pion/sdp/v3"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
	"github.com/speakops/sipedge/sipedge/media/sound"
)

// Place is where a line's media is: its own address and the port of its RTP;
// RTCP has the port above.
type Place struct {
	Addr netip.Addr
	Port uint16
}

// Terms are what an offer and its answer have agreed on for a line's one stream.
type Terms struct {
	RTP, RTCP netip.AddrPort // the caller's, as signalled
	Mux       bool
	Law       sound.Law
	Type      uint8 // payload type of Law
	Event     uint8 // of telephone events; 0: the caller knows none
	Frame     time.Duration
	Send      bool // the line may
	Receive   bool // the line wants to
	Held      bool // the caller's address is all zeros (RFC 2543)
	Formats   []quality.Format
}

// Why an offer cannot be answered, or an answer not be taken.
var (
	ErrNoCodec  = errors.New("no audio over RTP in PCMU or PCMA")
	ErrRejected = errors.New("the answer takes no audio")
)

// maxFrame bounds the ptime that is honoured.
const (
	minFrame = 10 * time.Millisecond
	maxFrame = 60 * time.Millisecond
)

// body is a description as both readers see it: pion's, from which the answer is
// made, and the relay's, by which addresses are judged.
type body struct {
	whole psdp.SessionDescription
	mine  sdp.Description
}

func read(b []byte, policy *sdp.Policy) (*body, error) {
	d := new(body)
	if err := d.mine.Read(b); err != nil {
		return nil, err
	}
	if err := d.whole.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("SDP cannot be read: %w", err)
	}
	if len(d.mine.Media) != len(d.whole.MediaDescriptions) {
		return nil, sdp.ErrBadMedia
	}
	for i := range d.mine.Media {
		if err := policy.Judge(&d.mine.Media[i]); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// usable finds the first m-line a line can talk over; -1 for none.
func (d *body) usable() (line int, t Terms) {
	for i := range d.mine.Media {
		m := &d.mine.Media[i]
		if string(m.Kind) != "audio" || !m.Live() || m.Carriage != sdp.RTP || m.Secure || m.Several {
			continue
		}
		if t, ok := termsOf(m, d.whole.MediaDescriptions[i]); ok {
			return i, t
		}
	}
	return -1, Terms{}
}

// termsOf reads what one m-line of the caller's means to us.
func termsOf(m *sdp.Media, md *psdp.MediaDescription) (t Terms, ok bool) {
	for _, f := range md.MediaName.Formats {
		n, err := strconv.Atoi(f)
		if err != nil || n < 0 || n > 127 {
			continue
		}
		name, clock := formatOf(m, uint8(n))
		switch {
		case clock != sound.Rate:
			continue
		case !ok && strings.EqualFold(name, "PCMU"):
			t.Law, t.Type, ok = sound.PCMU, uint8(n), true
		case !ok && strings.EqualFold(name, "PCMA"):
			t.Law, t.Type, ok = sound.PCMA, uint8(n), true
		case t.Event == 0 && strings.EqualFold(name, "telephone-event"):
			t.Event = uint8(n)
		default:
			continue
		}
		t.Formats = append(t.Formats, quality.Format{Type: uint8(n), Name: name, Clock: clock})
	}
	t.RTP, t.RTCP, t.Mux = netip.AddrPortFrom(m.Addr, m.Port), m.RTCP, m.Mux
	if m.Mux {
		t.RTCP = t.RTP
	}
	t.Held = m.Held()
	t.Send, t.Receive = m.Receives(), m.Sends()
	t.Frame = frameOf(md)
	return t, ok
}

// formatOf is the meaning of a payload type; PCMU and PCMA have fixed ones.
func formatOf(m *sdp.Media, pt uint8) (name string, clock uint32) {
	i := slices.IndexFunc(m.Formats, func(f quality.Format) bool { return f.Type == pt && f.Name != "" })
	if i >= 0 {
		return m.Formats[i].Name, m.Formats[i].Clock
	}
	switch sound.Law(pt) {
	case sound.PCMU, sound.PCMA:
		return sound.Law(pt).String(), sound.Rate
	}
	return "", 0
}

// frameOf is the ptime the caller wants, within what it can take and we can make.
func frameOf(md *psdp.MediaDescription) time.Duration {
	millis := func(name string) time.Duration {
		v, _ := md.Attribute(name)
		n, _ := strconv.Atoi(strings.TrimSpace(v))
		return time.Duration(n) * time.Millisecond
	}
	frame := millis("ptime")
	if frame < minFrame || frame > maxFrame || frame%minFrame != 0 {
		frame = sound.Frame
	}
	if most := millis("maxptime"); most >= minFrame {
		frame = min(frame, most.Truncate(minFrame))
	}
	return frame
}

// session is what stays of a line's own descriptions from one to the next.
type session struct {
	place   Place
	id      uint64
	version uint64 // of the description said last, 0 before one
	last    string // that description without its version
}

// answer answers an offer: the first audio that can be talked over, and every
// other m-line rejected (RFC 3264 section 6).
func (s *session) answer(offer []byte, policy *sdp.Policy) (b []byte, t Terms, err error) {
	d, err := read(offer, policy)
	if err != nil {
		return nil, t, err
	}
	line, t := d.usable()
	if line < 0 {
		return nil, t, ErrNoCodec
	}
	var media []*psdp.MediaDescription
	for i, md := range d.whole.MediaDescriptions {
		if i != line {
			rejected := &psdp.MediaDescription{MediaName: md.MediaName}
			rejected.MediaName.Port = psdp.RangedPort{}
			media = append(media, copied(rejected, md, "mid"))
			continue
		}
		media = append(media, copied(s.audio(&t, md.MediaName.Protos), md, "mid"))
	}
	b, err = s.describe(media)
	return b, t, err
}

// copied takes attributes over that an answer has to repeat.
func copied(to, from *psdp.MediaDescription, names ...string) *psdp.MediaDescription {
	for _, name := range names {
		if v, ok := from.Attribute(name); ok {
			to.Attributes = append(to.Attributes, psdp.NewAttribute(name, v))
		}
	}
	return to
}

// offer is a description of our own accord: for a caller that made none.
func (s *session) offer() ([]byte, error) {
	t := Terms{Law: sound.PCMU, Event: ownEvent, Frame: sound.Frame, Send: true, Receive: true}
	a := s.audio(&t, []string{"RTP", "AVP"})
	a.MediaName.Formats = append([]string{"0", "8"}, a.MediaName.Formats[1:]...)
	a.Attributes = append([]psdp.Attribute{a.Attributes[0], psdp.NewAttribute("rtpmap", "8 PCMA/8000")}, a.Attributes[1:]...)
	return s.describe([]*psdp.MediaDescription{a})
}

// ownEvent is the payload type of telephone events in offers of ours.
const ownEvent = 101

// again is the description said last, as an offer that changes nothing.
func (s *session) again() []byte { return []byte(s.text()) }

func (s *session) text() string {
	return strings.Replace(s.last, versionMark, strconv.FormatUint(s.version, 10), 1)
}

// accept takes the answer to an offer of ours.
func (s *session) accept(answer []byte, policy *sdp.Policy) (t Terms, err error) {
	d, err := read(answer, policy)
	if err != nil {
		return t, err
	}
	line, t := d.usable()
	if line != 0 {
		return t, ErrRejected
	}
	return t, nil
}

func (s *session) audio(t *Terms, protos []string) *psdp.MediaDescription {
	a := &psdp.MediaDescription{MediaName: psdp.MediaName{
		Media: "audio", Port: psdp.RangedPort{Value: int(s.place.Port)}, Protos: protos, Formats: []string{strconv.Itoa(int(t.Type))},
	}}
	a.Attributes = append(a.Attributes, psdp.NewAttribute("rtpmap", fmt.Sprintf("%d %s/8000", t.Type, t.Law)))
	if t.Event != 0 {
		a.MediaName.Formats = append(a.MediaName.Formats, strconv.Itoa(int(t.Event)))
		a.Attributes = append(a.Attributes,
			psdp.NewAttribute("rtpmap", fmt.Sprintf("%d telephone-event/8000", t.Event)),
			psdp.NewAttribute("fmtp", fmt.Sprintf("%d 0-15", t.Event)))
	}
	a.Attributes = append(a.Attributes, psdp.NewAttribute("ptime", strconv.Itoa(int(t.Frame.Milliseconds()))), psdp.NewPropertyAttribute(direction(t)))
	if t.Mux {
		a.Attributes = append(a.Attributes, psdp.NewPropertyAttribute("rtcp-mux"))
	}
	return a
}

// direction is ours, the mirror of what the caller has said.
func direction(t *Terms) string {
	switch {
	case t.Send && t.Receive:
		return "sendrecv"
	case t.Send:
		return "sendonly"
	case t.Receive:
		return "recvonly"
	}
	return "inactive"
}

const versionMark = "VERSION"

// describe writes a description. Its version grows when it says anything new,
// and only then (RFC 3264 section 8).
func (s *session) describe(media []*psdp.MediaDescription) ([]byte, error) {
	kind := "IP4"
	if s.place.Addr.Is6() {
		kind = "IP6"
	}
	addr := s.place.Addr.String()
	whole := psdp.SessionDescription{
		Origin:                psdp.Origin{Username: "-", SessionID: s.id, NetworkType: "IN", AddressType: kind, UnicastAddress: addr},
		SessionName:           "-",
		ConnectionInformation: &psdp.ConnectionInformation{NetworkType: "IN", AddressType: kind, Address: &psdp.Address{Address: addr}},
		TimeDescriptions:      []psdp.TimeDescription{{}},
		MediaDescriptions:     media,
	}
	b, err := whole.Marshal()
	if err != nil {
		return nil, err
	}
	origin := fmt.Sprintf("o=- %d 0 ", s.id)
	text := strings.Replace(string(b), origin, fmt.Sprintf("o=- %d %s ", s.id, versionMark), 1)
	if text != s.last {
		s.last = text
		s.version++
	}
	return []byte(s.text()), nil
}
