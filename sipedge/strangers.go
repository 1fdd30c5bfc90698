package sipedge

import (
	"bytes"
	"context"
	"log/slog"
	"time"

	"github.com/speakops/sipedge/ratelimit"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/observe"
	"github.com/speakops/sipedge/sipedge/transport"
)

// stranger is told of what came from nobody we know; b is nil for a connection.
// It is answered with silence. Who knocks most is counted, and who scans.
func (e *Edge) stranger(f transport.Flow, b []byte) {
	scan := scans(b)
	if scan {
		e.meter.scans.Add(1)
	}
	now := time.Now()
	e.offenders.Note(f.Peer.Addr(), scan, now)
	e.knocked(f, scan, now)
}

// knocked writes a line about a stranger, once in a while: a trunk whose addresses
// are not configured hears nothing, and somebody has to find out why.
func (e *Edge) knocked(f transport.Flow, scan bool, now time.Time) {
	const every = 10 // seconds
	last, at := e.lastKnock.Load(), now.Unix()
	if at-last < every && at >= last || !e.lastKnock.CompareAndSwap(last, at) {
		return
	}
	e.log.LogAttrs(context.Background(), slog.LevelWarn, "dropped what comes from no trunk and no gateway; GET /v1/offenders has more",
		slog.String(observe.KeySource, f.Peer.String()), slog.String("transport", f.Proto.String()), slog.Bool("scanner", scan))
}

// handshake says whether a peer whose address says nothing is worth another TLS
// handshake: it may have the certificate of a trunk, but not so often.
func (e *Edge) handshake(f transport.Flow) bool { return e.answers.Take(f.Peer.Addr(), time.Now()) }

// unproven is told of a TLS handshake that failed. Where the address is one of a
// trunk's, somebody waits for its calls: it is counted, logged and shown like a call
// that was refused. Otherwise it was a stranger, and the counters have it.
func (e *Edge) unproven(f transport.Flow, why error) {
	t := e.world.Load().trunkNear(f)
	if t == nil {
		return
	}
	e.refusal(t, refusedTLS, "", f)
	if tape := e.shards[0].tape; tape != nil { // any one: no call belongs to it
		showUnproven(tape, e.newCallID(), t, f, e.now(), why)
	}
}

// scanners begin the User-Agent of programs that look for doors.
var scanners = [][]byte{
	[]byte("friendly-scanner"), []byte("sipvicious"), []byte("sipcli"), []byte("sundayddr"), []byte("vaxsip"), []byte("pplsip"),
	[]byte("sip-scan"), []byte("iwar"), []byte("sipsak"), []byte("sipptk"), []byte("smap"), []byte("sipscan"), []byte("cisco-sip-scan"),
}

// patterns are what their requests have in them.
var patterns = [][]byte{[]byte("sip:nm@nm"), []byte("sip:nm "), []byte(`"sipvicious"`)}

// lookAt is how much of a stranger's datagram is looked at.
const lookAt = 1024

// scans says whether a datagram is a scanner's, by its User-Agent or by patterns.
func scans(b []byte) bool {
	b = b[:min(len(b), lookAt)]
	for _, name := range [...]string{"\nUser-Agent:", "\nuser-agent:"} {
		if _, rest, found := bytes.Cut(b, []byte(name)); found {
			agent, _, _ := bytes.Cut(rest, []byte("\r"))
			if scannerNamed(bytes.TrimSpace(agent)) {
				return true
			}
			break
		}
	}
	for _, p := range patterns {
		if bytes.Contains(b, p) {
			return true
		}
	}
	return false
}

func scannerNamed(agent []byte) bool {
	for _, s := range scanners {
		if len(agent) >= len(s) && bytes.EqualFold(agent[:len(s)], s) {
			return true
		}
	}
	return false
}

// uninvited says whether a request that proved nothing, from a source that is
// nobody's in particular, is a scanner's: it is dropped like a stranger's.
func (e *Edge) uninvited(f transport.Flow, m *message.Message, t *trunk) bool {
	if !t.anywhere || !scannerNamed(m.Value(message.KUserAgent)) && !scans(m.Raw) {
		return false
	}
	e.meter.scans.Add(1)
	e.meter.fault()
	t.stats.Refused(refusedScanner)
	e.offenders.Note(f.Peer.Addr(), true, time.Now())
	return true
}

// Offenders are the unknown sources that have knocked most, the worst first.
func (e *Edge) Offenders(n int) []ratelimit.Offender { return e.offenders.Top(n) }
