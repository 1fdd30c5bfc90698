package feed

import (
	"encoding/binary"
	"slices"
)

// packed is the fields a row sets, in one string: for each its place in the
// vocabulary, the length of its value, its value. A file of a million rows is
// kept as a whole until all are checked, and a slice of strings for each row
// would take several times what the file does.
type packed string

// pack takes name, value, name, value; the names are words of the vocabulary.
func pack(set []string) packed {
	size := 0
	for i := 1; i < len(set); i += 2 {
		size += 1 + binary.MaxVarintLen16 + len(set[i])
	}
	b := make([]byte, 0, size)
	for i := 0; i+1 < len(set); i += 2 {
		at := slices.IndexFunc(vocabulary, func(f field) bool { return f.name == set[i] })
		b = binary.AppendUvarint(append(b, byte(at)), uint64(len(set[i+1])))
		b = append(b, set[i+1]...)
	}
	return packed(b)
}

// set is what was packed.
func (p packed) set() []string {
	set := make([]string, 0, 2*len(vocabulary))
	for b := string(p); len(b) > 0; {
		name := vocabulary[b[0]].name
		length, read := binary.Uvarint([]byte(b[1:min(len(b), 1+binary.MaxVarintLen64)]))
		b = b[1+read:]
		set = append(set, name, b[:length])
		b = b[length:]
	}
	return set
}
