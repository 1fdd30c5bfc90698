package profile

import (
	"bytes"
	"errors"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/message"
)

// Place is where in an INVITE a provider puts the called number.
type Place uint8

const (
	RequestURI Place = iota
	To
	CalledPartyID
	Diversion
	PreferredIdentity
	places
)

var placeNames = [places]string{"request_uri", "to", "p_called_party_id", "diversion", "p_preferred_identity"}

// PlaceNames are the words for all places.
func PlaceNames() []string { return append([]string(nil), placeNames[:]...) }

// ParsePlace reads such a word.
func ParsePlace(word string) (Place, bool) {
	for p, name := range placeNames {
		if name == word {
			return Place(p), true
		}
	}
	return 0, false
}

// Format is how digits without a plus are read.
type Format uint8

const (
	AnyFormat Format = iota // as the trunk's dialling plan explains them
	Digits                  // country code first; what that does not explain is left to the plan
)

var formatNames = [...]string{"any", "digits"}

// FormatNames are the words for all formats.
func FormatNames() []string { return append([]string(nil), formatNames[:]...) }

// ParseFormat reads such a word.
func ParseFormat(word string) (Format, bool) {
	for f, name := range formatNames {
		if name == word {
			return Format(f), true
		}
	}
	return 0, false
}

var (
	// ErrEmergency says that the call is for an emergency service. Such a call
	// is refused loudly, for nobody behind this edge can help (it is never
	// looked up in a table).
	ErrEmergency = errors.New("the called number is an emergency number")
	// ErrNoNumber says that no place this profile knows names a public number.
	ErrNoNumber = errors.New("no public number where this trunk puts the called number")
)

// Called finds the called number in a request. The parameters rn, npdi and cic
// come back as hints and never take the number's place; they are for trunks
// trusted with routing_number. The error is ErrEmergency or ErrNoNumber.
func (p *Profile) Called(m *message.Message, plan e164.Plan) (e164.Dialled, error) {
	for _, place := range p.called {
		d, err := p.at(place, m, &plan)
		if err == nil || err == ErrEmergency {
			return d, err
		}
	}
	return e164.Dialled{}, ErrNoNumber
}

func (p *Profile) at(place Place, m *message.Message, plan *e164.Plan) (e164.Dialled, error) {
	switch place {
	case RequestURI:
		return p.fromURI(m.URI, plan)
	case To:
		return p.fromAddress(m.Value(message.KTo), plan)
	case CalledPartyID:
		return p.fromAddress(m.Value(message.KPCalledPartyID), plan)
	case PreferredIdentity:
		return p.fromFirst(m, message.KPPI, plan)
	case Diversion:
		// The topmost entry is the latest diversion (RFC 5806 section 5): the
		// number that sent the call here.
		return p.fromFirst(m, message.KDiversion, plan)
	}
	return e164.Dialled{}, ErrNoNumber
}

// fromFirst takes the first value that names a number: an identity may come
// twice, as tel: and as sip: (RFC 3325 section 9.1).
func (p *Profile) fromFirst(m *message.Message, kind message.Kind, plan *e164.Plan) (e164.Dialled, error) {
	if !m.Has(kind) {
		return e164.Dialled{}, ErrNoNumber
	}
	for value := range m.Values(kind) {
		if d, err := p.fromAddress(value, plan); err == nil || err == ErrEmergency {
			return d, err
		}
	}
	return e164.Dialled{}, ErrNoNumber
}

func (p *Profile) fromAddress(value []byte, plan *e164.Plan) (e164.Dialled, error) {
	if len(value) == 0 {
		return e164.Dialled{}, ErrNoNumber
	}
	a, err := message.ParseNameAddr(value)
	if err != nil {
		return e164.Dialled{}, ErrNoNumber
	}
	return p.fromURI(a.URI, plan)
}

// EmergencyURN recognises urn:service:sos and what stands beneath it: emergency
// services have a name besides their numbers (RFC 5031 section 4.2).
func EmergencyURN(uri []byte) bool {
	return len(uri) >= len(sos) && bytes.EqualFold(uri[:len(sos)], sos) && (len(uri) == len(sos) || uri[len(sos)] == '.')
}

var sos = []byte("urn:service:sos")

func (p *Profile) fromURI(uri []byte, plan *e164.Plan) (e164.Dialled, error) {
	if EmergencyURN(uri) {
		return e164.Dialled{}, ErrEmergency
	}
	u, err := message.ParseURI(uri)
	if err != nil || len(u.User) == 0 {
		return e164.Dialled{}, ErrNoNumber
	}
	if plan.Emergency(u.User) {
		return e164.Dialled{}, ErrEmergency
	}
	d, err := p.read(u.User, plan)
	if err != nil {
		return d, ErrNoNumber
	}
	// Some peers write rn and npdi behind the host, where no standard puts them.
	if n := len(u.Params); n > 0 && u.Scheme[0]|0x20 == 's' {
		start := cap(u.Raw) - cap(u.Params)
		plan.ReadHints(u.Raw[start-1:start+n], &d)
	}
	return d, nil
}

// read normalises under this profile's format.
func (p *Profile) read(user []byte, plan *e164.Plan) (e164.Dialled, error) {
	if p.format == Digits {
		// The plan of no country reads international digits and nothing else.
		if d, err := (e164.Plan{}).Normalise(user); err == nil {
			return d, nil
		}
	}
	return plan.Normalise(user)
}

// Caller is the calling number, 0 when it is anonymous or no public number.
// With trusted (the trunk's trust.identity) an asserted identity stands before
// From, which anybody can write (RFC 3325).
func (p *Profile) Caller(m *message.Message, plan e164.Plan, trusted bool) e164.Number {
	if trusted {
		if d, err := p.fromFirst(m, message.KPAI, &plan); err == nil && !withheld(d.Number) {
			return d.Number
		}
	}
	value := m.Value(message.KFrom)
	if len(value) == 0 {
		return 0
	}
	a, err := message.ParseNameAddr(value)
	if err != nil {
		return 0
	}
	u, err := message.ParseURI(a.URI)
	// RFC 3323 section 4.1.1.3: this host says that the rest is not meant.
	if err != nil || bytes.EqualFold(u.Host, anonymous) {
		return 0
	}
	d, err := p.read(u.User, &plan)
	if err != nil || withheld(d.Number) {
		return 0
	}
	return d.Number
}

var anonymous = []byte("anonymous.invalid")

// withheld knows the numbers that say, on a telephone's keypad, why there is
// none: ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE. Some providers put
// them where the caller should be. They belong to nobody, and all who hide
// would be one and the same caller.
func withheld(n e164.Number) bool {
	switch n {
	case 266696687, 7378742833, 2562533, 8656696, 86282452253:
		return true
	}
	return false
}

// Forced is the side asked for by the override header, AuthorityNone without
// one or for a value that names no side. It is for trunks trusted with
// test_override alone.
func (p *Profile) Forced(m *message.Message) routing.RoutingAuthority {
	h := m.Named(OverrideHeader)
	switch {
	case h == nil:
	case bytes.EqualFold(h.Value, []byte("legacy")):
		return routing.Legacy
	case bytes.EqualFold(h.Value, []byte("speakops")):
		return routing.SpeakOps
	}
	return routing.AuthorityNone
}

// PSAPCallback recognises an emergency service calling somebody back: Priority:
// psap-callback (RFC 7090 section 5), or a resource priority of the emergency
// services' own network (RFC 7135). Both are claims, for trunks trusted with
// psap_callback alone.
func PSAPCallback(m *message.Message) bool {
	if bytes.EqualFold(bytes.TrimSpace(m.Value(message.KPriority)), []byte("psap-callback")) {
		return true
	}
	if !m.Has(message.KResourcePriority) {
		return false
	}
	for value := range m.Values(message.KResourcePriority) {
		if len(value) > len(esnet) && bytes.EqualFold(value[:len(esnet)], esnet) {
			return true
		}
	}
	return false
}

var esnet = []byte("esnet.")

// MergeValue is the provider's own key of the call, equal in two deliveries of
// it; nil when the profile or the message has none. The slice is the message's.
func (p *Profile) MergeValue(m *message.Message) []byte {
	if p.MergeKey == "" {
		return nil
	}
	if h := m.Named(p.MergeKey); h != nil {
		return h.Value
	}
	return nil
}
