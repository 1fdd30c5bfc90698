package configs

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
)

// ByteSize is a number of bytes, written as 1GiB, 500MB or a plain number.
type ByteSize int64

var units = []struct {
	suffix string
	factor float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ParseByteSize reads a size of 0 bytes to 8 EiB.
func ParseByteSize(s string) (ByteSize, error) {
	number, factor := s, 1.0
	for _, u := range units {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			number, factor = strings.TrimSpace(rest), u.factor
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n < 0 || math.IsNaN(n) || n*factor >= math.MaxInt64 {
		return 0, errors.New("is not a size; write 1GiB, 500MB or a number of bytes")
	}
	return ByteSize(n * factor), nil
}

// String is the size with the largest binary unit that divides it.
func (b ByteSize) String() string {
	for i := 3; i >= 0; i-- {
		if f := ByteSize(units[i].factor); b >= f && b%f == 0 {
			return strconv.FormatInt(int64(b/f), 10) + units[i].suffix
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// MarshalText makes a dump readable.
func (b ByteSize) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// PortRange is first-last, both inside.
type PortRange struct{ First, Last uint16 }

// ParsePortRange reads "20000-29999".
func ParsePortRange(s string) (PortRange, error) {
	first, last, ok := strings.Cut(s, "-")
	f, err1 := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	l, err2 := strconv.ParseUint(strings.TrimSpace(last), 10, 16)
	if !ok || err1 != nil || err2 != nil || f == 0 || l < f {
		return PortRange{}, errors.New("is not a range of ports; write first-last, as in 20000-29999")
	}
	return PortRange{uint16(f), uint16(l)}, nil
}

// String is the written form.
func (p PortRange) String() string {
	if p == (PortRange{}) {
		return ""
	}
	return fmt.Sprintf("%d-%d", p.First, p.Last)
}

// MarshalText makes a dump readable.
func (p PortRange) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParseSource reads an address or CIDR with an optional port: 192.0.2.0/24,
// 192.0.2.7:5060, 192.0.2.0/24:5060, 2001:db8::/32, [2001:db8::7]:5060.
func ParseSource(s string) (Source, error) {
	text, port := s, ""
	switch {
	case strings.HasPrefix(s, "["):
		inside, rest, ok := strings.Cut(s[1:], "]")
		if !ok || (rest != "" && rest[0] != ':') {
			return Source{}, errors.New("has a bracket that is not closed; write [2001:db8::7]:5060")
		}
		text = inside
		if rest != "" {
			port = rest[1:]
			if port == "" {
				return Source{}, errors.New("has a colon and no port; write 192.0.2.7 or 192.0.2.7:5060")
			}
		}
	case strings.Count(s, ":") == 1:
		text, port, _ = strings.Cut(s, ":")
		if port == "" {
			return Source{}, errors.New("has a colon and no port; write 192.0.2.7 or 192.0.2.7:5060")
		}
	}
	var src Source
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return Source{}, errors.New("has a port that is not a number from 1 to 65535; correct it, or leave it out for any port")
		}
		src.Port = uint16(n)
	}
	prefix, err := parsePrefix(text)
	src.Prefix = prefix
	return src, err
}

func parsePrefix(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, errors.New("is not an address or CIDR; names are not resolved here, write 192.0.2.7 or 192.0.2.0/24")
		}
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil || prefix.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("is not an address or CIDR; write 192.0.2.7 or 192.0.2.0/24")
	}
	// A CIDR with host bits is a typing error in one of its two halves, and a
	// guess about who may send calls is not ours to make.
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("has bits set behind the prefix; write %s for the network or %s for the one address",
			prefix.Masked(), prefix.Addr())
	}
	return prefix, nil
}

// String is the written form.
func (s Source) String() string {
	if !s.Prefix.IsValid() {
		return ""
	}
	text := s.Prefix.String()
	if s.Prefix.IsSingleIP() {
		text = s.Prefix.Addr().String()
	}
	if s.Port == 0 {
		return text
	}
	if s.Prefix.Addr().Is6() {
		text = "[" + text + "]"
	}
	return text + ":" + strconv.Itoa(int(s.Port))
}

// MarshalText makes a dump readable.
func (s Source) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
