//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// engine is rtpengine in user space, spoken to by its ng protocol.
type engine struct {
	cmd  *exec.Cmd
	conn net.Conn
	n    int
}

func startEngine(realtime bool) (*engine, error) {
	probe, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ng := probe.LocalAddr().String()
	probe.Close()
	args := []string{"--foreground", "--table=-1", "--interface=127.0.0.1", "--listen-ng=" + ng,
		"--port-min=20000", "--port-max=31999", "--log-level=1", "--log-stderr", "--config-file=none"}
	if realtime {
		args = append(args, "--scheduling=rr", "--priority=1")
	}
	e := &engine{cmd: exec.Command("rtpengine", args...)}
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	if e.conn, err = net.Dial("udp4", ng); err != nil {
		return nil, err
	}
	for range 100 {
		if _, err = e.ask(map[string]string{"command": "ping"}); err == nil {
			return e, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	e.close()
	return nil, fmt.Errorf("rtpengine does not answer: %w", err)
}

func (e *engine) join(a, b netip.AddrPort) (toA, toB netip.AddrPort, err error) {
	id := "call-" + strconv.Itoa(e.n)
	offer, err := e.ask(map[string]string{"command": "offer", "call-id": id, "from-tag": "a", "sdp": string(describe(a))})
	if err != nil {
		return
	}
	answer, err := e.ask(map[string]string{"command": "answer", "call-id": id, "from-tag": "a", "to-tag": "b", "sdp": string(describe(b))})
	if err != nil {
		return
	}
	toA, toB = place([]byte(answer)), place([]byte(offer))
	if !toA.IsValid() || !toB.IsValid() {
		err = fmt.Errorf("no address in %q or %q", offer, answer)
	}
	return
}

// ask sends one command and returns the SDP of its answer.
func (e *engine) ask(fields map[string]string) (sdp string, err error) {
	e.n++
	var b strings.Builder
	fmt.Fprintf(&b, "c%d d", e.n)
	for _, k := range []string{"call-id", "command", "from-tag", "sdp", "to-tag"} { // bencode wants them sorted
		if v, ok := fields[k]; ok {
			fmt.Fprintf(&b, "%d:%s%d:%s", len(k), k, len(v), v)
		}
	}
	b.WriteString("e")
	if _, err := e.conn.Write([]byte(b.String())); err != nil {
		return "", err
	}
	buf := make([]byte, 65536)
	_ = e.conn.SetReadDeadline(time.Now().Add(time.Second))
	n, err := e.conn.Read(buf)
	if err != nil {
		return "", err
	}
	text := string(buf[:n])
	if strings.Contains(text, "6:result5:error") {
		return "", errors.New(text)
	}
	_, rest, found := strings.Cut(text, "3:sdp")
	if !found {
		return "", nil
	}
	size, rest, _ := strings.Cut(rest, ":")
	if at, err := strconv.Atoi(size); err == nil && at <= len(rest) {
		return rest[:at], nil
	}
	return "", fmt.Errorf("cannot read %q", text)
}

func (e *engine) pid() int { return e.cmd.Process.Pid }

func (e *engine) close() {
	if e.conn != nil {
		e.conn.Close()
	}
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}
