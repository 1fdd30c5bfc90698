package verdict

import (
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time {
	return noon.Add(time.Duration(seconds * float64(time.Second)))
}

func body(number uint64, id, previous string, turns ...Turn) Body {
	return Body{ID: id, Previous: previous, Number: number, Cutovers: []Cutover{{ID: "c", First: "legacy", Turns: turns, Numbers: []Number{1}}}}
}

// flip is a chain whose number goes over at one second and back at three.
func flip() *Verdict {
	v := New("legacy")
	v.Learned("a", body(1, "one", ""), noon)
	v.Learned("a", body(2, "two", "one", Turn{at(1), "speakops"}, Turn{at(3), "legacy"}), noon)
	return v
}

func (v *Verdict) says(edge, holder string, start, end float64) {
	v.Answered(1, Answer{edge, holder, at(start), at(end), at(start), at(end)})
}

func TestEveryKindOfWrongIsSeen(t *testing.T) {
	for name, c := range map[string]struct {
		tell func(v *Verdict)
		want string // "" for nothing wrong
	}{
		"all is well": {func(v *Verdict) {
			v.says("a", "legacy", 0.5, 0.5)
			v.says("b", "speakops", 1, 1)
			v.says("a", "speakops", 2.9, 2.9)
			v.says("a", "legacy", 3, 3)
		}, ""},
		"a decision that takes long is its beginning's": {func(v *Verdict) {
			v.says("b", "speakops", 1, 1)
			v.says("a", "legacy", 0.9, 1.4)
		}, ""},
		"too early":               {func(v *Verdict) { v.says("a", "speakops", 0.9, 0.9) }, "P1"},
		"too late":                {func(v *Verdict) { v.says("a", "legacy", 1.1, 1.1) }, "P1"},
		"back to the wrong side":  {func(v *Verdict) { v.says("a", "speakops", 3.1, 3.1) }, "P1"},
		"nobody's":                {func(v *Verdict) { v.says("a", "nobody", 2, 2) }, "P1"},
		"a fork":                  {func(v *Verdict) { v.Learned("b", body(2, "other", "one"), noon) }, "fork"},
		"another predecessor":     {func(v *Verdict) { v.Learned("b", body(3, "other", "one"), noon) }, "fork"},
		"dropped before the end":  {func(v *Verdict) { v.Learned("a", Body{ID: "three", Previous: "two", Number: 3}, at(2)) }, "drops"},
		"dropped after the end":   {func(v *Verdict) { v.Learned("a", Body{ID: "three", Previous: "two", Number: 3}, at(4)) }, ""},
		"armed and unknown":       {func(v *Verdict) { v.Promised("nine", "arm") }, "armed"},
		"refused and in force":    {func(v *Verdict) { v.Refused("two", "aborted") }, "told"},
		"in force though refused": {func(v *Verdict) { v.Refused("three", "aborted"); v.Learned("a", body(3, "three", "two"), noon) }, "told"},
		"in two cutovers": {func(v *Verdict) {
			b := body(3, "three", "two")
			b.Cutovers = append(b.Cutovers, Cutover{ID: "d", First: "legacy", Numbers: []Number{1}})
			v.Learned("a", b, at(4))
		}, "is in"},
		"history changed behind an answer": {func(v *Verdict) {
			v.says("a", "speakops", 2, 2)
			v.Learned("a", body(3, "three", "two", Turn{at(2.5), "speakops"}), noon)
		}, "P1"},
	} {
		v := flip()
		c.tell(v)
		got := v.Judge()
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %v", name, got)
		case c.want != "" && (len(got) == 0 || !strings.Contains(got[0], c.want)):
			t.Errorf("%s: want %q, got %v", name, c.want, got)
		}
	}
}

// Where two clocks disagree, either may be right, but nobody goes back.
func TestNobodyGoesBackBetweenTwoClocks(t *testing.T) {
	v := flip()
	between := func(edge, holder string, s float64) {
		v.Answered(1, Answer{edge, holder, at(s), at(s), at(s - 0.5), at(s + 0.5)})
	}
	between("a", "legacy", 0.6)
	between("b", "speakops", 0.8)
	if got := v.Judge(); len(got) > 0 {
		t.Fatal(got)
	}
	between("a", "legacy", 0.9)
	if got := v.Judge(); len(got) != 1 || !strings.HasPrefix(got[0], "P2") {
		t.Fatal(got)
	}
}
