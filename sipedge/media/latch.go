package media

import (
	"net/netip"
	"time"

	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// latch is whom one port listens to and speaks to. Before an answer it is shut.
// Then it takes packets from the signalled address, whatever the port (symmetric
// RTP, RFC 4961); the first one locks it to its source, and answers go there. One
// from the very port that was signalled has the better claim, and may take the
// lock over once. An end behind NAT cannot know its address, so for a short while after an offer or
// an answer of its own the first valid packet from anywhere locks it.
type latch struct {
	signalled netip.AddrPort // from SDP; zero for none
	source    netip.AddrPort // what it is, or last was, locked to
	locked    bool
	nat       bool
	mute      bool          // on hold in the style of RFC 2543: nothing is sent there
	until     time.Duration // anybody may lock it until then
}

// set takes what an offer or answer of this end says. Only a new address, or an
// end behind NAT, unlocks; until the next packet, answers go on to the source
// that was locked before, when nothing better is known.
func (l *latch) set(to netip.AddrPort, held, nat bool, until time.Duration) {
	l.nat, l.mute = nat, held
	if held {
		return
	}
	moved := to != l.signalled
	l.signalled = to
	if moved && !nat {
		l.source = netip.AddrPort{}
	}
	if moved || nat {
		l.locked, l.until = false, 0
		if nat {
			l.until = until
		}
	}
}

// admit says whether a packet from a source is the end's, and whether it has
// just locked the port for good.
func (l *latch) admit(from netip.AddrPort, at time.Duration) (ok, fresh bool) {
	switch {
	case l.locked && from == l.source:
		return true, false
	case from == l.signalled && (!l.locked || !l.nat):
		l.locked, l.source = true, from
		return true, true
	case l.locked:
		return false, false
	case from.Addr() == l.signalled.Addr() || at < l.until:
		l.locked, l.source = true, from
		return true, l.nat
	}
	return false, false
}

// target is where packets for this end go, invalid for nowhere.
func (l *latch) target() netip.AddrPort {
	switch {
	case l.mute:
		return netip.AddrPort{}
	case l.source.IsValid():
		return l.source
	case l.nat && !public(l.signalled.Addr()), !sdp.Reachable(l.signalled):
		return netip.AddrPort{} // behind NAT: it will be known by its first packet
	}
	return l.signalled
}

func public(a netip.Addr) bool { return a.IsGlobalUnicast() && !a.IsPrivate() }
