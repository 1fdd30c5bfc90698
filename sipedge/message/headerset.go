package message

// HeaderSet is a set of header names, matched without case, with long and
// compact forms alike; * at the end is a prefix match. It is immutable.
type HeaderSet struct {
	known    [kinds]bool
	names    []string
	prefixes []string
}

// NewHeaderSet makes a set of names such as "P-Asserted-Identity" or "X-*".
func NewHeaderSet(list ...string) *HeaderSet {
	s := new(HeaderSet)
	for _, n := range list {
		switch k := kindOf([]byte(n)); {
		case n == "":
		case n[len(n)-1] == '*':
			s.addPrefix(n[:len(n)-1])
		case k != Other:
			s.known[k] = true
		default:
			s.names = append(s.names, n)
		}
	}
	return s
}

func (s *HeaderSet) addPrefix(p string) {
	s.prefixes = append(s.prefixes, p)
	for k := Other + 1; k < kinds; k++ {
		if prefixFold([]byte(names[k]), p) {
			s.known[k] = true
		}
	}
}

// Has says whether a header is in the set; a nil set holds nothing.
func (s *HeaderSet) Has(h *Header) bool {
	if s == nil {
		return false
	}
	if h.Kind != Other {
		return s.known[h.Kind]
	}
	for _, n := range s.names {
		if equalFold(h.Name, n) {
			return true
		}
	}
	for _, p := range s.prefixes {
		if prefixFold(h.Name, p) {
			return true
		}
	}
	return false
}
