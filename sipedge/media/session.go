package media

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"sync"

	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// Side is one end of a session as the edge knows it.
type Side struct {
	Addr   netip.Addr // ours, as this end sees it; the same for the whole dialog
	Policy sdp.Policy // what this end may ask for
	NAT    bool       // its addresses mean nothing: it is known by its first packet
	Hide   bool       // it must not see the other end's addresses anywhere
}

// Session is the media of one call. Its methods may be called by one goroutine
// at a time, the one that owns the call; packets pass beside it.
type Session struct {
	Owner any // of whoever made it

	relay *Relay
	side  [2]Side

	mu     sync.Mutex // of what the relay's own goroutine looks at
	lines  []*stream  // by m-line; nil for those that are not relayed
	up     bool
	idle   bool // told
	closed bool

	offers [2]offer
	agreed uint64 // hash of the last offer and answer put into force
}

// offer is the last offer of one end.
type offer struct {
	key      uint32 // CSeq of the request that brought it, or that it answers
	known    bool
	late     bool // it came in a response
	answered bool
	hash     uint64
	lines    []terms
}

// maxStreams bounds the m-lines of one call that are relayed; further ones are
// rejected. Real calls have one or two.
const maxStreams = 8

// Session makes a session without ports: they are reserved with the first offer.
func (r *Relay) Session(owner any, caller, callee Side) (*Session, error) {
	s := &Session{Owner: owner, relay: r, side: [2]Side{quality.Caller: caller, quality.Callee: callee}}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	r.sessions[s] = struct{}{}
	return s, nil
}

// SetCallee changes what is known of the callee before it has answered: the next
// gateway may be of another family.
func (s *Session) SetCallee(callee Side) {
	if len(s.lines) > 0 {
		callee.Addr = s.side[quality.Callee].Addr // its ports are bound
	}
	s.side[quality.Callee] = callee
}

// refusals are the errors that lie in a description and not in the relay.
var refusals = [...]error{
	sdp.ErrTooLarge, sdp.ErrNotSDP, sdp.ErrBadMedia, sdp.ErrNoConnection,
	sdp.ErrName, sdp.ErrMulticast, sdp.ErrLoopback, sdp.ErrPrivate, sdp.ErrOwn, sdp.ErrPort,
}

// IsRefusal says whether an error lies in a description, and not in the relay or
// its host.
func IsRefusal(err error) bool {
	for _, r := range refusals {
		if errors.Is(err, r) {
			return true
		}
	}
	return false
}

// Offered says whether the last offer of an end was made with this key.
func (s *Session) Offered(from quality.End, key uint32) bool {
	o := &s.offers[from]
	return o.known && o.key == key
}

// Late says whether an end has made an offer in a response that nobody has
// answered yet.
func (s *Session) Late(from quality.End) bool {
	o := &s.offers[from]
	return o.known && o.late && !o.answered
}

var (
	books = sync.Pool{New: func() any { return new(sdp.Description) }}
	seed  = maphash.MakeSeed()
)

// Offer takes an offer of one end and appends it as the other one gets it. key
// is what its answer will be known by; late says that it came in a response.
// ErrNoPorts, or an error of package sdp, means that the offer cannot be carried.
func (s *Session) Offer(from quality.End, key uint32, late bool, body, dst []byte) ([]byte, error) {
	d := books.Get().(*sdp.Description)
	defer books.Put(d)
	if err := d.Read(body); err != nil {
		return dst, err
	}
	// In memory of its own: until this offer can be carried, the last one stands.
	o := offer{key: key, known: true, late: late, hash: maphash.Bytes(seed, body), lines: make([]terms, 0, len(d.Media))}
	places := make([]sdp.Place, len(d.Media))
	for i := range d.Media {
		m := &d.Media[i]
		if err := s.side[from].Policy.Judge(m); err != nil {
			return dst, err
		}
		carried := m.Live() && m.Carriage != sdp.Unknown && !m.Several && i < maxStreams
		if carried {
			if err := s.ensure(i); err != nil {
				s.trim()
				return dst, err
			}
		}
		places[i] = s.place(from.Other(), i, carried)
		t := termsOf(m)
		t.live = carried
		o.lines = append(o.lines, t)
	}
	if was := &s.offers[from]; was.known && was.key == key && was.hash == o.hash {
		o.answered = was.answered // sent again
	}
	s.offers[from] = o
	return s.edit(d, from, places, dst), nil
}

// ensure makes the stream of m-line i.
func (s *Session) ensure(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	for len(s.lines) <= i {
		s.lines = append(s.lines, nil)
	}
	if s.lines[i] != nil {
		return nil
	}
	st, err := s.relay.newStream([2]netip.Addr{s.side[0].Addr, s.side[1].Addr})
	if err != nil {
		return err
	}
	s.lines[i] = st
	return nil
}

// place is where an end is told to send m-line i to.
func (s *Session) place(end quality.End, i int, carried bool) sdp.Place {
	if !carried || i >= len(s.lines) || s.lines[i] == nil {
		return sdp.Place{Reject: true}
	}
	even := s.lines[i].side[end].even
	return sdp.Place{RTP: even, RTCP: even + 1}
}

func (s *Session) edit(d *sdp.Description, from quality.End, places []sdp.Place, dst []byte) []byte {
	to := &s.side[from.Other()]
	return d.Append(dst, &sdp.Edit{Addr: to.Addr, Media: places, Hide: to.Hide})
}

// Answer takes an answer of one end, puts what was agreed on into force, and
// appends the answer as the offerer gets it. An m-line that the policy refuses is
// appended as rejected, and the reason returned beside it. final says that no
// other answer to the same offer will come; up that the call is answered.
func (s *Session) Answer(from quality.End, final, up bool, body, dst []byte) ([]byte, error) {
	d := books.Get().(*sdp.Description)
	defer books.Put(d)
	if err := d.Read(body); err != nil {
		return dst, err
	}
	o := &s.offers[from.Other()]
	places := make([]sdp.Place, len(d.Media))
	answers := make([]terms, len(d.Media))
	var refused error
	for i := range d.Media {
		m := &d.Media[i]
		carried := m.Live() && m.Carriage != sdp.Unknown && !m.Several && (!o.known || i < len(o.lines) && o.lines[i].live)
		if err := s.side[from].Policy.Judge(m); err != nil {
			carried, refused = false, err
		}
		places[i] = s.place(from.Other(), i, carried)
		answers[i] = termsOf(m)
		answers[i].live = carried && !places[i].Reject
	}
	s.agree(from, answers, final, up, maphash.Bytes(seed, body))
	return s.edit(d, from, places, dst), refused
}

// agree puts terms into force, unless they already are.
func (s *Session) agree(from quality.End, answers []terms, final, up bool, hash uint64) {
	o := &s.offers[from.Other()]
	if !o.known {
		return
	}
	o.answered = true
	sum := o.hash*31 + hash
	if sum == s.agreed && up == s.up {
		return
	}
	s.agreed = sum
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up, s.idle = s.up || up, false
	nat := [2]bool{s.side[0].NAT, s.side[1].NAT}
	for i, st := range s.lines {
		switch {
		case st == nil:
		case i < len(o.lines) && i < len(answers) && o.lines[i].live && answers[i].live:
			var t [2]terms
			t[from], t[from.Other()] = answers[i], o.lines[i]
			st.agree(t, nat, s.up)
		case final:
			st.close()
			s.lines[i] = nil
		default:
			st.shut()
		}
	}
}

// Rewrite appends a description of one end as the other one gets it, without
// anything coming of it: an answer that was repeated, or of a second callee.
func (s *Session) Rewrite(from quality.End, body, dst []byte) ([]byte, error) {
	d := books.Get().(*sdp.Description)
	defer books.Put(d)
	if err := d.Read(body); err != nil {
		return dst, err
	}
	places := make([]sdp.Place, len(d.Media))
	for i := range d.Media {
		places[i] = s.place(from.Other(), i, d.Media[i].Live() && d.Media[i].Carriage != sdp.Unknown && !d.Media[i].Several)
	}
	return s.edit(d, from, places, dst), nil
}

// Refused says that an offer of one end was refused: all stays as it was.
func (s *Session) Refused(from quality.End, key uint32) {
	if o := &s.offers[from]; o.known && o.key == key && !o.answered {
		*o = offer{lines: o.lines[:0]}
		s.trim()
	}
}

// trim closes streams that nobody has agreed on.
func (s *Session) trim() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, st := range s.lines {
		if st != nil && !st.everAgreed() {
			st.close()
			s.lines[i] = nil
		}
	}
}

func (st *stream) everAgreed() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.agreed
}

// Retry says that another gateway is tried: what the last one has answered
// counts no more, and nothing is relayed before the next answer.
func (s *Session) Retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agreed = 0
	for _, st := range s.lines {
		if st != nil {
			st.shut()
		}
	}
}

// Up says that the call is answered.
func (s *Session) Up() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = true
	for _, st := range s.lines {
		if st != nil {
			st.rise()
		}
	}
}

// Close gives every port back. What Reports says stays.
func (s *Session) Close() {
	s.relay.mu.Lock()
	delete(s.relay.sessions, s)
	s.relay.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, st := range s.lines {
		if st != nil {
			st.close()
		}
	}
}
