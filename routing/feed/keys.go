package feed

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// Partitions is how many hash-tagged partitions numbers are spread over. It is
// part of the layout and never changes.
const Partitions = 64

// Partition is where a number lives: CRC16 (XMODEM, the one of Redis Cluster)
// of its E.164 form with the plus, modulo 64.
func Partition(n routing.PublicNumber) int {
	var buf [20]byte
	return int(crc16(n.Append(buf[:0])) % Partitions)
}

var crcTable = func() (t [256]uint16) {
	for i := range t {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		t[i] = crc
	}
	return t
}()

func crc16(b []byte) (crc uint16) {
	for _, c := range b {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^c]
	}
	return crc
}

// keys names everything of one prefix. Nothing but the prefix, a partition and
// a validated number ever becomes part of a name.
type keys struct {
	prefix string
	tags   [Partitions]string // "prefix:n:{p07}:"
}

// A prefix may not hold what Redis Cluster or SCAN would read as a pattern.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

func newKeys(prefix string) (*keys, error) {
	if !prefixForm.MatchString(prefix) {
		return nil, fmt.Errorf("redis prefix %.80q: want 1 to 64 letters, digits or any of _ . : -", prefix)
	}
	k := &keys{prefix: prefix}
	for p := range k.tags {
		k.tags[p] = fmt.Sprintf("%s:n:{p%02d}:", prefix, p)
	}
	return k, nil
}

func (k *keys) record(n routing.PublicNumber) string {
	return string(n.Append([]byte(k.tags[Partition(n)])))
}

func (k *keys) changes(p int) string { return k.tags[p] + "changes" }
func (k *keys) meta(p int) string    { return k.tags[p] + "meta" }
func (k *keys) answers(p int) string { return k.tags[p] + "answers" }
func (k *keys) order(p int) string   { return k.tags[p] + "order" }

// pattern matches the records of one partition, or of all when p is negative.
// The plus keeps the partition's other keys out.
func (k *keys) pattern(p int) string {
	if p < 0 {
		return k.prefix + ":n:{p??}:+*"
	}
	return k.tags[p] + "+*"
}

// number reads the name of a record; false for any other key, and for a number
// in a partition where it does not belong.
func (k *keys) number(key string) (routing.PublicNumber, int, bool) {
	rest, ok := strings.CutPrefix(key, k.prefix+":n:{p")
	if !ok || len(rest) < 4 || rest[2:4] != "}:" {
		return 0, 0, false
	}
	p, err := strconv.Atoi(rest[:2])
	if err != nil {
		return 0, 0, false
	}
	n, err := e164.Parse(rest[4:])
	if err != nil || Partition(n) != p {
		return 0, p, false
	}
	return n, p, true
}
