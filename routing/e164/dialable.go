package e164

import "fmt"

// Dialable says why nobody can dial n: no country has its code, no number of that
// code has so many digits, an emergency number stands behind the code, or it
// breaks the form of the North American Numbering Plan (NXX-NXX-XXXX, N from 2
// to 9). Whether a number that could be dialled is in use it cannot know.
func (n Number) Dialable() error {
	var room [20]byte
	code, national := split(n.AppendDigits(room[:0]))
	switch {
	case code == nil && everyCountrys(n):
		return nil
	case code == nil:
		return fmt.Errorf("no country has the code that %s begins with", n)
	case everywhere(national) || code.urgent(national):
		return fmt.Errorf("%s is an emergency number behind a country code", n)
	case !code.isPossible(national):
		return fmt.Errorf("no number of country code %d has the form of %s", code.Code, n)
	case code.Code == 1 && (national[3] < '2' || national[1] == '1' && national[2] == '1'):
		return fmt.Errorf("%s breaks the form NXX-NXX-XXXX, in which N is 2 to 9 and no area code ends in 11", n)
	}
	return nil
}

// everyCountrys says that n begins with a code that belongs to no one country:
// freephone and shared cost, satellites, networks, premium rate (ITU-T E.164.1).
func everyCountrys(n Number) bool {
	for n > 999 {
		n /= 10
	}
	switch n {
	case 800, 808, 870, 878, 881, 882, 883, 888, 979:
		return true
	}
	return false
}
