package routing

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func drawInterval(t *rapid.T) Interval {
	from := noon.Add(time.Duration(rapid.IntRange(-2000, 2000).Draw(t, "earliest")) * time.Millisecond)
	width := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 10), rapid.IntRange(0, 3000)).Draw(t, "width")
	return Interval{from, from.Add(time.Duration(width) * time.Millisecond)}
}

func drawAuthority(t *rapid.T) RoutingAuthority {
	return rapid.SampledFrom([]RoutingAuthority{AuthorityNone, Legacy, SpeakOps}).Draw(t, "authority")
}

func drawTimeline(t *rapid.T) Timeline {
	at := noon.Add(-1500 * time.Millisecond)
	var turns []Turn
	for range rapid.IntRange(0, 5).Draw(t, "turns") {
		at = at.Add(time.Duration(rapid.IntRange(1, 900).Draw(t, "gap")) * time.Millisecond)
		turns = append(turns, Turn{at, drawAuthority(t)})
	}
	line, err := NewTimeline(7, drawAuthority(t), turns...)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// drawSchedule is what two revisions may say of a number: often much the same.
func drawSchedule(t *rapid.T) Schedule {
	line := func() *Timeline {
		if rapid.Bool().Draw(t, "live") {
			l := drawTimeline(t)
			return &l
		}
		return nil
	}
	s := Schedule{Committed: line(), Open: rapid.Bool().Draw(t, "open"), Floor: Floor{rapid.Bool().Draw(t, "settled"), drawAuthority(t)}}
	if s.Prepared = line(); s.Committed != nil && rapid.Bool().Draw(t, "one more turn") {
		more := *s.Committed
		end := noon.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "after")) * time.Millisecond)
		if n := len(more.turns); n == 0 || end.After(more.turns[n-1].At) {
			line, err := NewTimeline(8, more.first, append(more.turns[:n:n], Turn{end, drawAuthority(t)})...)
			if err != nil {
				t.Fatal(err)
			}
			more = line
		}
		s.Prepared = &more
	}
	return s
}

func TestIntervalsAroundAnInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := drawInterval(t)
		instant := noon.Add(time.Duration(rapid.IntRange(-2000, 2000).Draw(t, "instant")) * time.Millisecond)
		before, after, straddles := at.Before(instant), at.After(instant), at.Straddles(instant)
		n := 0
		for _, b := range []bool{before, after, straddles} {
			if b {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("before %v, after %v, straddles %v: want exactly one", before, after, straddles)
		}
		if straddles {
			read := at.certainFrom(instant)
			later := Interval{read.Add(-at.Width() / 2), read.Add(at.Width() - at.Width()/2)}
			if !later.After(instant) {
				t.Fatalf("at %v the clock %v is still not behind %v", read, later, instant)
			}
		}
	})
	if i := Exactly(noon); i.Straddles(noon) || !i.After(noon) || i.Width() != 0 {
		t.Error("an exact clock never straddles, and T belongs to after")
	}
}

// The oracle walks the interval instant by instant.
func TestTimelineAgreesWithAWalkThroughTheInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line, at := drawTimeline(t), drawInterval(t)
		seen := map[RoutingAuthority]bool{}
		last := line.first
		for _, turn := range line.turns {
			if at.Before(turn.At) {
				break
			}
			if at.Straddles(turn.At) {
				seen[last] = true
			}
			last = turn.Authority
		}
		seen[last] = true
		authority, sure := line.During(at)
		steps := 0
		for _, turn := range line.turns {
			if at.Straddles(turn.At) {
				steps++
			}
		}
		if sure != (steps == 0) {
			t.Fatalf("sure=%v with %d steps inside", sure, steps)
		}
		if sure && (len(seen) != 1 || !seen[authority]) {
			t.Fatalf("sure of %v, seen %v", authority, seen)
		}
		if !sure {
			next := line.NextStep(at)
			if !at.Straddles(next) {
				t.Fatalf("waits for %v, which %v does not straddle", next, at)
			}
			if _, sure := line.During(Interval{next, next}); !sure {
				t.Fatal("an exact clock at the step must be sure")
			}
			for _, turn := range line.turns {
				if turn.At.After(next) && at.Straddles(turn.At) {
					t.Fatalf("%v is inside too and later", turn.At)
				}
			}
		}
	})
}

// At every instant there is one authority, and neighbours in time agree unless a
// step lies between them.
func TestOneAuthorityPerInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := drawTimeline(t)
		one, sure := line.During(Exactly(noon))
		two, _ := line.During(Exactly(noon))
		if !sure || one != two {
			t.Fatalf("%v and %v, sure %v", one, two, sure)
		}
		at := drawInterval(t)
		if authority, sure := line.During(at); sure {
			for _, edge := range []time.Time{at.Earliest, at.Mid(), at.Latest} {
				if inside, _ := line.During(Exactly(edge)); inside != authority {
					t.Fatalf("%v over %v, but %v at %v", authority, at, inside, edge)
				}
			}
		}
	})
}

func TestNextStepAhead(t *testing.T) {
	line, err := NewTimeline(1, Legacy, Turn{noon, SpeakOps}, Turn{noon.Add(time.Hour), Legacy})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]time.Time{
		-time.Minute:  noon,
		time.Minute:   noon.Add(time.Hour),
		2 * time.Hour: {},
	} {
		if got := line.NextStep(Exactly(noon.Add(at))); !got.Equal(want) {
			t.Errorf("from %s on the next step is %v, want %v", at, got, want)
		}
	}
}

func TestTimelinesAscend(t *testing.T) {
	_, err := NewTimeline(1, Legacy, Turn{noon, SpeakOps}, Turn{noon, Legacy})
	if err == nil || !strings.Contains(err.Error(), "turn 2") {
		t.Errorf("two steps at one instant: %v", err)
	}
	line, err := NewTimeline(1, Legacy, Turn{noon, Legacy}, Turn{noon.Add(1), SpeakOps})
	if _, sure := line.During(Around(noon.Add(-time.Nanosecond), 1)); err != nil || !sure {
		t.Errorf("a turn that changes nothing is no step: %v", err)
	}
}

func TestOverrideCheck(t *testing.T) {
	whole := Override{Block, noon, noon.Add(time.Hour), "fraud", "anna"}
	if err := whole.Check(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(*Override){
		"reason": func(o *Override) { o.Reason = "" },
		"author": func(o *Override) { o.Author = "" },
		"expire": func(o *Override) { o.Until = time.Time{} },
		"after":  func(o *Override) { o.Until = o.From },
	} {
		o := whole
		spoil(&o)
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to name %q", err, want)
		}
	}
	if err := (&Override{}).Check(); err != nil {
		t.Error("the zero Override is none, and well:", err)
	}
}
