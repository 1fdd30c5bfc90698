package routing

// Schedule is what the revisions of the fleet say of one number, beside its
// record. There are at most two of them: the committed one, and one that is
// prepared here and whose outcome is not known yet. It is immutable.
type Schedule struct {
	// Committed is the number's timeline by the committed revision, nil when it
	// is in no live cutover: then its record holds.
	Committed *Timeline
	// Open says that a revision is prepared that concerns this number, and
	// Prepared is its timeline by that one, nil when the record would hold.
	Open     bool
	Prepared *Timeline
	Floor    Floor
}

// Floor is what came out of a cutover that is over. No record may contradict
// it, or one from an older store would undo the port.
type Floor struct {
	Settled   bool // false: there was none
	Authority RoutingAuthority
}

// record is who holds the number where no timeline speaks.
func (s Schedule) record(n Brief) RoutingAuthority {
	if s.Floor.Settled {
		return s.Floor.Authority
	}
	return n.RoutingAuthority()
}

// disputes says whether the prepared revision, should it be committed already,
// gives another answer than holder anywhere in the interval (rule 9).
func (s Schedule) disputes(at Interval, holder, record RoutingAuthority) bool {
	switch {
	case !s.Open:
		return false
	case s.Prepared == nil:
		return record != holder
	}
	prepared, sure := s.Prepared.During(at)
	return !sure || prepared != holder
}
