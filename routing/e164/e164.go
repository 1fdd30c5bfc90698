// Package e164 answers: which public number do these bytes name?
//
// It is quiet: values in, values out. Nothing here reads a clock, a socket or
// a table, and nothing on the call path allocates.
package e164

import (
	"errors"
	"strconv"
)

// Number is an E.164 number: its digits, country code first, without the plus,
// as an integer. E.164 allows at most 15 digits and no leading zero, so the
// integer and the digits determine each other. The zero Number names nothing.
type Number uint64

// ErrNotE164 says that the input does not name a number of the form +[1-9] followed by 6 to 14 digits.
var ErrNotE164 = errors.New("not an E.164 number: want + and 7 to 15 digits, the first not 0")

// Parse reads the strict form "+12025550143" and nothing else.
func Parse[T ~string | ~[]byte](s T) (Number, error) {
	if len(s) < 8 || len(s) > 16 || s[0] != '+' || s[1] == '0' {
		return 0, ErrNotE164
	}
	var n Number
	for i := 1; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, ErrNotE164
		}
		n = n*10 + Number(c-'0')
	}
	return n, nil
}

// String is the strict form with the plus; the zero Number is "".
func (n Number) String() string {
	if n == 0 {
		return ""
	}
	return string(n.Append(nil))
}

// Append appends the strict form with the plus; nothing for the zero Number.
func (n Number) Append(dst []byte) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, '+'), uint64(n), 10)
}

// AppendDigits appends the digits without the plus; nothing for the zero Number.
func (n Number) AppendDigits(dst []byte) []byte {
	if n == 0 {
		return dst
	}
	return strconv.AppendUint(dst, uint64(n), 10)
}

// Valid says whether n is a number Parse could have read.
func (n Number) Valid() bool { return n >= 1_000_000 && n <= 999_999_999_999_999 }

// MarshalText writes the strict form; the zero Number is empty.
func (n Number) MarshalText() ([]byte, error) { return n.Append(nil), nil }

// UnmarshalText reads the strict form; empty is the zero Number.
func (n *Number) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*n = 0
		return nil
	}
	parsed, err := Parse(b)
	if err == nil {
		*n = parsed
	}
	return err
}
