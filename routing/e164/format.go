package e164

import (
	"fmt"
	"strconv"
)

// Format is how a gateway wants numbers written.
type Format uint8

const (
	WithPlus Format = iota // +442079460123
	Digits                 // 442079460123
	National               // 02079460123 in GB, 2025550143 in the US
)

var formats = [...]string{"e164", "digits", "national"}

// ParseFormat reads "e164", "digits" or "national"; "" is e164.
func ParseFormat(s string) (Format, error) {
	for f, word := range formats {
		if word == s {
			return Format(f), nil
		}
	}
	if s == "" {
		return WithPlus, nil
	}
	return 0, fmt.Errorf("number_format %.40q is not one of e164, digits, national", s)
}

func (f Format) String() string {
	if int(f) < len(formats) {
		return formats[f]
	}
	return "format(" + strconv.Itoa(int(f)) + ")"
}

// AppendAs appends n as written in the plan's country; nothing for the zero Number.
func (p Plan) AppendAs(dst []byte, n Number, f Format) []byte {
	switch f {
	case Digits:
		return n.AppendDigits(dst)
	case National:
		return p.AppendNational(dst, n)
	}
	return n.Append(dst)
}

// AppendNational appends n as dialled within the plan's country: with its trunk
// prefix, except in the NANP, where ten digits are custom. A number of another
// country gets the international prefix; the zero Plan leaves every number in
// the strict form.
func (p Plan) AppendNational(dst []byte, n Number) []byte {
	if n == 0 {
		return dst
	}
	if p.Code == 0 {
		return n.Append(dst)
	}
	var room [20]byte
	s := strconv.AppendUint(room[:0], uint64(n), 10)
	code, national := split(s)
	switch {
	case code == nil || code.Code != p.Code:
		return append(append(dst, p.International...), s...)
	case p.Code == 1:
		return append(dst, national...)
	}
	return append(append(dst, p.Trunk...), national...)
}
