package site

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"time"
)

// Crowd is callers that do not wait for each other: so many calls a second are
// wanted, whatever becomes of them. They repeat what is not answered as RFC 3261
// says, and hang up at once.
type Crowd struct {
	Rate   float64
	For    time.Duration
	Settle time.Duration // at the beginning, in which calls do not count
	// Obey is what they know of RFC 7339: "" nothing, "loss" its own algorithm, "rate"
	// that of RFC 7415.
	Obey string
}

// Turnout is what became of a Crowd's calls, of those that count.
type Turnout struct {
	Wanted, Kept  int // kept: not even sent, because the system asked for that
	Answered      int // with 200
	Refused       int // with 503
	Lost          int // with nothing, or nothing useful
	Repeated      int
	Seconds       float64
	Ringing       Quantiles // INVITE to 180
	RetryAfters   map[string]int
	refusalFrames int // datagrams that refused calls cost both ways, without repetitions
}

// Goodput is answered calls per second.
func (t Turnout) Goodput() float64 { return float64(t.Answered) / t.Seconds }

// Frames is how many datagrams a refusal costs.
func (t Turnout) Frames() float64 {
	return float64(t.refusalFrames) / float64(max(1, t.Refused))
}

// crowd is a Crowd at work: one socket, one goroutine.
type crowd struct {
	Crowd
	site  *Site
	conn  *net.UDPConn
	to    *net.UDPAddr
	at    string
	id    string
	calls []called
	again [3]line // 0.5 s, 1 s and 2 s after the sending before
	out   Turnout
	rings []float64

	part    float64 // not to be sent
	limit   float64 // calls per second; 0 for none
	until   time.Time
	allowed time.Time // when the rate permits the next call
}

type called struct {
	sent    time.Time
	counts  bool
	invite  []byte // until something was heard
	bye     []byte // until it was answered
	frames  int
	settled bool
}

// line is calls in the order in which something is due.
type line struct {
	after time.Duration
	due   []due
}

type due struct {
	at   time.Time
	call int
	bye  bool
}

// Face lets a crowd loose on a system.
func (r *Running) Face(ctx context.Context, w Crowd) (Turnout, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return Turnout{}, err
	}
	defer conn.Close()
	_ = conn.SetReadBuffer(8 << 20)
	c := &crowd{Crowd: w, site: r.site, conn: conn, to: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: r.site.Proxy},
		at: conn.LocalAddr().String(), id: strconv.FormatUint(rand.Uint64(), 36)}
	for i, after := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second} {
		c.again[i].after = after
	}
	c.out.RetryAfters = map[string]int{}
	c.run(ctx)
	c.out.Seconds = (w.For - w.Settle).Seconds()
	c.out.Ringing = quantiles(c.rings)
	for i := range c.calls {
		if c.calls[i].counts && !c.calls[i].settled {
			c.out.Lost++
		}
	}
	return c.out, ctx.Err()
}

func (c *crowd) run(ctx context.Context) {
	began := time.Now()
	in := make([]byte, 1<<16)
	wanted := 0
	for end := began.Add(c.For + 4*time.Second); ctx.Err() == nil && time.Now().Before(end); {
		now := time.Now()
		if past := now.Sub(began); past < c.For {
			for ; wanted < int(past.Seconds()*c.Rate); wanted++ {
				c.want(now, past >= c.Settle)
			}
		}
		c.repeat(now)
		_ = c.conn.SetReadDeadline(now.Add(500 * time.Microsecond))
		for {
			n, err := c.conn.Read(in)
			if err != nil {
				break
			}
			c.take(in[:n])
			if time.Since(now) > 2*time.Millisecond {
				break
			}
		}
	}
}

// want makes one call, or none because the system asked for that.
func (c *crowd) want(now time.Time, counts bool) {
	if counts {
		c.out.Wanted++
	}
	if c.keeps(now) {
		if counts {
			c.out.Kept++
		}
		return
	}
	n := c.site.Numbers[(len(c.calls)*7+3)%c.site.called].Public
	uri := "sip:" + n + "@" + addr(c.site.Proxy)
	m := c.head("INVITE", uri+";user=phone", len(c.calls), 1, "I") + "To: <" + uri + ">\r\nContent-Type: application/sdp\r\nContent-Length: " +
		strconv.Itoa(len(offer)) + "\r\n\r\n" + offer
	c.calls = append(c.calls, called{sent: now, counts: counts, invite: []byte(m), frames: 1})
	c.write([]byte(m))
	c.later(now, 0, due{call: len(c.calls) - 1})
}

// keeps says whether a caller that obeys keeps this call to itself.
func (c *crowd) keeps(now time.Time) bool {
	if now.After(c.until) {
		return false
	}
	if c.Obey == "loss" {
		return rand.Float64() < c.part
	}
	if c.limit <= 0 {
		return false
	}
	// RFC 7415 section 3.5.1: a leaky bucket, with some tolerance.
	gap := time.Duration(float64(time.Second) / c.limit)
	if c.allowed.Before(now.Add(-4 * gap)) {
		c.allowed = now.Add(-4 * gap)
	}
	if c.allowed.After(now) {
		return true
	}
	c.allowed = c.allowed.Add(gap)
	return false
}

func (c *crowd) later(now time.Time, step int, d due) {
	l := &c.again[step]
	d.at = now.Add(l.after)
	l.due = append(l.due, d)
}

// repeat sends again what was not answered.
func (c *crowd) repeat(now time.Time) {
	for i := range c.again {
		l := &c.again[i]
		for len(l.due) > 0 && !now.Before(l.due[0].at) {
			d := l.due[0]
			l.due = l.due[1:]
			m := c.calls[d.call].invite
			if d.bye {
				m = c.calls[d.call].bye
			}
			if m == nil {
				continue
			}
			if c.calls[d.call].counts {
				c.out.Repeated++
			}
			c.write(m)
			if i+1 < len(c.again) {
				c.later(now, i+1, d)
			}
		}
	}
}

func (c *crowd) head(method, uri string, call, cseq int, branch string) string {
	oc := ""
	if c.Obey != "" {
		oc = ";oc;oc-algo=\"" + c.Obey + "\""
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%s%d%s\r\nMax-Forwards: 70\r\nFrom: <sip:+14155550199@%s>;tag=c%d\r\n"+
		"Call-ID: %s-%d@crowd\r\nCSeq: %d %s\r\nContact: <sip:crowd@%s>\r\n", method, uri, c.at, c.id, branch, call, oc, c.at, call, c.id, call, cseq, method, c.at)
}

func (c *crowd) write(m []byte) { _, _ = c.conn.WriteToUDP(m, c.to) }

// take reads one response.
func (c *crowd) take(m []byte) {
	id, _, _ := bytes.Cut(header(m, "Call-ID"), []byte("@"))
	i, err := strconv.Atoi(string(bytes.TrimPrefix(id, []byte(c.id+"-"))))
	if err != nil || i < 0 || i >= len(c.calls) || len(m) < 12 {
		return
	}
	c.hear(header(m, "Via"))
	call := &c.calls[i]
	if bytes.HasPrefix(header(m, "CSeq"), []byte("2 ")) {
		call.bye = nil
		return
	}
	call.invite = nil
	code := string(m[8:11])
	if call.frames++; code < "180" || call.settled {
		if call.settled && code >= "300" {
			c.write(c.ack(i, m))
		}
		return
	}
	if code < "200" {
		if call.counts {
			c.rings = append(c.rings, time.Since(call.sent).Seconds()*1000)
		}
		return
	}
	call.settled = true
	if code != "200" {
		c.write(c.ack(i, m))
		call.frames++
		c.refused(call, m, code)
		return
	}
	if call.counts {
		c.out.Answered++
	}
	c.hangUp(i, m)
}

func (c *crowd) refused(call *called, m []byte, code string) {
	switch {
	case !call.counts:
	case code == "503":
		c.out.Refused++
		c.out.refusalFrames += call.frames
		c.out.RetryAfters[string(header(m, "Retry-After"))]++
	default:
		c.out.Lost++
	}
}

// hear follows what the system says of its load in the topmost Via.
func (c *crowd) hear(via []byte) {
	if c.Obey == "" {
		return
	}
	get := func(name string) (float64, bool) {
		_, rest, ok := bytes.Cut(via, []byte(";"+name+"="))
		if !ok {
			return 0, false
		}
		end := bytes.IndexByte(rest, ';')
		if end < 0 {
			end = len(rest)
		}
		v, err := strconv.ParseFloat(string(rest[:end]), 64)
		return v, err == nil
	}
	value, ok := get("oc")
	valid, _ := get("oc-validity")
	if !ok {
		return
	}
	c.until = time.Now().Add(time.Duration(valid) * time.Millisecond)
	c.part, c.limit = value/100, value
}

func (c *crowd) ack(i int, final []byte) []byte {
	uri := "sip:" + addr(c.site.Proxy)
	return []byte(c.head("ACK", uri, i, 1, "I") + "To: " + string(header(final, "To")) + "\r\nContent-Length: 0\r\n\r\n")
}

func (c *crowd) hangUp(i int, answer []byte) {
	_, contact, _ := bytes.Cut(header(answer, "Contact"), []byte("<"))
	uri, _, _ := bytes.Cut(contact, []byte(">"))
	rest := "To: " + string(header(answer, "To")) + "\r\nContent-Length: 0\r\n\r\n"
	if route := header(answer, "Record-Route"); route != nil {
		rest = "Route: " + string(route) + "\r\n" + rest
	}
	c.write([]byte(c.head("ACK", string(uri), i, 1, "A") + rest))
	c.calls[i].bye = []byte(c.head("BYE", string(uri), i, 2, "B") + rest)
	c.write(c.calls[i].bye)
	c.later(time.Now(), 0, due{call: i, bye: true})
}
