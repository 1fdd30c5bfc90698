package e164

// TollFree says that n is one of the toll-free numbers of the North American
// Numbering Plan, the only ones whose control moves by a change of the
// responsible organisation and not by number portability.
func (n Number) TollFree() bool {
	if n < 1_200_000_0000 || n > 1_999_999_9999 {
		return false
	}
	switch n / 1e7 % 1000 {
	case 800, 833, 844, 855, 866, 877, 888:
		return true
	}
	return false
}

// CountryCode is the country calling code n begins with, 0 when it begins with none.
func (n Number) CountryCode() uint16 {
	var room [20]byte
	code, _ := split(n.AppendDigits(room[:0]))
	if code == nil {
		return 0
	}
	return code.Code
}
