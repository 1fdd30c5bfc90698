package sound

import (
	"math"
	"strings"
	"time"
)

// Digits is what a telephone can dial, in the order of their RFC 4733 codes (0
// to 15).
const Digits = "0123456789*#ABCD"

// Rows and columns of the keypad (ITU-T Q.23), in Hz.
var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
	keypad  = [4]string{"123A", "456B", "789C", "*0#D"}
)

// digitLevel is the power of each of the two tones: -7 dBm0, as senders of
// North America use.
const digitLevel = -7

// Key is the pair of tones of a digit; false when it is none.
func Key(digit byte) (Tone, bool) {
	for r, row := range keypad {
		if c := strings.IndexByte(row, digit); c >= 0 {
			return Tone{Hertz: []float64{rows[r], columns[c]}, Level: digitLevel}, true
		}
	}
	return Tone{}, false
}

// Limits of ITU-T Q.24 as AT&T applies them: the tones of one digit differ by
// at most 8 dB, each is louder than -30 dBm0, and nothing else is as loud.
const (
	digitFaintest = -30
	digitTwist    = 8
	digitMargin   = 8
)

// Pressed is the digit whose tones fill the samples, 0 for none. Twenty
// milliseconds are the least in which it can tell them apart.
func Pressed(pcm []int16) (digit byte) {
	r, row := loudest(pcm, rows[:])
	c, column := loudest(pcm, columns[:])
	if r < 0 || c < 0 || row < digitFaintest || column < digitFaintest || math.Abs(row-column) > digitTwist {
		return 0
	}
	// Both together are nearly all there is: speech has more besides.
	both := 10 * math.Log10(math.Pow(10, row/10)+math.Pow(10, column/10))
	if weighted(pcm)-both > 2 {
		return 0
	}
	return keypad[r][c]
}

// loudest names the frequency that stands out among its group, -1 when none does.
func loudest(pcm []int16, group []float64) (which int, level float64) {
	which, level = -1, Nothing
	second := Nothing
	for i, hz := range group {
		l := Heard(pcm, hz)
		switch {
		case l > level:
			which, level, second = i, l, level
		case l > second:
			second = l
		}
	}
	if level-second < digitMargin {
		return -1, level
	}
	return which, level
}

// Keys reads digits from audio as it comes by. The zero Keys is ready.
type Keys struct {
	rest   []int16
	last   byte // what the look before held
	held   int  // looks in a row at last
	gap    int  // looks since the digit in hand was last heard
	inHand byte
}

// Half overlapping looks find two that lie wholly within the 40 ms that Q.24
// grants a digit, and two within the 40 ms of a pause.
const (
	keyLook = Rate / 50
	keyStep = keyLook / 2
	keySure = 2
)

// Hear takes the next samples and returns the digits that were recognised in
// them.
func (k *Keys) Hear(pcm []int16) (digits string) {
	k.rest = append(k.rest, pcm...)
	for len(k.rest) >= keyLook {
		if d := k.look(Pressed(k.rest[:keyLook])); d != 0 {
			digits += string(d)
		}
		k.rest = append(k.rest[:0], k.rest[keyStep:]...)
	}
	return digits
}

func (k *Keys) look(d byte) (recognised byte) {
	if d == k.last {
		k.held++
	} else {
		k.last, k.held = d, 1
	}
	if d == k.inHand {
		k.gap = 0
		return 0
	}
	if k.gap++; k.gap >= keySure {
		k.inHand = 0
	}
	if d == 0 || k.held < keySure {
		return 0
	}
	k.inHand, k.gap = d, 0
	return d
}

// Dialled is a Source of digits as tones, and silence once they are through.
type Dialled struct {
	digits  string
	on, off int // samples
	at      int // within the digit in hand
	sine    *Sine
}

// Dialling plays digits, each for a time and with a pause behind it.
// Characters that no telephone has are left out.
func Dialling(digits string, on, off time.Duration) *Dialled {
	known := strings.Map(func(r rune) rune {
		if strings.ContainsRune(Digits, r) {
			return r
		}
		return -1
	}, digits)
	return &Dialled{digits: known, on: Samples(on), off: Samples(off)}
}

// Done says that all digits were played.
func (d *Dialled) Done() bool { return d.digits == "" }

func (d *Dialled) Fill(pcm []int16) {
	clear(pcm)
	for i := range pcm {
		if d.digits == "" {
			return
		}
		if d.at == 0 {
			tone, _ := Key(d.digits[0])
			d.sine = Sounding(tone)
		}
		if d.at < d.on {
			d.sine.Fill(pcm[i : i+1])
		}
		if d.at++; d.at >= d.on+d.off {
			d.at, d.digits = 0, d.digits[1:]
		}
	}
}
