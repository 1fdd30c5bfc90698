package feed

import (
	"slices"

	"github.com/speakops/sipedge/routing"
)

// seen is which numbers a scan has met: eight bytes for each and nothing for
// growing, since ten million of them come when the store was replaced.
type seen struct {
	parts [Partitions][][]routing.PublicNumber // each list of one length, but the last
	all   [Partitions][]routing.PublicNumber   // in order, once settled
}

const seenAtOnce = 1 << 10

func (s *seen) add(n routing.PublicNumber) {
	lists := &s.parts[Partition(n)]
	if last := len(*lists) - 1; last < 0 || len((*lists)[last]) == seenAtOnce {
		*lists = append(*lists, make([]routing.PublicNumber, 0, seenAtOnce))
	}
	last := &(*lists)[len(*lists)-1]
	*last = append(*last, n)
}

// settle ends adding; has may be asked from then on.
func (s *seen) settle() {
	for p := range s.parts {
		s.all[p] = slices.Concat(s.parts[p]...)
		s.parts[p] = nil
		slices.Sort(s.all[p])
	}
}

func (s *seen) has(n routing.PublicNumber) bool {
	_, ok := slices.BinarySearch(s.all[Partition(n)], n)
	return ok
}
