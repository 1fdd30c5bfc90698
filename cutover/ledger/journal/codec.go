package journal

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// The head of a file: magic, nonce, CRC, zeros up to headSize.
const (
	magic    = "cutjrnl1"
	nonceLen = 26 // as crypto/rand.Text makes it
	headSize = 64
)

// An entry: length of the bytes (4), number (8), CRC of these (4), CRC of these
// and the bytes (4), the bytes.
const entryHead = 20

// MaxEntry bounds one entry, in bytes: a revision with everything in it is much
// smaller.
const MaxEntry = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func makeHead(nonce string) []byte {
	head := make([]byte, headSize)
	copy(head, magic)
	copy(head[len(magic):], nonce)
	binary.LittleEndian.PutUint32(head[len(magic)+nonceLen:], crc32.Checksum(head[:len(magic)+nonceLen], castagnoli))
	return head
}

// readHead is the nonce of a head; false when it is none of ours.
func readHead(head []byte) (nonce string, ok bool) {
	if len(head) < headSize || !bytes.HasPrefix(head, []byte(magic)) {
		return "", false
	}
	const end = len(magic) + nonceLen
	if binary.LittleEndian.Uint32(head[end:]) != crc32.Checksum(head[:end], castagnoli) {
		return "", false
	}
	return string(head[len(magic):end]), true
}

// appendEntry appends an entry in its form on disk. The nonce is part of the
// checksum: an entry copied from another journal is none of this one.
func appendEntry(b []byte, nonce string, number uint64, text []byte) []byte {
	from := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = binary.LittleEndian.AppendUint64(b, number)
	head := crc32.Update(crc32.Checksum([]byte(nonce), castagnoli), castagnoli, b[from:from+12])
	b = binary.LittleEndian.AppendUint32(b, head)
	b = binary.LittleEndian.AppendUint32(b, crc32.Update(head, castagnoli, text))
	return append(b, text...)
}

// rightHead checks the first 16 bytes of an entry.
func rightHead(b []byte, nonce string) (crc uint32, ok bool) {
	crc = crc32.Update(crc32.Checksum([]byte(nonce), castagnoli), castagnoli, b[:12])
	return crc, binary.LittleEndian.Uint32(b[12:]) == crc
}

// cutEntry reads the entry that b begins with; size is 0 when there is none that
// is whole and right.
func cutEntry(b []byte, nonce string) (number uint64, text []byte, size int) {
	if len(b) < entryHead {
		return 0, nil, 0
	}
	n := int64(binary.LittleEndian.Uint32(b))
	head, ok := rightHead(b, nonce)
	if !ok || n > MaxEntry || int64(len(b)) < entryHead+n {
		return 0, nil, 0
	}
	entry := b[:entryHead+n]
	if binary.LittleEndian.Uint32(entry[16:]) != crc32.Update(head, castagnoli, entry[entryHead:]) {
		return 0, nil, 0
	}
	return binary.LittleEndian.Uint64(entry[4:]), entry[entryHead:], len(entry)
}

// sector is what a disk writes whole or not at all.
const sector = 512

// torn says whether rest, from offset at to the end of the file, can be what a
// crash left of the last write: shorter than it says, or with a sector that never
// reached the disk and so reads as zeros.
func torn(rest []byte, at int64, nonce string) bool {
	if len(rest) < entryHead {
		return true
	}
	for from := int64(0); from < int64(len(rest)); {
		to := min(int64(len(rest)), (at+from)/sector*sector+sector-at)
		if len(bytes.Trim(rest[from:to], "\x00")) == 0 {
			return true
		}
		from = to
	}
	_, ok := rightHead(rest, nonce)
	return ok && int64(len(rest)) < entryHead+int64(binary.LittleEndian.Uint32(rest))
}
