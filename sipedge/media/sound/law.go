package sound

import "math/bits"

// Law is one of the two companding laws of G.711; the value is its static RTP
// payload type (RFC 3551 table 4).
type Law uint8

const (
	PCMU Law = 0 // mu-law: North America, Japan
	PCMA Law = 8 // A-law: the rest
)

// String is the encoding's name in SDP.
func (l Law) String() string {
	if l == PCMA {
		return "PCMA"
	}
	return "PCMU"
}

// Silence is the byte that decodes to nothing, or as near to it as A-law gets.
func (l Law) Silence() byte {
	if l == PCMA {
		return 0xd5
	}
	return 0xff
}

// Encode appends one byte for each sample.
func (l Law) Encode(dst []byte, pcm []int16) []byte {
	encode := muEncode
	if l == PCMA {
		encode = aEncode
	}
	for _, s := range pcm {
		dst = append(dst, encode(s))
	}
	return dst
}

// Decode appends one sample for each byte.
func (l Law) Decode(dst []int16, coded []byte) []int16 {
	table := &muTable
	if l == PCMA {
		table = &aTable
	}
	for _, b := range coded {
		dst = append(dst, table[b])
	}
	return dst
}

// Mu-law (G.711 table 2): a sign, three bits of segment, four of step, all
// inverted on the wire. Adding the bias makes each segment begin at a power of two.
const (
	muBias = 33 << 2
	muClip = 8158 << 2
)

func muEncode(s int16) byte {
	sign, x := byte(0), int(s)
	if x < 0 {
		sign, x = 0x80, -x
	}
	x = min(x, muClip) + muBias
	segment := bits.Len(uint(x)) - 8 // the bias alone has 8 bits
	step := x >> (segment + 3) & 0x0f
	return ^(sign | byte(segment<<4) | byte(step))
}

func muDecode(b byte) int16 {
	b = ^b
	x := (int(b&0x0f)<<3+muBias)<<(b>>4&7) - muBias
	if b&0x80 != 0 {
		return int16(-x)
	}
	return int16(x)
}

// A-law (G.711 table 1): the lowest two segments are one straight line, and
// every other bit is inverted on the wire.
const aMask = 0x55

func aEncode(s int16) byte {
	sign, x := byte(0x80), int(s)>>3 // 13 bits
	if x < 0 {
		sign, x = 0, ^x
	}
	segment := max(0, bits.Len(uint(x))-5)
	step := x >> max(1, segment) & 0x0f
	return (sign | byte(segment<<4) | byte(step)) ^ aMask
}

func aDecode(b byte) int16 {
	b ^= aMask
	x, segment := int(b&0x0f)<<4+8, b>>4&7
	if segment > 0 {
		x = (x + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		return int16(-x)
	}
	return int16(x)
}

var muTable, aTable = decoded(muDecode), decoded(aDecode)

func decoded(f func(byte) int16) (table [256]int16) {
	for b := range table {
		table[b] = f(byte(b))
	}
	return table
}
