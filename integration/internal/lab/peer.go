package lab

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Peer is a hand-made user agent for what SIPp cannot say: it sends bytes as
// they are and keeps everything that comes back.
type Peer struct {
	t     testing.TB
	conns []net.Conn
	mu    sync.Mutex
	heard []string
	gone  bool // a connection was closed by the other side
}

// Peer opens a UDP socket or a TCP connection to the edge from an address of
// this host; port 0 is any.
func (l *Lab) Peer(network, from string, port int) *Peer {
	l.T.Helper()
	p := &Peer{t: l.T}
	to := netip.MustParseAddrPort(fmt.Sprintf("127.0.0.1:%d", l.ports["5060"]))
	if network == "tcp" {
		d := net.Dialer{Timeout: 3 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from), Port: port}}
		c, err := d.Dial("tcp", to.String())
		if err != nil {
			l.T.Fatalf("lab: %v", err)
		}
		p.Use(c)
		return p
	}
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from), Port: port}, net.UDPAddrFromAddrPort(to))
	if err != nil {
		l.T.Fatalf("lab: %v", err)
	}
	p.Use(c)
	return p
}

// NewPeer makes a peer of a connection of the caller's own, such as TLS.
func NewPeer(t testing.TB, c net.Conn) *Peer {
	p := &Peer{t: t}
	p.Use(c)
	return p
}

// NewGateway is a peer on a UDP port of 127.0.0.1 that answers each request with
// what answer makes of it; "" is silence.
func NewGateway(t testing.TB, port int, answer func(request string) string) *Peer {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	p := &Peer{t: t}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			p.mu.Lock()
			p.heard = append(p.heard, string(buf[:n]))
			p.mu.Unlock()
			if text := answer(string(buf[:n])); text != "" {
				c.WriteToUDPAddrPort([]byte(text), from)
			}
		}
	}()
	return p
}

// Echo writes a response to a request, with the request's own Via, From, To,
// Call-ID and CSeq lines as they came; To gets a tag when it has none.
func Echo(request, status string) string {
	head, _, _ := strings.Cut(request, "\r\n\r\n")
	for _, fold := range []string{"\r\n ", "\r\n\t"} {
		head = strings.ReplaceAll(head, fold, " ")
	}
	out := "SIP/2.0 " + status + "\r\n"
	for _, line := range strings.Split(head, "\r\n")[1:] {
		key, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "to", "t":
			if !strings.Contains(value, "tag") {
				line += ";tag=gw"
			}
			out += line + "\r\n"
		case "via", "v", "from", "f", "call-id", "i", "cseq", "record-route":
			out += line + "\r\n"
		}
	}
	return out + "Content-Length: 0\r\n\r\n"
}

// Use adds a connection; the first one sends.
func (p *Peer) Use(c net.Conn) {
	p.t.Cleanup(func() { c.Close() })
	p.conns = append(p.conns, c)
	go p.read(c)
}

func (p *Peer) read(c net.Conn) {
	_, datagrams := c.LocalAddr().(*net.UDPAddr)
	var stream []byte
	buf := make([]byte, 1<<16)
	for {
		n, err := c.Read(buf)
		p.mu.Lock()
		if datagrams {
			if n > 0 {
				p.heard = append(p.heard, string(buf[:n]))
			}
		} else {
			stream = p.frame(append(stream, buf[:n]...))
		}
		if err != nil && !datagrams {
			p.gone = true
		}
		p.mu.Unlock()
		if err != nil && (!datagrams || strings.Contains(err.Error(), "closed")) {
			return
		}
	}
}

var length = regexp.MustCompile(`(?i)\r\n(?:content-length|l)[ \t]*:[ \t]*(\d+)`)

// frame cuts whole messages off a stream and returns the rest.
func (p *Peer) frame(b []byte) []byte {
	for {
		b = bytes.TrimLeft(b, "\r\n")
		end := bytes.Index(b, []byte("\r\n\r\n"))
		if end < 0 {
			return b
		}
		body := 0
		if m := length.FindSubmatch(b[:end+2]); m != nil {
			body, _ = strconv.Atoi(string(m[1]))
		}
		if len(b) < end+4+body {
			return b
		}
		p.heard = append(p.heard, string(b[:end+4+body]))
		b = b[end+4+body:]
	}
}

// Send sends bytes as they are; a closed connection is no error here.
func (p *Peer) Send(text string) {
	if text == "" {
		return
	}
	p.conns[0].SetWriteDeadline(time.Now().Add(3 * time.Second))
	p.conns[0].Write([]byte(text))
}

// Local is the address the peer sends from.
func (p *Peer) Local() string { return p.conns[0].LocalAddr().String() }

// Closed says whether the edge closed the connection.
func (p *Peer) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

// Heard returns every message so far that holds a text.
func (p *Peer) Heard(text string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, m := range p.heard {
		if strings.Contains(m, text) {
			all = append(all, m)
		}
	}
	return all
}

// Final waits for a final response that holds a text and returns its code and
// whole text; 0 when none came within d.
func (p *Peer) Final(text string, d time.Duration) (code int, message string) {
	for end := time.Now().Add(d); ; time.Sleep(2 * time.Millisecond) {
		for _, m := range p.Heard(text) {
			if code := Status(m); code >= 200 {
				return code, m
			}
		}
		if time.Now().After(end) {
			return 0, ""
		}
	}
}

// Status is the code of a response, 0 for anything else.
func Status(message string) int {
	rest, ok := strings.CutPrefix(message, "SIP/2.0 ")
	if !ok || len(rest) < 3 {
		return 0
	}
	code, _ := strconv.Atoi(rest[:3])
	return code
}

var serial struct {
	sync.Mutex
	n int
}

// Serial is a text no other call of this process has: for Call-IDs and branches.
func Serial() string {
	serial.Lock()
	defer serial.Unlock()
	serial.n++
	return fmt.Sprintf("lab%d-%d", time.Now().UnixNano(), serial.n)
}

// Request writes a plain request outside any dialog: method, Request-URI user
// ("" for none), Call-ID; more are whole header lines ending in CRLF.
func (p *Peer) Request(method, user, callID, more string) string {
	uri := "sip:" + user + "@127.0.0.1"
	if user == "" {
		uri = "sip:127.0.0.1"
	}
	transport := strings.ToUpper(p.conns[0].LocalAddr().Network())
	return method + " " + uri + " SIP/2.0\r\n" +
		"Via: SIP/2.0/" + transport + " " + p.Local() + ";rport;branch=z9hG4bK" + callID + "\r\n" +
		"Max-Forwards: 70\r\nFrom: <sip:+14155550123@127.0.0.1>;tag=p" + callID + "\r\nTo: <" + uri + ">\r\n" +
		"Call-ID: " + callID + "\r\nCSeq: 1 " + method + "\r\nContact: <sip:peer@" + p.Local() + ">\r\n" + more + "Content-Length: 0\r\n\r\n"
}

// Ack writes the ACK of a non-2xx final that answered a Request of this peer
// (RFC 3261 17.1.1.3), "" when there is no answer.
func (p *Peer) Ack(answer string) string {
	if answer == "" {
		return ""
	}
	to := Header(answer, "To")
	uri := strings.Trim(strings.SplitN(to, ";tag", 2)[0], "<> ")
	via, _, _ := strings.Cut(Header(answer, "Via"), ";received")
	return "ACK " + uri + " SIP/2.0\r\nVia: " + via + "\r\nMax-Forwards: 70\r\nFrom: " + Header(answer, "From") +
		"\r\nTo: " + to + "\r\nCall-ID: " + Header(answer, "Call-ID") + "\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n"
}

// Header is the first value of a header that a message names in full.
func Header(message, name string) string {
	for line := range strings.Lines(message) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Ping sends OPTIONS and returns the code of the answer, 0 for silence.
func (p *Peer) Ping() int {
	id := Serial()
	p.Send(p.Request("OPTIONS", "", id, ""))
	code, _ := p.Final(id, time.Second)
	return code
}
