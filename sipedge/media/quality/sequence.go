package quality

// sequence follows the sequence numbers of one source (RFC 3550 appendix A.1),
// with a window behind the highest that tells a duplicate from a latecomer.
type sequence struct {
	started    bool
	top        uint16 // the highest seen
	cycles     uint64 // 65536 for each time it wrapped
	base       uint64
	window     uint64 // bit n: top-n was seen
	received   uint64 // of this source, duplicates left out
	doubted    uint16 // what must follow for a jump to be believed
	doubting   bool
	expected   uint64 // of sources that are over
	lost       uint64
	duplicates uint64
	reordered  uint64
}

// freshness of one packet.
type freshness uint8

const (
	inOrder freshness = iota
	late
	duplicate
)

// Limits of RFC 3550 appendix A.1: a gap within maxDropout is loss, a step back
// within maxMisorder is reordering, anything else is a source that began anew,
// believed when a second packet follows.
const (
	maxDropout  = 3000
	maxMisorder = 100
)

func (s *sequence) note(n uint16) freshness {
	if !s.started {
		s.begin(n)
		return inOrder
	}
	ahead := n - s.top
	switch {
	case ahead == 0:
		s.duplicates++
		return duplicate
	case ahead < maxDropout:
		if n < s.top {
			s.cycles += 1 << 16
		}
		s.window = s.window<<min(ahead, 64) | 1
		s.top, s.doubting = n, false
		s.received++
		return inOrder
	case s.top-n <= maxMisorder:
		return s.behind(s.top - n)
	case s.doubting && n == s.doubted:
		s.restart()
		s.begin(n - 1) // the doubted packet was the first
		return s.note(n)
	}
	s.doubting, s.doubted = true, n+1
	return late
}

// behind takes a packet that is so many numbers behind the highest.
func (s *sequence) behind(by uint16) freshness {
	if by < 64 {
		if s.window&(1<<by) != 0 {
			s.duplicates++
			return duplicate
		}
		s.window |= 1 << by
	}
	s.reordered++
	s.received++
	return late
}

func (s *sequence) begin(n uint16) {
	s.started, s.top, s.base, s.cycles = true, n, uint64(n), 0
	s.window, s.received, s.doubting = 1, 1, false
}

// restart closes the account of one source; the next packet opens another.
func (s *sequence) restart() {
	s.expected, s.lost = s.counted()
	s.started = false
}

// counted is what was expected and what was lost, this source and those before.
// A latecomer from before the first packet can make more received than
// expected, which is no negative loss.
func (s *sequence) counted() (expected, lost uint64) {
	if !s.started {
		return s.expected, s.lost
	}
	expected = s.cycles + uint64(s.top) - s.base + 1
	if expected < s.received {
		expected = s.received
	}
	return s.expected + expected, s.lost + expected - s.received
}
