package ladder

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Whatever is written and whenever somebody takes it along: every message is given
// out once, in order and as it was, or counted as lost; notes are not, and calls
// without a ladder are.
func TestTailTakesEveryMessageOrCountsIt(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := New(Options{RingBytes: 1, KeepBytes: 1 << 15, PerTrunk: 4, Epoch: epoch}) // the smallest ring there is
		s.SetListeners([]Listener{{Name: "one", Local: s1}})
		tape, tail := s.Tape(0), s.Tail()
		written, next, lost := []string{}, 0, 0
		take := func() {
			_, gone := tail.Take(0, r.IntN(100_000), func(m *Taken) {
				// What was lost was lost before all that is given out.
				for next < len(written) && written[next] != string(m.Raw) {
					next++
				}
				if next == len(written) {
					t.Fatalf("seed %d: %.60q was not written, or was taken before", seed, m.Raw)
				}
				next++
				lost--
				if m.Local != s1 || m.Peer != caller || m.Nanos != epoch.Add(m.At).UnixNano() || m.Call == (id{}) {
					t.Fatalf("seed %d: %+v", seed, *m)
				}
			})
			lost -= gone
		}
		for step := range 3000 {
			at, call := time.Duration(step)*time.Millisecond, name(step/10+1)
			if step%10 == 0 && r.IntN(3) > 0 {
				tape.Begin(call, Start{At: at, Trunk: fmt.Sprint(r.IntN(3))})
			}
			raw := wire(step, r.IntN(3000))
			tape.Message(call, &Message{At: at, Peer: caller, Raw: raw})
			written = append(written, string(raw))
			lost++
			tape.Note(call, at, []byte("a note"))
			if r.IntN(50) == 0 {
				take()
			}
			if step%10 == 9 {
				answered(tape, call, at)
			}
		}
		for tail.tapes[0].waiting > 0 {
			take()
		}
		if take(); lost != 0 || next != len(written) {
			t.Errorf("seed %d: %d messages neither given out nor counted; the last one given out is the %dth of %d", seed, lost, next, len(written))
		}
	}
}

// While messages are given out others are written, and the ring comes round: none
// is given out torn or out of order, and each is given out or counted as lost.
func TestTailReadsBesideCalls(t *testing.T) {
	s := New(Options{RingBytes: 1, KeepBytes: 1 << 15, Epoch: epoch})
	tape, tail := s.Tape(0), s.Tail()
	const n = 30_000
	written := make(chan struct{})
	go func() {
		defer close(written)
		for i := range n {
			tape.Message(name(i/10), &Message{Peer: caller, Raw: bytes.Repeat([]byte{byte(i)}, 100+i%5000), At: time.Duration(i)})
		}
	}()
	last, taken, missed := -1, 0, 0
	for done := false; !done; {
		select {
		case <-written:
			done = true
		default:
		}
		for more := true; more; {
			got, lost := tail.Take(0, 1<<15, func(m *Taken) {
				i := int(m.At)
				if i <= last || len(m.Raw) != 100+i%5000 || bytes.Count(m.Raw, []byte{byte(i)}) != len(m.Raw) {
					t.Errorf("message %d after %d: %d bytes, or torn", i, last, len(m.Raw))
				}
				last = i
			})
			taken, missed, more = taken+got, missed+lost, got > 0
		}
	}
	if taken+missed != n {
		t.Errorf("%d taken and %d lost of %d", taken, missed, n)
	}
	t.Logf("%d taken, %d lost", taken, missed)
}

// One who is woken once is told again only when everything had been taken, and is
// hurried before the ring comes round.
func TestTailWakes(t *testing.T) {
	s := New(Options{RingBytes: 1 << 20, Epoch: epoch})
	tape, tail := s.Tape(0), s.Tail()
	told := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	write := func() { tape.Message(name(1), &Message{Peer: caller, Raw: wire(1, 1000)}) }
	write()
	if !told(tail.Wake) || told(tail.Hurry) {
		t.Error("not woken by the first message, or hurried")
	}
	write()
	if told(tail.Wake) {
		t.Error("woken by the second message")
	}
	if n := tail.Skip(); n != 2 {
		t.Errorf("%d messages skipped", n)
	}
	for range 600 {
		write()
	}
	if !told(tail.Wake) || !told(tail.Hurry) {
		t.Error("not woken again, or not hurried with half of the ring waiting")
	}
}
