// Package testline answers: what does a test line do when it is called?
//
// A Line is what one is, read from its name. A Call is one call to it: a user
// agent server of RFC 3261 with its dialog, driven by Step: one event and an
// instant in, messages and orders for its media out. A Voice is what it says and
// what it makes of what it hears, packet by packet.
//
// The package is quiet: the edge brings messages, instants, ports and chance.
package testline

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Content is what a line sends and what it does with what it hears.
type Content uint8

const (
	Milliwatt Content = iota // 1004 Hz at 0 dBm0
	Silence                  // packets of silence
	Echo                     // what it hears
	Readback                 // digits, once they have paused: as events, or as tones where the caller knows no events
	Meter                    // a marked tone, and after # the loss it has heard as three digits of per mille
	Announce                 // the three tones before "the number you have dialled", as early media; then a failure
)

// Line is one test line.
type Line struct {
	Content     Content
	Rings       bool          // for ever: until the caller or the edge gives up
	Code        int           // it refuses with this, 0 when it answers
	AnswerAfter time.Duration // it rings for so long before it answers or refuses
	HangUpAfter time.Duration // of being answered; 0: Longest
}

// Bounds of a line.
const (
	Longest      = time.Hour       // of an answered call, so that a forgotten one ends
	LongestRing  = 3 * time.Minute // before an answer: the edge gives a call up then
	announcement = 5 * time.Second // of early media before its failure
)

// Names lists the lines there are, as people write them.
const Names = "milliwatt, silence, echo, readback, meter, announce-CODE, ring, busy, reject-CODE; behind a name, or alone, .answer-after-SECONDS and .hangup-after-SECONDS"

var contents = map[string]Line{
	"milliwatt": {Content: Milliwatt}, "silence": {Content: Silence}, "echo": {Content: Echo}, "readback": {Content: Readback}, "meter": {Content: Meter},
	"ring": {Rings: true}, "busy": {Code: 486},
}

// Parse reads a line's name: one of Names, such as echo, reject-503 or
// milliwatt.answer-after-5.hangup-after-10. A name that begins with a time is a
// milliwatt. Case does not count.
func Parse(name string) (l Line, err error) {
	for i, word := range strings.Split(strings.ToLower(name), ".") {
		if one, ok := contents[word]; ok && i == 0 {
			l = one
			continue
		}
		if err := l.take(word, i); err != nil {
			return Line{}, err
		}
	}
	if l.HangUpAfter > 0 && (l.Code != 0 || l.Rings) {
		return Line{}, fmt.Errorf("%q never answers and cannot hang up after a time", name)
	}
	if l.Rings && l.AnswerAfter > 0 {
		return Line{}, fmt.Errorf("%q rings for ever and cannot answer after a time", name)
	}
	return l, nil
}

// take adds one word that has a number behind it.
func (l *Line) take(word string, at int) error {
	cut := strings.LastIndexByte(word, '-')
	if cut < 0 {
		return fmt.Errorf("%q is no test line; there are %s", word, Names)
	}
	n, err := strconv.Atoi(word[cut+1:])
	if err != nil || n < 0 || len(word[cut+1:]) > 4 {
		return fmt.Errorf("%q is no test line; there are %s", word, Names)
	}
	switch kind := word[:cut]; {
	case kind == "reject" && at == 0:
		l.Code = n
		return refusal(word, n)
	case kind == "announce" && at == 0:
		l.Content, l.Code = Announce, n
		return refusal(word, n)
	case kind == "answer-after" && l.AnswerAfter == 0:
		l.AnswerAfter = time.Duration(n) * time.Second
		return within(word, l.AnswerAfter, LongestRing)
	case kind == "hangup-after" && l.HangUpAfter == 0:
		l.HangUpAfter = time.Duration(n) * time.Second
		return within(word, l.HangUpAfter, Longest)
	}
	return fmt.Errorf("%q is no test line, or stands there twice; there are %s", word, Names)
}

// refusal: a line redirects nobody, and 401 and 407 would want a challenge.
func refusal(word string, code int) error {
	if code < 400 || code > 699 || code == 401 || code == 407 || code == 487 {
		return fmt.Errorf("%q: %d is no failure that a line can answer with; write a code from 400 to 699 other than 401, 407 and 487", word, code)
	}
	return nil
}

func within(word string, d, longest time.Duration) error {
	if d <= 0 || d > longest {
		return fmt.Errorf("%q: write seconds from 1 to %d", word, int(longest.Seconds()))
	}
	return nil
}

// Talks says whether calls to the line have media.
func (l *Line) Talks() bool { return !l.Rings && (l.Code == 0 || l.Content == Announce) }
