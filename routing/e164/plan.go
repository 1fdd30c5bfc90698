package e164

import "strings"

// Plan is how the people of one country write numbers down. The zero Plan
// belongs to no country and reads international forms only.
type Plan struct {
	Country       string // ISO 3166-1 alpha-2, upper case
	Code          uint16 // country calling code
	Trunk         string // put before a national number, "" where nothing is
	International string // put before a foreign number, "" for the zero Plan
	usual         uint16 // bit set of national lengths: fixed and mobile
	further       uint16 // bit set of national lengths of everything else
	emergency     string // besides 112 and 911, separated by blanks
}

// PlanFor finds the plan of a country by its ISO 3166-1 alpha-2 code, in either
// case; false when there is none.
func PlanFor(country string) (Plan, bool) {
	if len(country) != 2 {
		return Plan{}, false
	}
	lo, hi := 0, len(plans)
	for lo < hi {
		mid := (lo + hi) / 2
		switch c := strings.Compare(plans[mid].Country, strings.ToUpper(country)); {
		case c == 0:
			return plans[mid], true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return Plan{}, false
}

// codes holds, by country calling code, the plan that reads a number of that
// code when the country itself is not known: lengths of all countries sharing
// the code, the trunk prefix they share.
var codes = byCode()

func byCode() (table [1000]Plan) {
	for i := range plans {
		p := &table[plans[i].Code]
		p.Code, p.Trunk = plans[i].Code, plans[i].Trunk
		p.usual |= plans[i].usual
		p.further |= plans[i].further
	}
	return table
}

// split cuts the country calling code off international digits. No code is the
// beginning of another (ITU-T E.164 section 6.2.1), so at most one fits.
func split(digits []byte) (code *Plan, national []byte) {
	if len(digits) == 0 || digits[0] == '0' {
		return nil, nil
	}
	n := 0
	for i := 0; i < 3 && i < len(digits); i++ {
		n = n*10 + int(digits[i]-'0')
		if p := &codes[n]; p.Code != 0 && i+1 < len(digits) {
			return p, digits[i+1:]
		}
	}
	return nil, nil
}

// exactly is the plan whose country calling code these digits are, nil for any other digits.
func exactly(digits []byte) *Plan {
	n := 0
	for _, c := range digits {
		if n = n*10 + int(c-'0'); n >= len(codes) {
			return nil
		}
	}
	if codes[n].Code == 0 || digits[0] == '0' {
		return nil
	}
	return &codes[n]
}

func (p *Plan) isUsual(national []byte) bool    { return p.has(p.usual, national) }
func (p *Plan) isPossible(national []byte) bool { return p.has(p.usual|p.further, national) }

func (p *Plan) has(lengths uint16, national []byte) bool {
	if p.Code == 1 && len(national) > 0 && national[0] < '2' {
		return false // an NANP area code begins with 2 to 9
	}
	return len(national) < 16 && lengths>>len(national)&1 == 1
}

// Emergency says whether Normalise refuses user with ErrEmergency.
func (p Plan) Emergency(user []byte) bool {
	_, err := p.Normalise(user)
	return err == ErrEmergency
}

// urgentBehind says whether an emergency number stands behind a country calling
// code: +1911 and 1911 are what some switches make of 911.
func (p *Plan) urgentBehind(d *digits) bool {
	code, rest := split(d.all())
	switch {
	case code == nil:
		return false
	case code.Code == p.Code, d.plus && p.Code == 0:
		return p.urgent(rest)
	}
	return d.plus && everywhere(rest)
}

func everywhere(digits []byte) bool {
	return string(digits) == "112" || string(digits) == "911"
}

// elsewhere stands in for a plan's own numbers when the country is unknown.
const elsewhere = "000 110 118 119 999"

func (p *Plan) urgent(digits []byte) bool {
	if everywhere(digits) {
		return true
	}
	list := p.emergency
	if p.Code == 0 {
		list = elsewhere
	}
	for len(list) > 0 {
		word, rest, _ := strings.Cut(list, " ")
		if word == string(digits) {
			return true
		}
		list = rest
	}
	return false
}
