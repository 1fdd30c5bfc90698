package sipedge

import (
	"bytes"
	"time"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
)

// session is what a dialog knows of its session timer (RFC 4028). Where the trunk
// wants one inserted, a call whose BYE was lost does not count for hours: when
// nobody has refreshed it in time it is hung up.
type session struct {
	insert bool
	until  call.Instant // Never when none was agreed
}

// sessionGrace is how much later than the ends the edge gives a session up: a
// BYE of theirs may be on its way for timer F (RFC 4028 section 10).
const sessionGrace = 40 * time.Second

// sessionDefault is the interval that refresher writes when the caller named none.
const sessionDefault = 1800 * time.Second

// refreshed notes what a 2xx of an INVITE or UPDATE says about the session
// timer: so many seconds from now on, or that there is none (section 8.1).
func (s *shard) refreshed(d *dialog, m *message.Message, now call.Instant) {
	if !d.session.insert || m.Status < 200 || m.Status > 299 {
		return
	}
	d.session.until = call.Never
	if every := sessionExpires(m.Value(message.KSessionExpires)); every > 0 {
		d.session.until = now + call.Instant(every+sessionGrace)
	}
	s.timers.set(d, min(d.until, d.session.until))
}

// agreed is refreshed for the call's first 2xx, to which the edge itself may have
// added the caller's part of a timer that the callee does not know (section 8.2).
func (s *shard) agreed(d *dialog, inv *invite, m *message.Message, now call.Instant) {
	s.refreshed(d, m, now)
	if d.session.until != call.Never || s.refresher(inv, m) == nil {
		return
	}
	every := sessionExpires(s.original(inv).Value(message.KSessionExpires))
	if every <= 0 {
		every = sessionDefault
	}
	d.session.until = now + call.Instant(every+sessionGrace)
	s.timers.set(d, min(d.until, d.session.until))
}

// refreshedBy is refreshed for the 2xx of an UPDATE.
func (s *shard) refreshedBy(x *exchange, m *message.Message, now call.Instant) {
	if d := s.dialogs[x.of]; d != nil && x.method == message.UPDATE {
		s.refreshed(d, m, now)
	}
}

// sessionExpires reads delta-seconds, 0 when there are none.
func sessionExpires(v []byte) time.Duration {
	seconds, _, _ := bytes.Cut(v, []byte(";"))
	return retryAfter(bytes.TrimSpace(seconds))
}
