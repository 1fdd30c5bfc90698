package message

import "bytes"

// param is one ";name=value" of a list: indexes into the list. val is -1 when
// there is no '='. A quoted value includes its quotes.
type param struct {
	name, nameEnd int
	val, valEnd   int
}

// paramAt reads the parameter behind the ';' at b[i-1]. next is the index of
// the ';' or ',' behind it, or len(b); ok is false when it is malformed, and
// next then means nothing.
func paramAt(b []byte, i int) (p param, next int, ok bool) {
	i = run(b, i, blankByte)
	p.name = i
	i = run(b, i, nameByte)
	p.nameEnd, p.val = i, -1
	if p.nameEnd == p.name {
		return p, i, false
	}
	i = run(b, i, blankByte)
	if i < len(b) && b[i] == '=' {
		i = run(b, i+1, blankByte)
		p.val = i
		if i = paramValueEnd(b, i); i < 0 {
			return p, len(b), false
		}
		p.valEnd = i
		i = run(b, i, blankByte)
	}
	return p, i, i == len(b) || b[i] == ';' || b[i] == ','
}

func paramValueEnd(b []byte, i int) int {
	if i < len(b) && b[i] == '"' {
		return quoted(b, i)
	}
	// An Identity carries info=<https://...>, where ';' is text.
	if i < len(b) && b[i] == '<' {
		n := bytes.IndexByte(b[i:], '>')
		if n < 0 {
			return -1
		}
		return i + n + 1
	}
	return run(b, i, valueByte)
}

// Param returns the value of parameter name in a raw ";a=b;c" list, without its
// quotes; names match without case. A parameter without '=' is present with a
// nil value. Empty and malformed neighbours are stepped over.
func Param(params []byte, name string) (value []byte, ok bool) {
	i := 0
	for i < len(params) {
		if params[i] == ';' || params[i] == ',' {
			i++
			continue
		}
		p, next, good := paramAt(params, i)
		if !good {
			// Not ours to judge: go on behind the next ';'.
			n := bytes.IndexByte(params[i:], ';')
			if n < 0 {
				return nil, false
			}
			i += n + 1
			continue
		}
		if equalFold(params[p.name:p.nameEnd], name) {
			return paramText(params, p), true
		}
		i = next
	}
	return nil, false
}

func paramText(b []byte, p param) []byte {
	if p.val < 0 {
		return nil
	}
	v := b[p.val:p.valEnd]
	if len(v) >= 2 && v[0] == '"' {
		v = v[1 : len(v)-1]
	}
	return v
}

// Tag returns the tag of a raw parameter list, nil when there is none.
func Tag(params []byte) []byte {
	tag, _ := Param(params, "tag")
	return tag
}

// soleTag is Tag with judgement: every parameter must be readable and the tag
// given once, not empty, or two elements could read two different dialogs.
func soleTag(params []byte) (tag []byte, ok bool) {
	i := run(params, 0, blankByte)
	for i < len(params) {
		if params[i] != ';' {
			return nil, false
		}
		p, next, good := paramAt(params, i+1)
		if !good {
			return nil, false
		}
		if p.nameEnd-p.name == 3 && equalFold(params[p.name:p.nameEnd], "tag") {
			if tag != nil || p.val < 0 || p.valEnd == p.val {
				return nil, false
			}
			tag = params[p.val:p.valEnd]
		}
		i = next
	}
	return tag, true
}
