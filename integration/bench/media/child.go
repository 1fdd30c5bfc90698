//go:build linux && (amd64 || arm64)

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/speakops/sipedge/sipedge/media"
	"github.com/speakops/sipedge/sipedge/media/quality"
	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// child is this program as a relay in a process of its own, so that its CPU time
// is nobody else's. It reads "a b" and writes "toA toB", a line each.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startChild(kind string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, "-child", kind)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	return c, c.cmd.Start()
}

func (c *child) join(a, b netip.AddrPort) (toA, toB netip.AddrPort, err error) {
	if _, err = fmt.Fprintf(c.in, "%s %s\n", a, b); err != nil {
		return
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		return
	}
	var x, y string
	if _, err = fmt.Sscan(line, &x, &y); err != nil {
		return toA, toB, fmt.Errorf("%q: %w", line, err)
	}
	return netip.MustParseAddrPort(x), netip.MustParseAddrPort(y), nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

func (c *child) close() {
	c.in.Close()
	_ = c.cmd.Wait()
}

// serve is the other side of child: until its input ends.
func serve(kind string) {
	join := floorJoin
	if kind, realtime := strings.CutSuffix(kind, realtimeMark); kind == "sipedge" {
		o := media.Options{V4: home, First: 20000, Last: 31999, Realtime: media.Never}
		if realtime {
			o.Realtime = media.Must
		}
		r, err := media.Open(o)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer r.Close()
		join = func(a, b netip.AddrPort) (netip.AddrPort, netip.AddrPort, error) { return edgeJoin(r, a, b) }
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var x, y string
		if _, err := fmt.Sscan(in.Text(), &x, &y); err != nil {
			fmt.Println(err)
			continue
		}
		toA, toB, err := join(netip.MustParseAddrPort(x), netip.MustParseAddrPort(y))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(toA, toB)
	}
}

// edgeJoin sets a call up as an INVITE and its 200 do.
func edgeJoin(r *media.Relay, a, b netip.AddrPort) (toA, toB netip.AddrPort, err error) {
	side := media.Side{Addr: home, Policy: sdp.Policy{Loopback: true}}
	s, err := r.Session(nil, side, side)
	if err != nil {
		return
	}
	out, err := s.Offer(quality.Caller, 1, false, describe(a), nil)
	if err != nil {
		return
	}
	toB = place(out)
	if out, err = s.Answer(quality.Callee, true, true, describe(b), nil); err != nil {
		return
	}
	return place(out), toB, nil
}

func describe(at netip.AddrPort) []byte {
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n", at.Addr(), at.Addr(), at.Port())
}

func place(body []byte) netip.AddrPort {
	var d sdp.Description
	if d.Read(body) != nil || len(d.Media) == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(d.Media[0].Addr, d.Media[0].Port)
}

// floorJoin is the least a Go program does: two sockets per call, a goroutine
// each, no look at what passes.
func floorJoin(a, b netip.AddrPort) (toA, toB netip.AddrPort, err error) {
	first, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(home, 0)))
	if err != nil {
		return
	}
	second, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(home, 0)))
	if err != nil {
		return
	}
	pass := func(from, out *net.UDPConn, to netip.AddrPort) {
		buf := make([]byte, 2048)
		for {
			n, _, err := from.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = out.WriteToUDPAddrPort(buf[:n], to)
		}
	}
	go pass(first, second, b)
	go pass(second, first, a)
	return first.LocalAddr().(*net.UDPAddr).AddrPort(), second.LocalAddr().(*net.UDPAddr).AddrPort(), nil
}
