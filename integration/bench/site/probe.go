package site

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

var (
	self       = os.Getpid()
	processors = float64(runtime.NumCPU())
)

// probe is a caller of our own that places few calls and takes its times from
// the kernel's receive timestamps: SIPp's clock ticks in steps of milliseconds.
type probe struct {
	site *Site
	conn *net.UDPConn
	at   string
	id   string
	rate float64
	done chan struct{}

	calls           []probed
	sent, answered  int
	trying, ringing []float64 // milliseconds
	hangups         []hangup
}

// probed is one call of the probe.
type probed struct {
	sent                  time.Time
	tried, rang, answered bool
}

type hangup struct {
	due time.Time
	bye []byte
}

func newProbe(s *Site, rate float64) (*probe, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		err2 := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
		if err == nil {
			err = err2
		}
	}
	if err != nil {
		return nil, fmt.Errorf("probe: kernel timestamps: %w", err)
	}
	return &probe{site: s, conn: conn, at: conn.LocalAddr().String(), id: strconv.FormatUint(rand.Uint64(), 36), rate: rate, done: make(chan struct{})}, nil
}

// number is the one the i-th call goes to: other ones than the load's at that time.
func (p *probe) number(i int) Number { return p.site.Numbers[(i*7+3)%p.site.called] }

// failed counts calls that did not ring and get through.
func (p *probe) failed() int { return p.sent - p.answered }

// run places calls until ctx ends, and gives those under way a moment.
func (p *probe) run(ctx context.Context) {
	defer close(p.done)
	defer p.conn.Close()
	next := time.Now().Add(200 * time.Millisecond)
	var end time.Time
	in, control := make([]byte, 1<<16), make([]byte, 256)
	for end.IsZero() || time.Now().Before(end) {
		now := time.Now()
		if ctx.Err() != nil && end.IsZero() {
			end = now.Add(400 * time.Millisecond)
		}
		if end.IsZero() && !now.Before(next) {
			next = next.Add(time.Duration((0.5 + rand.Float64()) / p.rate * float64(time.Second)))
			p.invite()
		}
		for len(p.hangups) > 0 && !now.Before(p.hangups[0].due) {
			p.write(p.hangups[0].bye)
			p.hangups = p.hangups[1:]
		}
		_ = p.conn.SetReadDeadline(now.Add(time.Millisecond))
		n, nc, _, _, err := p.conn.ReadMsgUDP(in, control)
		if err != nil {
			continue
		}
		if at := stamped(control[:nc]); !at.IsZero() {
			p.take(in[:n], at)
		}
	}
}

// stamped is the kernel's receive time of a datagram, zero for none.
func stamped(control []byte) time.Time {
	all, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}
	}
	for _, m := range all {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			sec := int64(le(m.Data[:8]))
			return time.Unix(sec, int64(le(m.Data[8:16])))
		}
	}
	return time.Time{}
}

func le(b []byte) (v uint64) {
	for i, c := range b {
		v |= uint64(c) << (8 * i)
	}
	return v
}

func (p *probe) write(m []byte) {
	_, _ = p.conn.WriteToUDP(m, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: p.site.Proxy})
}

func (p *probe) head(method, uri string, call, cseq int) string {
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%s%d\r\nMax-Forwards: 70\r\nFrom: <sip:+14155550199@%s>;tag=p%d\r\n"+
		"Call-ID: %s-%d@probe\r\nCSeq: %d %s\r\nContact: <sip:probe@%s>\r\n", method, uri, p.at, p.id, method[:1], call, p.at, call, p.id, call, cseq, method, p.at)
}

const offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0 8 101\r\n" +
	"a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"

func (p *probe) invite() {
	uri := "sip:" + p.number(p.sent).Public + "@" + addr(p.site.Proxy)
	m := p.head("INVITE", uri+";user=phone", p.sent, 1) + "To: <" + uri + ">\r\nContent-Type: application/sdp\r\nContent-Length: " +
		strconv.Itoa(len(offer)) + "\r\n\r\n" + offer
	p.sent++
	p.calls = append(p.calls, probed{sent: time.Now()})
	p.write([]byte(m))
}

// take reads one response.
func (p *probe) take(m []byte, at time.Time) {
	id, _, _ := bytes.Cut(header(m, "Call-ID"), []byte("@"))
	call, err := strconv.Atoi(string(bytes.TrimPrefix(id, []byte(p.id+"-"))))
	if err != nil || call < 0 || call >= len(p.calls) || len(m) < 12 || !bytes.HasPrefix(header(m, "CSeq"), []byte("1 ")) {
		return
	}
	c := &p.calls[call]
	after := at.Sub(c.sent).Seconds() * 1000
	switch code := string(m[8:11]); {
	case code == "100" && !c.tried:
		c.tried = true
		p.trying = append(p.trying, after)
	case code == "180" && !c.rang:
		c.rang = true
		p.ringing = append(p.ringing, after)
	case code == "200" && !c.answered:
		c.answered = true
		p.answered++
		p.acknowledge(call, m)
	}
}

func (p *probe) acknowledge(call int, answer []byte) {
	_, contact, _ := bytes.Cut(header(answer, "Contact"), []byte("<"))
	uri, _, _ := bytes.Cut(contact, []byte(">"))
	rest := "To: " + string(header(answer, "To")) + "\r\nContent-Length: 0\r\n\r\n"
	if route := header(answer, "Record-Route"); route != nil { // one of the system's own
		rest = "Route: " + string(route) + "\r\n" + rest
	}
	p.write([]byte(p.head("ACK", string(uri), call, 1) + rest))
	bye := p.head("BYE", string(uri), call, 2) + rest
	p.hangups = append(p.hangups, hangup{due: time.Now().Add(30 * time.Millisecond), bye: []byte(bye)})
}

// header is a header's value as it stands, nil for none.
func header(m []byte, name string) []byte {
	_, rest, ok := bytes.Cut(m, []byte("\r\n"+name+":"))
	if !ok {
		return nil
	}
	line, _, _ := bytes.Cut(rest, []byte("\r\n"))
	return bytes.TrimSpace(line)
}
