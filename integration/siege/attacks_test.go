package siege

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attack is one way to be a nuisance.
type attack struct {
	name   string
	counts []string // words under which the edge counts it
	run    func(f *field, stop <-chan struct{}, sent *atomic.Int64)
}

func attacks() []attack {
	return []attack{
		{"invites_of_nobody", []string{`reason="stranger"`}, func(f *field, stop <-chan struct{}, sent *atomic.Int64) {
			f.datagrams(attacker, 20_000, stop, sent, func(i int) []byte { return request("INVITE", attacker, i, "") })
		}},
		{"spoofed_sources", []string{`reason="stranger"`}, spoofed},
		{"options_scan", []string{`reason="scanner"`}, func(f *field, stop <-chan struct{}, sent *atomic.Int64) {
			f.datagrams(attacker, 20_000, stop, sent, func(i int) []byte {
				return request("OPTIONS", attacker, i, "User-Agent: friendly-scanner\r\n")
			})
		}},
		{"flood_to_one_number", []string{`trunk="neighbor",because="number_limit"`, `because="number_limit",trunk="neighbor"`}, floodNumber},
		{"parameter_bombs", []string{`reason="too_many_params"`}, func(f *field, stop <-chan struct{}, sent *atomic.Int64) {
			var bomb strings.Builder
			for i := range 300 {
				fmt.Fprintf(&bomb, ";p%d", i)
			}
			f.datagrams(neighbor, 2000, stop, sent, func(i int) []byte {
				return request("INVITE", neighbor, i, "X-Bomb: a"+bomb.String()+"\r\n")
			})
		}},
		{"rtp_of_nobody", []string{`reason="stranger"`}, func(f *field, stop <-chan struct{}, sent *atomic.Int64) {
			f.datagrams(attacker, 20_000, stop, sent, rtp)
		}},
		{"rtp_of_a_trunk", []string{`reason="not_sip"`}, func(f *field, stop <-chan struct{}, sent *atomic.Int64) {
			f.datagrams(neighbor, 20_000, stop, sent, rtp)
		}},
		{"media_of_a_call", []string{`result="stranger"`}, floodCall},
		{"slowloris_tcp", []string{`reason="stranger"`}, func(f *field, stop <-chan struct{}, sent *atomic.Int64) {
			f.connections(f.Port("5060"), 500, stop, sent, func(i int) []byte { return request("INVITE", neighbor, i, "") })
		}},
		{"slowloris_tls", []string{`reason="stranger"`}, func(f *field, stop <-chan struct{}, sent *atomic.Int64) {
			f.connections(f.tls, 500, stop, sent, func(int) []byte { return clientHello })
		}},
		{"half_open_handshakes", []string{`reason="stranger"`}, func(f *field, stop <-chan struct{}, sent *atomic.Int64) {
			f.connections(f.tls, 500, stop, sent, func(int) []byte { return nil })
		}},
		{"bodies_of_10_MB", []string{`reason="too_large"`}, bodies},
	}
}

func request(method, from string, i int, more string) []byte {
	return fmt.Appendf(nil, "%s sip:%s@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;rport;branch=z9hG4bKsiege%d\r\nMax-Forwards: 70\r\n"+
		"From: <sip:+14155550199@%s>;tag=s%d\r\nTo: <sip:%s@127.0.0.1>\r\nCall-ID: siege%d-%s\r\nCSeq: 1 %s\r\nContact: <sip:x@%s>\r\n%sContent-Length: 0\r\n\r\n",
		method, flooded, from, i, from, i, flooded, i, from, method, from, more)
}

// rtp is a packet of voice.
func rtp(i int) []byte {
	b := make([]byte, 172)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], uint16(i))
	return b
}

// pace calls do so many times a second until stop.
func pace(perSecond int, stop <-chan struct{}, do func(i int) bool) {
	began, i := time.Now(), 0
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(perSecond)); i < due; i++ {
			if !do(i) {
				return
			}
		}
	}
}

// datagrams sends what make writes from an address, and reads nothing.
func (f *field) datagrams(from string, perSecond int, stop <-chan struct{}, sent *atomic.Int64, make func(i int) []byte) {
	f.datagramsTo(f.addr(), from, perSecond, stop, sent, make)
}

func (f *field) datagramsTo(to *net.UDPAddr, from string, perSecond int, stop <-chan struct{}, sent *atomic.Int64, make func(i int) []byte) {
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(from)}, to)
	if err != nil {
		panic(err)
	}
	defer c.Close()
	pace(f.share(perSecond), stop, func(i int) bool {
		if _, err := c.Write(make(i)); err == nil {
			sent.Add(1)
		}
		return true
	})
}

// spoofed sends each datagram from another of 16 million addresses: all of
// 127.0.0.0/8 is this machine's, so the kernel lets one socket use any of them.
func spoofed(f *field, stop <-chan struct{}, sent *atomic.Int64) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Port: f.Port("5060"), Addr: [4]byte{127, 0, 0, 1}}
	text := request("INVITE", "198.51.100.7", 0, "")
	pace(f.share(70_000), stop, func(i int) bool {
		n := uint32(i)*2654435761>>8&0xffffff | 1<<16 // not 127.0.x.y, where the trunks are
		info := unix.Inet4Pktinfo{Spec_dst: [4]byte{127, byte(n >> 16), byte(n >> 8), byte(n)}}
		if unix.Sendmsg(fd, text, unix.PktInfo4(&info), to, unix.MSG_DONTWAIT) == nil {
			sent.Add(1)
		}
		return true
	})
}

// floodNumber calls one number 500 times a second from a trunk, and acknowledges
// what it hears, as a dialler out of its mind does.
func floodNumber(f *field, stop <-chan struct{}, sent *atomic.Int64) {
	c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(neighbor), Port: 0}, f.addr())
	if err != nil {
		panic(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 65536)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			acknowledge(c, string(buf[:n]))
		}
	})
	pace(max(f.share(500), 150), stop, func(i int) bool { // three times what one number may get
		c.Write(request("INVITE", neighbor, int(time.Now().UnixNano()), ""))
		sent.Add(1)
		return true
	})
	time.Sleep(200 * time.Millisecond)
	c.Close()
	wg.Wait()
}

func acknowledge(c *net.UDPConn, answer string) {
	status, _, _ := strings.Cut(strings.TrimPrefix(answer, "SIP/2.0 "), " ")
	if len(status) != 3 || status < "300" || !strings.Contains(answer, " INVITE\r\n") {
		return
	}
	ack := "ACK sip:" + flooded + "@127.0.0.1 SIP/2.0\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n"
	for line := range strings.Lines(answer) {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "Via":
			via, _, _ := strings.Cut(strings.TrimSpace(line), ";received")
			ack += via + "\r\n"
		case "From", "To", "Call-ID":
			ack += line
		case "CSeq":
			ack += "CSeq: 1 ACK\r\n"
		}
	}
	c.Write([]byte(ack + "\r\n"))
}

// connections opens so many, half of them of a trunk's address, says the beginning
// of something and then a byte a second, or nothing at all.
func (f *field) connections(port, n int, stop <-chan struct{}, sent *atomic.Int64, say func(i int) []byte) {
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range f.share(n) {
		from := neighbor
		if i%2 == 1 {
			from = fmt.Sprintf("127.0.1.%d", 1+i%200)
		}
		d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		sent.Add(1)
		if text := say(i); len(text) > 0 {
			c.Write(text[:len(text)/2])
		}
		conns = append(conns, c)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for at := 0; ; at++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for i, c := range conns {
			if text := say(i); len(text)/2+at < len(text) {
				c.Write(text[len(text)/2+at:][:1])
			}
		}
	}
}

// clientHello is the beginning of a TLS handshake that never ends.
var clientHello = append([]byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}, bytes.Repeat([]byte{0}, 200)...)

// bodies promises 10 MB and sends them as long as somebody listens.
func bodies(f *field, stop <-chan struct{}, sent *atomic.Int64) {
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	head := bytes.Replace(request("INVITE", neighbor, 1, ""), []byte("Content-Length: 0"), []byte("Content-Length: 10485760"), 1)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				d := net.Dialer{Timeout: time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(neighbor)}}
				c, err := d.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", f.Port("5060")))
				if err != nil {
					continue
				}
				c.Write(head)
				for range 160 {
					if _, err := c.Write(chunk); err != nil {
						break
					}
				}
				sent.Add(1)
				c.Close()
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	wg.Wait()
}

// certificate writes one for the TLS listener.
func certificate(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "edge.example.com"}, DNSNames: []string{"edge.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}
