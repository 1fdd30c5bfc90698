package sipedge

import (
	"encoding/hex"
	"strconv"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/sipedge/profile"
)

// tell appends the decision of a call for a trunk that may know it. Every word in
// it is this edge's own: ids of the configuration, and words of package routing.
func (s *shard) tell(lines []byte, inv *invite, l *leg) []byte {
	if lines == nil {
		lines = s.lines[:0]
	}
	authority, d := routing.AuthorityNone, &inv.decision
	if inv.route != nil && len(inv.hops) > 0 {
		authority = inv.authority()
	}
	lines = append(append(lines, profile.DecisionHeader+": "...), authority.String()...)
	lines = append(append(lines, ";because="...), inv.because()...)
	if inv.route != nil {
		lines = append(append(lines, ";route="...), inv.route.ID...)
	}
	if l != nil && l.hop != nil {
		lines = append(append(lines, ";gateway="...), l.hop.id...)
	}
	if d.Revision != 0 {
		lines = strconv.AppendUint(append(lines, ";revision="...), d.Revision, 10)
	}
	lines = append(hex.AppendEncode(append(lines, ";call="...), inv.id[:]), "\r\n"...)
	s.lines = lines
	return lines
}

// lastLeg is the last attempt of a call, nil before there was one.
func (inv *invite) lastLeg() *leg {
	if len(inv.legs) == 0 {
		return nil
	}
	return &inv.legs[len(inv.legs)-1]
}
