package cutover

import (
	"fmt"

	"github.com/speakops/sipedge/routing"
)

// Records is what Check asks of this edge's table; *routing.Table is one.
type Records interface {
	Get(routing.PublicNumber) (routing.Number, bool)
}

// Check says what this edge's number table has against next after base (rule 8):
// D is only what Differs says while the records agree with what the body takes
// for granted. A cutover that begins needs every number here, held by its First;
// one that is dropped needs its numbers to be recorded as it ended, so that no
// answer changes. floors are the edge's settled cutovers.
func Check(base, next *Revision, records Records, floors *Floors, lists Lists) error {
	for _, c := range Begun(base, next) {
		err := each(&c, lists, func(n routing.PublicNumber) string {
			number, known := records.Get(n)
			holder := number.RoutingAuthority
			if floor, settled := floors.Get(n); settled {
				holder = floor
			}
			switch {
			case !known:
				return fmt.Sprintf("%s is not in this edge's table; import it, or wait for it", n)
			case holder != c.First:
				return fmt.Sprintf("%s is held by %s, not by %s; plan the cutover from what holds", n, holder, c.First)
			}
			return ""
		})
		if err != nil {
			return err
		}
	}
	for _, c := range Dropped(base, next) {
		final := c.Final()
		err := each(&c, lists, func(n routing.PublicNumber) string {
			// A number that was deleted meanwhile is unknown before and after.
			if number, known := records.Get(n); known && number.RoutingAuthority != final {
				return fmt.Sprintf("%s is recorded as %s, but the cutover ended with %s; settle its record first", n, number.RoutingAuthority, final)
			}
			return ""
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// each asks about every number of a cutover and tells of the first against it,
// with how many there are.
func each(c *Cutover, lists Lists, against func(routing.PublicNumber) string) error {
	l, here := lists(c.List)
	if !here || l.Len() != c.Count {
		return fmt.Errorf("cutover %s: list %.12s of %d numbers is not here", c.ID, c.List, c.Count)
	}
	first, count := "", 0
	for n := range l.All {
		if why := against(n); why != "" {
			if count++; count == 1 {
				first = why
			}
		}
	}
	if count > 0 {
		return fmt.Errorf("cutover %s: %d of %d numbers: %s", c.ID, count, c.Count, first)
	}
	return nil
}
