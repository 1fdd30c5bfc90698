package cutover

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// MaxList is how many numbers one cutover may move.
const MaxList = 100_000

// List is an immutable set of public numbers, named by its content. Its
// encoding is one number per line in the strict form, ascending, each line
// ended; its ID is the SHA-256 of that. The zero List is empty and no list of
// any cutover.
type List struct {
	id      ListID
	numbers []routing.PublicNumber
}

// NewList makes a list of numbers in any order. It refuses none at all, more
// than MaxList, one that is no public number and one that is named twice.
func NewList(numbers []routing.PublicNumber) (List, error) {
	if len(numbers) == 0 || len(numbers) > MaxList {
		return List{}, fmt.Errorf("list of %d numbers: want 1 to %d; split the order", len(numbers), MaxList)
	}
	sorted := slices.Clone(numbers)
	slices.Sort(sorted)
	for i, n := range sorted {
		if !n.Valid() {
			return List{}, fmt.Errorf("list: %d is no public number", uint64(n))
		}
		if i > 0 && n == sorted[i-1] {
			return List{}, fmt.Errorf("list: %s is named twice; name it once", n)
		}
	}
	l := List{numbers: sorted}
	sum := sha256.Sum256(l.Encode())
	l.id = ListID(hex.EncodeToString(sum[:]))
	return l, nil
}

// DecodeList reads what Encode wrote, and nothing else, and only when it is the
// list of that ID.
func DecodeList(id ListID, text []byte) (List, error) {
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:]); got != string(id) {
		return List{}, fmt.Errorf("list %.12s: the bytes are those of %.12s; fetch it again", id, got)
	}
	var numbers []routing.PublicNumber
	last := routing.PublicNumber(0)
	for len(text) > 0 {
		end := slices.Index(text, '\n')
		if end < 0 {
			return List{}, errors.New("list: the last line has no end")
		}
		n, err := e164.Parse(text[:end])
		if err != nil {
			return List{}, fmt.Errorf("list: line %d: %w", len(numbers)+1, err)
		}
		if n <= last || len(numbers) == MaxList {
			return List{}, fmt.Errorf("list: line %d: %s is out of order or one too many", len(numbers)+1, n)
		}
		numbers, last, text = append(numbers, n), n, text[end+1:]
	}
	if len(numbers) == 0 {
		return List{}, errors.New("list: empty")
	}
	return List{id, numbers}, nil
}

// ID is the content address, "" for the zero List.
func (l List) ID() ListID { return l.id }

// Len is how many numbers there are.
func (l List) Len() int { return len(l.numbers) }

// At is the number at place i, from 0 in ascending order.
func (l List) At(i int) routing.PublicNumber { return l.numbers[i] }

// All yields the numbers in ascending order.
func (l List) All(yield func(routing.PublicNumber) bool) {
	for _, n := range l.numbers {
		if !yield(n) {
			return
		}
	}
}

// Contains says whether n is in the list.
func (l List) Contains(n routing.PublicNumber) bool {
	_, found := slices.BinarySearch(l.numbers, n)
	return found
}

// Meets is a number both lists have, false when there is none.
func (l List) Meets(m List) (routing.PublicNumber, bool) {
	for i, j := 0, 0; i < len(l.numbers) && j < len(m.numbers); {
		switch a, b := l.numbers[i], m.numbers[j]; {
		case a == b:
			return a, true
		case a < b:
			i++
		default:
			j++
		}
	}
	return 0, false
}

// Encode writes the one form of the list.
func (l List) Encode() []byte {
	text := make([]byte, 0, len(l.numbers)*13)
	for _, n := range l.numbers {
		text = append(n.Append(text), '\n')
	}
	return text
}
