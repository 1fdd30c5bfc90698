package ladder

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing/e164"
)

var (
	epoch  = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	caller = netip.MustParseAddrPort("192.0.2.100:5060")
	s1     = netip.MustParseAddrPort("[2001:db8::1]:5080")
)

func name(n int) (c id) { binary.BigEndian.PutUint32(c[:], uint32(n)); return c }

func wire(n, size int) []byte {
	head := fmt.Sprintf("INVITE sip:+1202555%04d@edge SIP/2.0\r\nCSeq: %d INVITE\r\n\r\n", n%10000, n)
	return []byte(head + strings.Repeat("v", max(0, size-len(head))))
}

// play puts one call of n messages into a tape.
func play(t *Tape, call id, at time.Duration, trunk string, messages, size int) {
	t.Begin(call, Start{At: at, Trunk: trunk, To: 12025550143, From: 14155550123})
	for i := range messages {
		t.Message(call, &Message{At: at + time.Duration(i)*time.Millisecond, Out: i%2 == 1, Peer: caller, Actor: 1, Raw: wire(i, size)})
	}
}

func answered(t *Tape, call id, at time.Duration) {
	t.Final(call, &Final{At: at, Outcome: "answered", Code: 200, Gateway: "s1", Answered: true})
}

func failed(t *Tape, call id, at time.Duration) {
	t.Final(call, &Final{At: at, Outcome: "gateways_failed", Code: 503, Reason: []byte("no gateway took it")})
}

func whole(t *testing.T, s *Store, call id, messages int) {
	t.Helper()
	l, ok := s.Find(call.String())
	if !ok || len(l.Steps) != messages || l.Lost != 0 {
		t.Errorf("%s: found %v, %d of %d messages, %d lost", call, ok, len(l.Steps), messages, l.Lost)
		return
	}
	for i, st := range l.Steps {
		if want := string(wire(i, len(st.Text))); st.Text != want || st.AfterUS != int64(i)*1000 {
			t.Errorf("%s: message %d is %q after %d us", call, i, st.Text[:40], st.AfterUS)
		}
	}
}

// When the ring comes round, failed, test and open calls stay whole, and the last
// ones of each trunk; the rest goes.
func TestWhatStays(t *testing.T) {
	s := New(Options{RingBytes: 1 << 18, KeepBytes: 1 << 20, PerTrunk: 5, Epoch: epoch})
	tape := s.Tape(0)
	at := time.Duration(0)
	next := func() time.Duration { at += time.Millisecond; return at }
	play(tape, name(1), next(), "north", 6, 700)
	failed(tape, name(1), next())
	play(tape, name(2), next(), "north", 6, 700) // stays open
	tape.Begin(name(3), Start{At: next(), Trunk: "qa", Test: true})
	for i := range 6 {
		tape.Message(name(3), &Message{At: at + time.Duration(i)*time.Millisecond, Peer: s1, Raw: wire(i, 700)})
	}
	answered(tape, name(3), next())
	play(tape, name(4), next(), "quiet", 6, 700)
	answered(tape, name(4), next())
	for i := 100; i < 2000; i++ {
		play(tape, name(i), next(), "north", 6, 700)
		answered(tape, name(i), next())
	}
	for _, call := range []id{name(1), name(2), name(3), name(4), name(1999), name(1995)} {
		whole(t, s, call, 6)
	}
	if _, ok := s.Find(name(100).String()); ok {
		t.Error("a call that went well long ago is still there")
	}
	calls, _ := s.List(Filter{Failed: true})
	if len(calls) != 1 || calls[0].Reason != "no gateway took it" || calls[0].Code != 503 {
		t.Errorf("failed calls: %+v", calls)
	}
	if calls, _ := s.List(Filter{Trunk: "quiet", Number: "0143", Code: "2xx", State: Answered}); len(calls) != 1 || calls[0].Gateway != "s1" {
		t.Errorf("calls of the quiet trunk: %+v", calls)
	}
}

// The memory is bounded whatever comes, and what had to go is counted and marked.
func TestBounds(t *testing.T) {
	s := New(Options{RingBytes: 1 << 18, KeepBytes: 1 << 17, PerTrunk: 3, Epoch: epoch})
	tape := s.Tape(0)
	for i := range 3000 {
		play(tape, name(i+1), time.Duration(i)*time.Millisecond, "north", 5, 900)
		failed(tape, name(i+1), time.Duration(i)*time.Millisecond)
	}
	st := s.Stats()
	if st.Bytes > 1<<17 || st.Cut == 0 || st.Calls > 2*(1<<18+1<<17)/900/5 {
		t.Errorf("%+v", st)
	}
	whole(t, s, name(3000), 5)
	// An open call that loses its beginning says so.
	play(tape, name(9000), 0, "north", 5, 900)
	for i := range 3000 {
		play(tape, name(10000+i), time.Duration(i)*time.Millisecond, "north", 5, 900)
		failed(tape, name(10000+i), time.Duration(i)*time.Millisecond)
	}
	if l, ok := s.Find(name(9000).String()); ok {
		t.Errorf("an open call was kept before failed ones: %d messages, %d lost", len(l.Steps), l.Lost)
	}
}

// Any order of calls, sizes and endings: what is found is a suffix of what was
// put in, in order, and the rest is counted.
func TestAnyTraffic(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := New(Options{RingBytes: 1 << 17, KeepBytes: 1 << 15, PerTrunk: 4, Epoch: epoch})
		tape := s.Tape(0)
		sent := map[id][]string{}
		var live []id
		for step := range 4000 {
			at := time.Duration(step) * time.Millisecond
			switch n := r.IntN(10); {
			case n < 2 || len(live) == 0:
				call := name(step + 1)
				tape.Begin(call, Start{At: at, Trunk: fmt.Sprint(r.IntN(3)), Test: r.IntN(20) == 0})
				live = append(live, call)
			case n < 9:
				call := live[r.IntN(len(live))]
				raw := wire(step, r.IntN(20000))
				tape.Message(call, &Message{At: at, Peer: caller, Raw: raw})
				if sent[call] = append(sent[call], string(raw[:min(len(raw), maxText)])); len(raw) <= maxText && r.IntN(4) == 0 {
					tape.Note(call, at, []byte("a note"))
					sent[call] = append(sent[call], "a note")
				}
			default:
				i := r.IntN(len(live))
				if r.IntN(2) == 0 {
					answered(tape, live[i], at)
				} else {
					failed(tape, live[i], at)
				}
				if r.IntN(3) > 0 {
					live = slices.Delete(live, i, i+1)
				}
			}
		}
		found := 0
		for call, all := range sent {
			l, ok := s.Find(call.String())
			if !ok {
				continue
			}
			found++
			if l.Lost+len(l.Steps) != len(all) {
				t.Fatalf("seed %d: %s: %d steps and %d lost of %d", seed, call, len(l.Steps), l.Lost, len(all))
			}
			for i, st := range l.Steps {
				if got := st.Text + st.Note; got != all[l.Lost+i] {
					t.Fatalf("seed %d: %s: step %d is %.60q, want %.60q", seed, call, i, got, all[l.Lost+i])
				}
			}
		}
		if found == 0 || s.Stats().Bytes > 1<<15+headLen+maxText {
			t.Fatalf("seed %d: %d found, %+v", seed, found, s.Stats())
		}
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	s := New(Options{Refusals: 3, Epoch: epoch})
	f := s.Follow(Filter{Failed: true})
	for i := range 10 {
		if !s.Tape(0).Refusable(time.Second) {
			continue
		}
		s.Tape(0).Refuse(name(i+1), &Refusal{
			Start: Start{At: time.Second, Trunk: "north"}, Because: "over_cps", Code: 503, Reason: "the trunk's limit of calls per second",
			Request: Message{At: time.Second, Peer: caller, Raw: wire(i, 500)}, Response: []byte("SIP/2.0 503 Service Unavailable\r\n\r\n"),
		})
	}
	calls, _ := s.List(Filter{State: Refused})
	if len(calls) != 3 || s.Stats().Refusals != 7 || calls[0].Because != "over_cps" {
		t.Errorf("%d kept, %+v", len(calls), s.Stats())
	}
	l, _ := s.Find(calls[0].Call)
	if len(l.Steps) != 3 || !l.Steps[2].Out || l.Steps[1].Note == "" {
		t.Errorf("%+v", l.Steps)
	}
	if len(f.C) != 3 {
		t.Errorf("%d calls told to the follower", len(f.C))
	}
	s.Unfollow(f)
}

func TestFollowersWhoDoNotListenLose(t *testing.T) {
	s := New(Options{Epoch: epoch})
	f := s.Follow(Filter{Number: "+12025550143"})
	for i := range 400 {
		play(s.Tape(0), name(i+1), time.Second, "north", 2, 100)
		answered(s.Tape(0), name(i+1), time.Second)
	}
	if len(f.C) != 256 || f.Lost() != 144 || f.Lost() != 0 {
		t.Errorf("%d waiting", len(f.C))
	}
	for range maxFollowers - 1 {
		s.Follow(Filter{})
	}
	if s.Follow(Filter{}) != nil {
		t.Error("followers have no bound")
	}
}

func TestTheCallPathAllocatesNothing(t *testing.T) {
	s := New(Options{RingBytes: 1 << 20, PerTrunk: 5})
	tape, raw, n := s.Tape(0), wire(1, 800), 0
	one := func() {
		n++
		call := name(n)
		tape.Begin(call, Start{Trunk: "north", To: e164.Number(12025550143)})
		for range 13 {
			m := Message{Peer: caller, Raw: raw}
			tape.Message(call, &m)
		}
		tape.Decided(call, &Decided{Kind: "route"}, []byte("route"))
		answered(tape, call, 0)
		tape.Over(call, 0, "caller")
	}
	for range 5000 {
		one()
	}
	if got := testing.AllocsPerRun(1000, one); got > 1 {
		t.Errorf("%v allocations per call", got)
	}
}

func BenchmarkCall(b *testing.B) {
	s := New(Options{})
	tape, raw, n := s.Tape(0), wire(1, 800), 0
	for b.Loop() {
		n++
		call := name(n)
		tape.Begin(call, Start{Trunk: "north"})
		for range 13 {
			tape.Message(call, &Message{Peer: caller, Raw: raw})
		}
		answered(tape, call, 0)
	}
}
