package observe

import (
	"strings"

	"github.com/speakops/sipedge/routing/e164"
)

// shown is how many of a number's last digits stay readable.
const shown = 2

// AppendMasked appends a number of which only the country code and the last two
// digits can be read: +1********43.
func AppendMasked(dst []byte, n e164.Number) []byte {
	from := len(dst)
	dst = n.Append(dst)
	if len(dst) == from {
		return dst // the zero Number has no digits
	}
	digits := dst[from+1:]
	for i := min(countryCode(digits), len(digits)); i < len(digits)-shown; i++ {
		digits[i] = '*'
	}
	return dst
}

// countryCode is the length of the country code that digits begin with, after
// the list of ITU-T Recommendation E.164 Annex D: zones 1 and 7 have one digit,
// the codes below two, all others three.
func countryCode(digits []byte) int {
	switch {
	case len(digits) == 0:
		return 0
	case digits[0] == '1' || digits[0] == '7':
		return 1
	case len(digits) > 1 && twoDigits[digits[0]-'0']>>(digits[1]-'0')&1 == 1:
		return 2
	}
	return 3
}

// twoDigits has, for each first digit, a bit for every second digit that ends a code.
var twoDigits = [10]uint16{
	2: bits(0, 7),                      // Egypt, South Africa
	3: bits(0, 1, 2, 3, 4, 6, 9),       // Greece to Italy
	4: bits(0, 1, 3, 4, 5, 6, 7, 8, 9), // Romania to Germany
	5: bits(1, 2, 3, 4, 5, 6, 7, 8),    // Peru to Venezuela
	6: bits(0, 1, 2, 3, 4, 5, 6),       // Malaysia to Thailand
	8: bits(1, 2, 4, 6),                // Japan, Korea, Viet Nam, China
	9: bits(0, 1, 2, 3, 4, 5, 8),       // Turkey to Iran
}

func bits(places ...int) (set uint16) {
	for _, p := range places {
		set |= 1 << p
	}
	return set
}

// maskText masks text that may hold a number: as a number when it is one, else
// every digit but the last two.
func maskText(s string) string {
	if n, err := e164.Parse(s); err == nil {
		return string(AppendMasked(nil, n))
	}
	digits := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		}
	}
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return r
		}
		if digits--; digits < shown {
			return r
		}
		return '*'
	}, s)
}
