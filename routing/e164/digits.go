package e164

import "bytes"

// digits are the digits of one subscriber, without what only helps the eye.
type digits struct {
	b    [24]byte // 15 digits behind the longest prefix, and some for the mistaken
	n    int
	plus bool
}

func (d *digits) all() []byte { return d.b[:d.n] }

// read takes digits, one leading plus, visual separators (RFC 3966 section 5.1.1)
// and blanks, each of them plain or %-escaped (RFC 3261 section 19.1.2). It is
// false for anything else and for more digits than any number has.
func (d *digits) read(s []byte) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			var ok bool
			if c, ok = unescape(s[i:]); !ok {
				return false
			}
			i += 2
		}
		switch {
		case c >= '0' && c <= '9':
			if d.n == len(d.b) {
				return false
			}
			d.b[d.n] = c
			d.n++
		case c == '+':
			if d.plus || d.n > 0 {
				return false
			}
			d.plus = true
		case c == '-' || c == '.' || c == '(' || c == ')' || c == ' ':
		default:
			return false
		}
	}
	return true
}

// within reads a local number in the context of a global one: behind a country
// calling code it is a national number of that country, with or without its
// trunk prefix; behind a longer context the two are one number.
func (d *digits) within(context *digits) (Number, error) {
	if code := exactly(context.all()); code != nil {
		if n, ok := code.domestic(d.all()); ok {
			return n, nil
		}
		return 0, ErrNational
	}
	var whole digits
	if !whole.read(context.all()) || !whole.read(d.all()) {
		return 0, ErrNotE164
	}
	return strict(whole.all(), nil)
}

func unescape(s []byte) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	hi, ok1 := nibble(s[1])
	lo, ok2 := nibble(s[2])
	return hi<<4 | lo, ok1 && ok2
}

func nibble(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// cut parts a subscriber from its parameters, which begin with the first ';'.
// An escaped ';' parts nothing (RFC 3261 section 19.1.2).
func cut(user []byte) (subscriber, params []byte) {
	if i := bytes.IndexByte(user, ';'); i >= 0 {
		return user[:i], user[i:]
	}
	return user, nil
}

// one is the value of the parameter of that name: nil when there is none, empty
// when it has no value, and false when it is given twice with two values.
func one(params []byte, name string) (value []byte, ok bool) {
	for len(params) > 0 {
		params = params[1:] // the ';'
		param := params
		if i := bytes.IndexByte(params, ';'); i >= 0 {
			param, params = params[:i], params[i:]
		} else {
			params = nil
		}
		v := param[len(param):]
		if i := bytes.IndexByte(param, '='); i >= 0 {
			param, v = param[:i], param[i+1:]
		}
		if !fold(param, name) {
			continue
		}
		if value != nil && !bytes.Equal(value, v) {
			return nil, false
		}
		value = v
	}
	return value, true
}

// fold compares with an ASCII name in lower case, whatever the case of b.
func fold(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
