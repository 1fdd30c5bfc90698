package feed

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// Lists that people keep are dirty. What is wrong in them is told, with what was
// found and what was expected; nothing is guessed, not even a missing plus.

// report takes one mistake of a row.
type report func(column, found, expected string)

const wantNumber = "an E.164 number that can be dialled: + and 7 to 15 digits, country code first, such as +12025550143"

var errNoInstant = errors.New("no instant")

// dialable is the number a cell names, 0 when it names none.
func (c cell) dialable(fail report) routing.PublicNumber {
	n, err := e164.Parse(c.value)
	if err != nil {
		fail(c.name, quoted(c.value), wantNumber)
		return 0
	}
	if err := n.Dialable(); err != nil {
		fail(c.name, quoted(c.value), "a number that can be dialled; "+err.Error())
	}
	return n
}

func (c cell) revision(fail report) Expect {
	revision, err := strconv.ParseUint(c.value, 10, 53)
	if c.value != "" && (err != nil || revision == 0) {
		fail(c.name, quoted(c.value), "a revision as an export shows it, or nothing")
	}
	return Expect(revision)
}

// contradictions tells of fields each of which is legal, and which cannot be
// true together.
func contradictions(n *routing.Number, fail report) {
	free := n.PublicNumber.TollFree()
	american := n.PublicNumber.CountryCode() == 1
	switch {
	case n.NumberType == routing.TollFree && american && !free:
		fail(fieldNumberType, fmt.Sprintf("toll_free for %s", n.PublicNumber), "local or mobile: its area code is not a toll-free one")
	case free && n.NumberType != routing.TollFree && n.NumberType != routing.NumberTypeUnknown:
		fail(fieldNumberType, fmt.Sprintf("%s for %s", n.NumberType, n.PublicNumber), "toll_free: its area code is a toll-free one")
	}
	if n.NumberType == routing.TollFree && n.LRN != "" {
		fail(fieldLRN, quoted(n.LRN)+" for a toll_free number", "nothing: toll-free numbers have no location routing number")
	}
	if n.NumberType != routing.NumberTypeUnknown && !routing.HasState(n.NumberType, n.PortingState) {
		fail(fieldPortingState, fmt.Sprintf("%s for a %s number", n.PortingState, n.NumberType), "a state in which the port of such a number can be")
	}
	if err := n.Override.Check(); err != nil {
		fail(fieldOverride, err.Error(), named[fieldOverride].want)
	} else if n.Override != (routing.Override{}) && n.Override.Kind == routing.OverrideNone {
		fail(fieldOverride, "nothing, while other columns of an override say something", named[fieldOverride].want)
	}
}

// foundOf says what a cell held, as far as the error does not say it better.
func foundOf(value string, err error) string {
	var text *TextError
	if errors.As(err, &text) {
		return text.Found
	}
	return quoted(value)
}

func expectedOf(f *field, err error) string {
	var word *routing.WordError
	if errors.As(err, &word) {
		return "one of " + strings.Join(word.Known, ", ")
	}
	return f.want
}

// quoted is a value cut short, on one line, that cannot be mistaken for ours.
func quoted(value string) string {
	if value == "" {
		return "nothing"
	}
	const most = 40
	if len(value) <= most {
		return strconv.Quote(value)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(value[cut]) {
		cut--
	}
	return fmt.Sprintf("%q... (%d bytes)", value[:cut], len(value))
}
