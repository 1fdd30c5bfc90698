package e164

import "errors"

// Dialled is what a trunk wrote, taken apart. Number alone says who is called;
// the rest are hints about the way, to be believed only from trunks trusted for
// them (RFC 4694 section 8).
type Dialled struct {
	Number Number
	RN     Number // routing number, 0 when absent, malformed or given twice
	NPDI   bool   // the number was looked up in a portability database already
	CIC    []byte // carrier identification code as written; part of the input
}

// ErrNational says that the digits are no international number, and that the
// plan does not explain them as a national one.
var ErrNational = errors.New("not a number of the trunk's default_country, nor an international one")

// ErrEmergency says that an emergency number was dialled: 112, 911, or one of the
// plan's own, alone or behind a country calling code where that makes no public
// number. Such a call must be refused loudly, for nobody here can take it.
var ErrEmergency = errors.New("an emergency number, which this edge does not carry")

// Normalise reads the user part of a sip: URI or the subscriber of a tel: URI,
// parameters included, as written on the wire. It understands +, the plan's
// international prefix and 00, trunk prefixes, bare national and bare
// international digits, visual separators, %-escapes and phone-context
// (RFC 3966 section 5.1.5). What is a fixed or mobile number of the plan's own
// country is never taken for a foreign one. The error is ErrNotE164, ErrNational or
// ErrEmergency; the hints are filled in either way. Nothing is allocated.
func (p Plan) Normalise(user []byte) (Dialled, error) {
	subscriber, params := cut(user)
	var out Dialled
	p.ReadHints(params, &out)
	context, ok := one(params, "phone-context")
	if !ok {
		return out, ErrNotE164 // two contexts would name two numbers
	}
	var err error
	out.Number, err = p.number(subscriber, context)
	return out, err
}

// ReadHints reads rn, npdi and cic from a list of parameters such as ";rn=..",
// without touching what out has already. Some peers write them behind the host,
// where RFC 4694 does not put them; their URI parameters can be read here.
func (p Plan) ReadHints(params []byte, out *Dialled) {
	if out.RN == 0 {
		if rn, ok := one(params, "rn"); ok && rn != nil {
			context, _ := one(params, "rn-context")
			out.RN, _ = p.number(rn, context)
		}
	}
	if v, ok := one(params, "npdi"); ok && v != nil && !out.NPDI {
		// ";npdi" by RFC 4694 section 5, ";npdi=yes" by custom.
		out.NPDI = !fold(v, "no") && !fold(v, "false") && !fold(v, "0")
	}
	if v, ok := one(params, "cic"); ok && out.CIC == nil && carrierCode(v) {
		out.CIC = v
	}
}

// carrierCode says whether v is a carrier identification code (RFC 4694 section
// 4): hexadecimal digits and visual separators behind an optional plus. It is
// passed on as written, so whatever else would mean something in a URI, an @
// above all, makes it none.
func carrierCode(v []byte) bool {
	digits := 0
	for i, c := range v {
		if _, ok := nibble(c); ok {
			digits++
		} else if c != '-' && c != '.' && c != '(' && c != ')' && (c != '+' || i > 0) {
			return false
		}
	}
	return digits > 0 && len(v) <= maxCIC
}

// maxCIC is far longer than a country code, a code and their separators.
const maxCIC = 24

// number reads one subscriber under the plan, or under its phone-context.
func (p *Plan) number(subscriber, context []byte) (Number, error) {
	var d digits
	if !d.read(subscriber) || d.n == 0 {
		return 0, ErrNotE164
	}
	if p.urgent(d.all()) {
		return 0, ErrEmergency
	}
	n, err := p.public(&d, context)
	if err != nil && p.urgentBehind(&d) {
		err = ErrEmergency
	}
	return n, err
}

// public reads what is no emergency number by itself.
func (p *Plan) public(d *digits, context []byte) (Number, error) {
	if !d.plus && len(context) > 0 {
		var c digits
		// A context that is no number is a domain name: a private numbering plan
		// whose numbers trunks nevertheless mean publicly.
		if c.read(context) && c.plus && c.n > 0 {
			return d.within(&c)
		}
	}
	if d.plus {
		return strict(d.all(), nil)
	}
	return p.bare(d.all())
}

// bare reads digits without a plus.
func (p *Plan) bare(s []byte) (Number, error) {
	if rest, ok := p.international(s); ok {
		return strict(rest, nil)
	}
	if n, ok := p.domestic(s); ok {
		return n, nil
	}
	// Providers leave the plus out: 12025550143.
	if code, rest := split(s); code != nil && code.isPossible(rest) {
		return strict(s, nil)
	}
	// Freephone and the like, often written without the trunk prefix.
	if p.Code != 0 && p.isPossible(s) {
		if n, ok := p.join(s); ok {
			return n, nil
		}
	}
	if len(s) < 7 {
		return 0, ErrNotE164
	}
	return 0, ErrNational
}

// international cuts an international prefix off; 00 is understood everywhere,
// since trunks write it wherever they stand.
func (p *Plan) international(s []byte) (rest []byte, ok bool) {
	for _, prefix := range [...]string{p.International, "00"} {
		if prefix == "" || len(s) <= len(prefix) || string(s[:len(prefix)]) != prefix {
			continue
		}
		rest := s[len(prefix):]
		if code, national := split(rest); code != nil && code.isPossible(national) {
			return rest, true
		}
	}
	return nil, false
}

// domestic reads a number as the plan's own country writes it.
func (p *Plan) domestic(s []byte) (Number, bool) {
	if p.Code == 0 {
		return 0, false
	}
	if t := len(p.Trunk); t > 0 && len(s) > t && string(s[:t]) == p.Trunk && p.isPossible(s[t:]) {
		return p.join(s[t:])
	}
	own, rest := split(s)
	withCode := own != nil && own.Code == p.Code && p.isPossible(rest)
	switch {
	case withCode && p.isUsual(rest) && (p.Trunk != "" || !p.isUsual(s)):
		return p.join(rest) // where a trunk prefix is custom, bare digits are rarely national
	case p.isUsual(s):
		return p.join(s)
	case withCode:
		return p.join(rest)
	}
	return 0, false
}

// join puts the country calling code before a national number.
func (p *Plan) join(national []byte) (Number, bool) {
	n, err := strict(national, p)
	return n, err == nil
}

// strict makes a Number of digits behind the code of a plan, or of international
// digits when code is nil.
func strict(s []byte, code *Plan) (Number, error) {
	var n Number
	length := len(s)
	if code != nil {
		n = Number(code.Code)
		for c := code.Code; c > 0; c /= 10 {
			length++
		}
	} else if length > 0 && s[0] == '0' {
		return 0, ErrNotE164
	}
	if length < 7 || length > 15 {
		return 0, ErrNotE164
	}
	for _, c := range s {
		n = n*10 + Number(c-'0')
	}
	return n, nil
}
