package order

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Zones finds the rules of a zone by its IANA name. Outer code passes
// time.LoadLocation; the rules change with the machine's tz data, which is why
// they come in as an argument and what they said once is kept.
type Zones func(name string) (*time.Location, error)

// Wall is an instant as a person entered it: the time on the wall of a place,
// and the instant that was. UTC is what everything goes by; Local and Zone are
// what people said, kept to be shown and to be asked again when the rules of the
// zone change.
type Wall struct {
	Local string    `json:"local"` // 2026-03-03T10:00:00, an offset behind it where clocks show it twice
	Zone  string    `json:"zone"`  // IANA name
	UTC   time.Time `json:"utc,omitzero"`
}

// IsZero says that no time was given.
func (w Wall) IsZero() bool { return w == Wall{} }

// String is the wall time, its zone and the instant.
func (w Wall) String() string {
	return fmt.Sprintf("%s %s (%s)", w.Local, w.Zone, w.UTC.UTC().Format(time.RFC3339))
}

// Same says that two walls are the same instant.
func (w Wall) Same(o Wall) bool { return w.UTC.Equal(o.UTC) }

// WallError is a wall time that is no instant, or two.
type WallError struct {
	Problem, Remedy string
	// Candidates are the instants it may have meant: both when clocks show it
	// twice, and what it would be by the offset before and after when they skip it.
	Candidates []time.Time
}

func (e *WallError) Error() string { return e.Problem + "; " + e.Remedy }

// ParseWall reads "2026-03-03T10:00", "2026-03-03 10:00:00 America/Chicago" or
// "2026-11-01T01:30:00-05:00 America/Chicago". It does not resolve; the zone is
// empty when none is written. The error is a *WallError.
func ParseWall(s string) (Wall, error) {
	f := strings.Fields(s)
	var w Wall
	if n := len(f); n > 1 && f[n-1][0] > '9' {
		w.Zone = f[n-1]
		f = f[:n-1]
	}
	w.Local = strings.Join(f, "T")
	if _, _, err := w.clock(); err != nil {
		return Wall{}, err
	}
	return w, nil
}

const (
	wallForm   = "2006-01-02T15:04:05"
	offsetForm = "2006-01-02T15:04:05-07:00"
)

// clock reads Local: the digits as if they were UTC, and the offset given with
// them, "" for none.
func (w Wall) clock() (digits time.Time, offset string, err error) {
	text := w.Local
	if len(text) > 10 && text[10] == 'T' {
		if i := strings.LastIndexAny(text, "+-"); i > 10 {
			text, offset = text[:i], text[i:]
		} else if strings.HasSuffix(text, "Z") {
			text, offset = text[:len(text)-1], "+00:00"
		}
	}
	if len(text) == len("2026-03-03T10:00") {
		text += ":00"
	}
	digits, err = time.Parse(wallForm, text)
	if err == nil && len(text) != len(wallForm) {
		err = fmt.Errorf("too fine")
	}
	if err == nil && offset != "" {
		_, err = time.Parse("-07:00", offset)
	}
	if err != nil || digits.Year() < 2000 || digits.Year() > 9000 {
		return time.Time{}, "", &WallError{Problem: quote(w.Local) + " is no time of day on a date",
			Remedy: "write 2026-03-03T10:00 or 2026-03-03T10:00:00, and the zone behind it: America/Chicago"}
	}
	return digits, offset, nil
}

// Resolve finds the instant, in whole seconds. A time that the clocks of the
// zone skip or show twice is refused with both instants it may have meant; an
// offset written behind the time chooses between two. The error is a *WallError.
func (w Wall) Resolve(zones Zones) (Wall, error) {
	digits, offset, err := w.clock()
	if err != nil {
		return w, err
	}
	if w.Zone == "" || w.Zone == "Local" {
		return w, &WallError{Problem: w.Local + " has no time zone", Remedy: "write the IANA name of the place behind it: America/Chicago, Europe/Berlin, UTC"}
	}
	zone, err := zones(w.Zone)
	if err != nil {
		return w, &WallError{Problem: "the time zone " + quote(w.Zone) + " is not known here", Remedy: "write an IANA name such as America/Chicago, and see that this machine has tz data"}
	}
	w.Local = digits.Format(wallForm) + offset
	shown, offsets := around(digits, zone)
	switch {
	case offset != "":
		at, err := time.Parse(offsetForm, w.Local)
		if err != nil || !slices.ContainsFunc(shown, at.Equal) {
			return w, &WallError{fmt.Sprintf("%s is not what clocks in %s show", w.Local, w.Zone), "leave the offset away, or write " + spell(orAll(shown, digits, offsets), zone), shown}
		}
		w.UTC = at.UTC()
	case len(shown) == 1:
		w.UTC = shown[0].UTC()
	case len(shown) == 0:
		both := orAll(shown, digits, offsets)
		return w, &WallError{fmt.Sprintf("clocks in %s skip %s", w.Zone, w.Local), "it would be " + spell(both, zone) + "; write the one you mean", both}
	default:
		return w, &WallError{fmt.Sprintf("clocks in %s show %s twice", w.Zone, w.Local), "write " + spell(shown, zone), shown}
	}
	return w, nil
}

// around finds the instants at which clocks of the zone show these digits, and
// all offsets the zone uses within a day and a half of them: more than any zone
// is away from UTC, and more than any has ever jumped.
func around(digits time.Time, zone *time.Location) (shown []time.Time, offsets []int) {
	const reach = 36 * time.Hour
	for at := digits.Add(-reach).In(zone); ; {
		_, offset := at.Zone()
		if !slices.Contains(offsets, offset) {
			offsets = append(offsets, offset)
		}
		_, end := at.ZoneBounds()
		if end.IsZero() || end.After(digits.Add(reach)) {
			break
		}
		at = end
	}
	for _, offset := range offsets {
		at := digits.Add(-time.Duration(offset) * time.Second)
		if _, there := at.In(zone).Zone(); there == offset {
			shown = append(shown, at)
		}
	}
	slices.SortFunc(shown, time.Time.Compare)
	return shown, offsets
}

// orAll is what digits mean, or would mean by each offset when they mean nothing.
func orAll(shown []time.Time, digits time.Time, offsets []int) []time.Time {
	if len(shown) > 0 {
		return shown
	}
	var all []time.Time
	for _, offset := range offsets {
		all = append(all, digits.Add(-time.Duration(offset)*time.Second))
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

func spell(at []time.Time, zone *time.Location) string {
	words := make([]string, len(at))
	for i, t := range at {
		words[i] = fmt.Sprintf("%s (%s)", t.In(zone).Format(offsetForm), t.UTC().Format(time.RFC3339))
	}
	return strings.Join(words, " or ")
}
