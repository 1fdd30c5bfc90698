package storm

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

func digest(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// wire is the network between one life of an edge and the stores.
type wire struct {
	s     *Storm
	edge  *edge
	mu    sync.Mutex
	conns map[net.Conn]bool
	cut   bool              // this life is over
	late  map[string]string // a question about the chain, and what was answered to it before
}

func newWire(e *edge) *wire {
	return &wire{s: e.s, edge: e, conns: map[net.Conn]bool{}, late: map[string]string{}}
}

var errCut = errors.New("the network is cut")

// dial is what the client of Redis dials with.
func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	// It takes no time, nor does its greeting: which of two goroutines finds an idle
	// connection, and which has to dial, must make no difference.
	if w.edge.target() == nil {
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
		return nil, errCut
	}
	client, server := net.Pipe()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return nil, errCut
	}
	w.conns[server] = true
	w.s.wires.Go(func() { w.serve(server) })
	return client, nil
}

// kill cuts every connection for good.
func (w *wire) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.conns {
		_ = c.Close()
	}
}

// serve carries the commands of one connection, one after the other.
func (w *wire) serve(conn net.Conn) {
	defer func() {
		w.mu.Lock()
		delete(w.conns, conn)
		w.mu.Unlock()
		_ = conn.Close()
	}()
	r := bufio.NewReader(conn)
	for {
		args, err := command(r)
		if err != nil {
			return
		}
		by, lost := w.edge.fate(w.s.shop.kind(args))
		if lost && by > 0 {
			w.again(args, by)
		}
		if lost { // and its connection with it
			return
		}
		reply, answered := w.carry(args)
		if !answered { // the client waits in vain, and gives up
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// carry takes a command there and brings its reply back, or loses one of them.
func (w *wire) carry(args []string) (reply []byte, answered bool) {
	s := w.s
	kind := s.shop.kind(args)
	if kind == args[0] { // a greeting
		if to := w.edge.target(); to != nil {
			return s.shop.do(to, args), true
		}
		return nil, false
	}
	d := s.draw(w.edge, kind)
	s.trigger(w.edge, kind, d)
	time.Sleep(s.weather().trip(w.edge, d))
	to := w.edge.target()
	if to == nil {
		return nil, false
	}
	s.passed(w.edge, kind, to)
	if d.chance(s.weather().Late) {
		w.again(args, d.span(300*time.Millisecond, 15*time.Second)) // it comes when nobody waits for it any more
		return nil, false
	}
	reply = s.shop.do(to, args)
	if kind == "time" {
		defer func() {
			if answered {
				s.shop.asked(w.edge, to)
			}
		}()
	}
	if d.chance(s.weather().Doubled) {
		w.again(args, d.span(0, 15*time.Second))
	}
	if kind == "status" {
		reply = w.edge.told(w.outdated(args, reply, d))
	}
	time.Sleep(s.weather().trip(w.edge, d))
	if w.edge.target() == nil || d.chance(s.weather().Lost) {
		return nil, false
	}
	return reply, true
}

// again delivers a command once more, wherever it may go by then.
func (w *wire) again(args []string, after time.Duration) {
	w.s.wires.Go(func() {
		if !w.s.pause(after) {
			return
		}
		if to := w.edge.target(); to != nil {
			w.s.shop.do(to, args)
		}
	})
}

// outdated is, now and then, what the store answered to the same question before.
func (w *wire) outdated(args []string, reply []byte, d *dice) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := fmt.Sprintf("%q", args)
	was, had := w.late[asked]
	old, anew := d.chance(w.s.weather().Stale), d.chance(0.1)
	if had && old {
		return []byte(was)
	}
	if !had || anew {
		const most = 64 // questions
		if len(w.late) >= most {
			clear(w.late)
		}
		w.late[asked] = string(reply)
	}
	return reply
}

// command reads an array of bulk strings.
func command(r *bufio.Reader) ([]string, error) {
	n, err := count(r, '*')
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := count(r, '$')
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

func count(r *bufio.Reader, sign byte) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 4 || line[0] != sign {
		return 0, fmt.Errorf("no command: %q", line)
	}
	return strconv.Atoi(line[1 : len(line)-2])
}
