package testline

import (
	"bytes"
	"strconv"
	"time"

	"github.com/speakops/sipedge/sipedge/call"
	"github.com/speakops/sipedge/sipedge/message"
)

// minSession is the shortest session timer there may be (RFC 4028 section 4).
const minSession = 90 * time.Second

// timer is the session timer of a call (RFC 4028).
type timer struct {
	every   time.Duration // 0: there is none
	mine    bool          // ours to refresh
	theirs  bool          // the caller knows timers: it is told by Require
	refresh call.Instant
	end     call.Instant
}

func (t *timer) off() { *t = timer{refresh: call.Never, end: call.Never} }

// read takes what an INVITE or UPDATE says (sections 9 and 8.1): the interval it
// names, and who refreshes, as table 2 has it.
func (t *timer) read(m *message.Message, now call.Instant) {
	t.off()
	v := m.Value(message.KSessionExpires)
	if t.every = seconds(v); t.every <= 0 {
		return
	}
	t.theirs = m.HasToken(message.KSupported, "timer")
	who := []byte(nil)
	if cut := bytes.IndexByte(v, ';'); cut >= 0 {
		who, _ = message.Param(v[cut:], "refresher")
	}
	t.mine = !t.theirs || bytes.EqualFold(who, []byte("uas"))
	t.again(now)
}

// again begins an interval.
func (t *timer) again(now call.Instant) {
	if t.every <= 0 {
		return
	}
	t.refresh = now + call.Instant(t.every/2)
	if !t.mine {
		t.refresh = call.Never
	}
	// Section 10: who has heard no refresh says BYE a little before the end.
	t.end = now + call.Instant(t.every-min(32*time.Second, t.every/3))
}

func (t *timer) next() call.Instant { return min(t.refresh, t.end) }

func (t *timer) expired(now call.Instant) bool { return now >= t.end }

// lines tell in a 2xx, or in a refresh of our own, what was agreed on: there
// the caller is the user agent client, here we are.
func (t *timer) lines(ours bool) []byte {
	if t.every <= 0 {
		return nil
	}
	b := append([]byte("Session-Expires: "), strconv.Itoa(int(t.every.Seconds()))...)
	switch {
	case ours:
		return append(b, ";refresher=uac\r\n"...)
	case t.mine:
		return append(b, ";refresher=uas\r\n"...)
	}
	return append(b, ";refresher=uac\r\nRequire: timer\r\n"...)
}

// seconds reads delta-seconds before a parameter, 0 when there are none.
func seconds(v []byte) time.Duration {
	v, _, _ = bytes.Cut(v, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(v)), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}
