package records

import (
	"encoding/binary"
	"hash/crc32"
)

// An entry of the journal: a mark, its kind, the length of its payload, the
// CRC-32C of kind, length and payload, the payload. The mark and the CRC let a
// reader find its way back after damage.
const (
	entryMark = 0xd7
	entryHead = 8

	kindAnswered = 1 // payload: an encoded Dialog
	kindEnded    = 2 // payload: its CallID

	maxEntry = entryHead + MaxDialog
)

var blankHead [entryHead]byte

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendAnswered(dst []byte, d *Dialog) ([]byte, error) {
	from := len(dst)
	dst = append(dst, blankHead[:]...)
	dst, err := d.Append(dst)
	if err != nil {
		return dst[:from], err
	}
	sealEntry(dst[from:], kindAnswered)
	return dst, nil
}

func appendEnded(dst []byte, call CallID) []byte {
	from := len(dst)
	dst = append(dst, blankHead[:]...)
	dst = append(dst, call[:]...)
	sealEntry(dst[from:], kindEnded)
	return dst
}

func sealEntry(e []byte, kind byte) {
	e[0], e[1] = entryMark, kind
	binary.BigEndian.PutUint16(e[2:], uint16(len(e)-entryHead))
	binary.BigEndian.PutUint32(e[4:], entrySum(e))
}

func entrySum(e []byte) uint32 {
	return crc32.Update(crc32.Checksum(e[1:4], castagnoli), castagnoli, e[entryHead:])
}

// cutEntry cuts one whole, undamaged entry off the front of b.
func cutEntry(b []byte) (kind byte, entry []byte, ok bool) {
	if len(b) < entryHead || b[0] != entryMark {
		return 0, nil, false
	}
	size := entryHead + int(binary.BigEndian.Uint16(b[2:]))
	if size > maxEntry || size > len(b) {
		return 0, nil, false
	}
	entry = b[:size]
	if binary.BigEndian.Uint32(entry[4:]) != entrySum(entry) {
		return 0, nil, false
	}
	return entry[1], entry, true
}

// entryCall is whose dialog an entry is about.
func entryCall(kind byte, entry []byte) (call CallID, ok bool) {
	payload := entry[entryHead:]
	switch {
	case kind == kindAnswered && len(payload) >= headLen:
		return CallID(payload[atCall:]), true
	case kind == kindEnded && len(payload) == len(call):
		return CallID(payload), true
	}
	return call, false
}
