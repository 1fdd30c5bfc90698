package siege

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

var mediaPort = regexp.MustCompile(`\nm=audio (\d+) `)

// floodCall talks to a line of the edge four hundred times as fast as anybody can, while
// a stranger floods the port beside, which nothing has locked yet. The threads that
// read media go before all others, and must not do so for that.
func floodCall(f *field, stop <-chan struct{}, sent *atomic.Int64) {
	signals, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(neighbor)}, f.addr())
	if err != nil {
		panic(err)
	}
	defer signals.Close()
	mouth, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(neighbor)})
	if err != nil {
		panic(err)
	}
	defer mouth.Close()
	port, hangUp := callLine(f, signals, mouth.LocalAddr().(*net.UDPAddr).Port)
	defer hangUp()
	var both sync.WaitGroup
	both.Go(func() {
		f.datagramsTo(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1}, attacker, 10_000, stop, sent, rtp)
	})
	to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	pace(f.share(20_000), stop, func(i int) bool {
		if _, err := mouth.WriteToUDPAddrPort(rtp(i), to); err == nil {
			sent.Add(1)
		}
		return true
	})
	both.Wait()
}

// callLine calls the line that echoes, and says where to send media to.
func callLine(f *field, c *net.UDPConn, ours int) (port int, hangUp func()) {
	sdp := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n", neighbor, neighbor, ours)
	id := int(time.Now().UnixNano())
	head := strings.ReplaceAll(string(request("INVITE", neighbor, id, "")), "sip:"+flooded+"@", "sip:echo@")
	c.Write([]byte(strings.Replace(head, "Content-Length: 0\r\n\r\n", fmt.Sprintf("Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", len(sdp), sdp), 1)))
	var answer string
	buf := make([]byte, 65536)
	for !strings.HasPrefix(answer, "SIP/2.0 200 ") {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, err := c.Read(buf)
		if err != nil {
			panic(fmt.Sprintf("the line did not answer: %v; last heard: %s", err, answer))
		}
		answer = string(buf[:n])
	}
	m := mediaPort.FindStringSubmatch(answer)
	if m == nil {
		panic("the line answered without media:\n" + answer)
	}
	port, _ = strconv.Atoi(m[1])
	inside := func(method string, cseq int) {
		uri := strings.Trim(strings.SplitN(lab.Header(answer, "Contact"), ";", 2)[0], "<>")
		text := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;rport;branch=z9hG4bK%s%d\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
			method, uri, neighbor, method, id, lab.Header(answer, "From"), lab.Header(answer, "To"), lab.Header(answer, "Call-ID"), cseq, method)
		if routes := lab.Header(answer, "Record-Route"); routes != "" {
			text += "Route: " + routes + "\r\n"
		}
		c.Write([]byte(text + "Content-Length: 0\r\n\r\n"))
	}
	inside("ACK", 1)
	return port, func() { inside("BYE", 2) }
}
