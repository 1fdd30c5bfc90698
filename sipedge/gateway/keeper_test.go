package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/gateway/locate"
)

func TestNamesAreFetchedBeforeCallsNeedThem(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world, k *Keeper) {
		w.names["x.example"] = "tls 192.0.2.1:5061 0 0"
		w.slow = 300 * time.Millisecond
		s := load(t, k, gws(Probe{}, "sips:x.example"))
		if got := targets(s, 0); got != "not ready" {
			t.Fatal(got)
		}
		if !s.Alive(0) {
			t.Error("a gateway nothing is known of is not tried")
		}
		began := time.Now()
		if err := s.Resolve(t.Context(), 0); err != nil || time.Since(began) != w.slow {
			t.Errorf("resolve: %v after %v", err, time.Since(began))
		}
		list, ready := s.Targets(0, nil)
		if !ready || list[0].TLS == nil || list[0].TLS.Config.ServerName != "x.example" {
			t.Errorf("targets: %v %+v", ready, list)
		}
		if w.lookups["x.example"] != 1 {
			t.Errorf("looked up %d times", w.lookups["x.example"])
		}
	})
}

func TestChangedNamesAreNoticed(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world, k *Keeper) {
		w.names["x.example"] = "udp 192.0.2.1:5060 0 0, udp 192.0.2.2:5060 1 0"
		s := load(t, k, gws(Probe{}, "sip:x.example"))
		synctest.Wait()
		report(s, "192.0.2.1:5060", health.Silent, health.Silent)
		w.do(func() { w.names["x.example"] = "udp 192.0.2.3:5060 0 0, udp 192.0.2.1:5060 1 0" })
		time.Sleep(w.ttl)
		synctest.Wait()
		if got := targets(s, 0); got != "udp 192.0.2.3:5060, udp 192.0.2.1:5060" && got != "udp 192.0.2.3:5060" {
			t.Errorf("targets: %s", got)
		}
		gone, here := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
		if !s.Owns(gone) || !s.Former(gone) || !s.Owns(here) || s.Former(here) {
			t.Errorf("gone: owns %v former %v; here: owns %v former %v", s.Owns(gone), s.Former(gone), s.Owns(here), s.Former(here))
		}
		w.do(func() { w.names["x.example"] = "error SERVFAIL" })
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := targets(s, 0); got != "udp 192.0.2.3:5060, udp 192.0.2.1:5060" {
			t.Errorf("last good: %s", got)
		}
		if row := s.States()[0]; row.Detail != "SERVFAIL" || !row.Up {
			t.Errorf("state: %+v", row)
		}
		time.Sleep(51 * time.Minute)
		if s.Owns(gone) {
			t.Error("a former address is owned for ever")
		}
		w.do(func() { delete(w.names, "x.example") })
		time.Sleep(lookupAgain)
		synctest.Wait()
		if got := targets(s, 0); got != "" || s.Alive(0) {
			t.Errorf("taken away by its name server, alive %v: %q", s.Alive(0), got)
		}
		if err := s.Resolve(t.Context(), 0); !errors.Is(err, locate.ErrNotFound) {
			t.Errorf("resolve: %v", err)
		}
		if row := s.States()[0]; row.Up || row.Reason != health.NoAddress || !strings.Contains(row.Detail, "no address") {
			t.Errorf("state: %+v", row)
		}
	})
}

func TestCallsNeverWaitLong(t *testing.T) {
	bubble(t, nil, func(t *testing.T, w *world, k *Keeper) {
		w.names["x.example"] = "udp 192.0.2.1:5060 0 0"
		w.slow = 3 * time.Second
		s := load(t, k, gws(Probe{}, "sip:x.example", "sip:broken.example"))
		began := time.Now()
		if err := s.Resolve(t.Context(), 0); err == nil || time.Since(began) != locate.CallWait {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := targets(s, 0); got != "udp 192.0.2.1:5060" {
			t.Errorf("the lookup did not go on: %s", got)
		}
		began = time.Now()
		if err := s.Resolve(t.Context(), 1); err == nil || time.Since(began) > 0 {
			t.Errorf("a name that has just failed: %v after %v", err, time.Since(began))
		}
		if list, ready := s.Targets(1, nil); !ready || len(list) != 0 {
			t.Errorf("targets: %v %v", list, ready)
		}
	})
}

func TestReloadKeepsWhatStays(t *testing.T) {
	probe := Probe{Every: 10 * time.Second}
	old := gws(probe, "sip:192.0.2.1", "sip:192.0.2.2", "sip:x.example")
	bubble(t, nil, func(t *testing.T, w *world, k *Keeper) {
		w.names["x.example"] = "udp 192.0.2.3:5060 0 0"
		w.codes["192.0.2.1:5060"] = 0
		before := load(t, k, old)
		time.Sleep(45 * time.Second)
		synctest.Wait()
		if before.Alive(0) || !before.Alive(1) {
			t.Fatal("the silent one should be dark")
		}
		lookups := w.lookups["x.example"]
		// g1 goes, the others change places, one is new.
		list := []Gateway{old[2], old[0], {ID: "g9", RouteID: "r", URI: "sip:192.0.2.9", Probe: probe}}
		for i := range list {
			list[i].Index = i
		}
		w.told()
		s := load(t, k, list)
		synctest.Wait()
		if s.Alive(1) || !s.Alive(0) || !s.Alive(2) {
			t.Errorf("alive: %v %v %v", s.Alive(0), s.Alive(1), s.Alive(2))
		}
		if got := targets(s, 0); got != "udp 192.0.2.3:5060" || w.lookups["x.example"] != lookups {
			t.Errorf("%s after %d lookups", got, w.lookups["x.example"])
		}
		gone := netip.MustParseAddr("192.0.2.2")
		if !s.Owns(gone) || !s.Former(gone) || !s.RouteOwns("r", gone) || s.RouteOwns("q", gone) {
			t.Error("the address of a removed gateway is not former")
		}
		if kept := netip.MustParseAddr("192.0.2.1"); !s.Owns(kept) || s.Former(kept) {
			t.Error("the address of a gateway that stays is former")
		}
		// Calls that began with the old set end with it.
		if got := targets(before, 1); got != "udp 192.0.2.2:5060" {
			t.Errorf("old set: %s", got)
		}
		w.do(func() { w.probes = nil; delete(w.codes, "192.0.2.1:5060") })
		time.Sleep(30 * time.Second)
		synctest.Wait()
		w.do(func() {
			for _, p := range w.probes {
				if strings.HasSuffix(p, "192.0.2.2:5060") {
					t.Errorf("a removed gateway is still probed: %s", p)
				}
			}
		})
		if !s.Alive(1) || !before.Alive(0) {
			t.Error("health is not shared by both sets")
		}
		if got := w.told(); got != "r/g9 whole unknown>up probe_answered\nr/g0 whole dark>up probe_answered" {
			t.Errorf("told %s", got)
		}
	})
}

func TestProbing(t *testing.T) {
	var uris []string
	for i := range 20 {
		uris = append(uris, fmt.Sprintf("sip:192.0.2.%d", i+1))
	}
	bubble(t, gws(Probe{Every: 10 * time.Second, Fall: 3, Rise: 2}, uris...), func(t *testing.T, w *world, k *Keeper) {
		s := k.Set()
		w.do(func() { w.codes["192.0.2.1:5060"], w.codes["192.0.2.2:5060"] = 0, 503 })
		time.Sleep(100*time.Second - time.Millisecond)
		synctest.Wait()
		perAddr, instants := map[string]int{}, map[string]int{}
		w.do(func() {
			for _, p := range w.probes {
				at, addr, _ := strings.Cut(p, " ")
				perAddr[addr]++
				instants[at]++
			}
		})
		for _, g := range s.States() {
			if n := perAddr[g.Address.String()]; n < 9 || n > 12 {
				t.Errorf("%s was probed %d times in 100 s", g.Address, n)
			}
		}
		for at, n := range instants {
			if n > 8 {
				t.Errorf("%d of 20 probes at %s s", n, at)
			}
		}
		want := []struct {
			up     bool
			code   int
			reason health.Reason
		}{{false, 0, health.ProbeSilent}, {false, 503, health.ProbeRefused}, {true, 200, health.ProbeAnswered}}
		for i, x := range want {
			g := s.States()[i]
			if g.Up != x.up || g.LastCode != x.code || g.Reason != x.reason || time.Since(g.LastProbe) > 15*time.Second || g.Since.IsZero() {
				t.Errorf("gateway %d: %+v", i, g)
			}
			if s.Alive(i) != x.up {
				t.Errorf("gateway %d: alive is %v", i, !x.up)
			}
		}
		told := w.told()
		if n := strings.Count(told, "\n") + 1; n != 20 || !strings.Contains(told, "r/g0 whole unknown>dark probe_silent") {
			t.Errorf("%d changes told:\n%s", n, told)
		}
	})
}

func TestProbesUnderWayAreBounded(t *testing.T) {
	var uris []string
	for i := range 200 {
		uris = append(uris, fmt.Sprintf("sip:192.0.2.%d", i+1))
	}
	bubble(t, nil, func(t *testing.T, w *world, k *Keeper) {
		for i := range 200 {
			w.codes[fmt.Sprintf("192.0.2.%d:5060", i+1)] = 0
		}
		load(t, k, gws(Probe{Every: 10 * time.Second}, uris...))
		time.Sleep(time.Minute)
		synctest.Wait()
		if w.most != maxProbes {
			t.Errorf("%d probes under way at once, want %d", w.most, maxProbes)
		}
		dark := 0
		for _, g := range k.Set().States() {
			if !g.Up {
				dark++
			}
		}
		if dark != 200 {
			t.Errorf("%d of 200 silent gateways are dark", dark)
		}
	})
}

func TestProbingIsSwitchedOffAndOn(t *testing.T) {
	on, off := gws(Probe{Every: time.Second}, "sip:192.0.2.1"), gws(Probe{}, "sip:192.0.2.1")
	bubble(t, nil, func(t *testing.T, w *world, k *Keeper) {
		w.codes["192.0.2.1:5060"] = 503
		load(t, k, on)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if k.Set().Alive(0) {
			t.Fatal("should be dark")
		}
		load(t, k, off)
		w.do(func() { w.probes = nil })
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(w.probes) != 0 || !k.Set().Alive(0) {
			t.Errorf("%d probes, alive %v", len(w.probes), k.Set().Alive(0))
		}
		load(t, k, on)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(w.probes) < 8 || k.Set().Alive(0) {
			t.Errorf("%d probes, alive %v", len(w.probes), k.Set().Alive(0))
		}
	})
}

func TestCloseProvesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.codes["192.0.2.1:5060"] = 0
		w.slow = time.Hour
		k := w.keeper()
		s := load(t, k, gws(Probe{Every: 10 * time.Second, Fall: 1}, "sip:192.0.2.1", "sip:x.example"))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { k.Run(ctx); close(ended) }()
		time.Sleep(2 * time.Second)
		began := time.Now()
		stop()
		<-ended
		if time.Since(began) > 0 || !s.Alive(0) || !s.Alive(1) {
			t.Errorf("after %v: alive %v %v", time.Since(began), s.Alive(0), s.Alive(1))
		}
		if err := s.Resolve(t.Context(), 1); err == nil {
			t.Error("a closed keeper resolved a name")
		}
	})
}

// TestManyHands lets calls, lookups, probes and reloads go on at once; the race
// detector is the judge.
func TestManyHands(t *testing.T) {
	w := newWorld()
	w.names["x.example"] = "udp 192.0.2.1:5060 0 0, udp 192.0.2.2:5060 1 0"
	w.ttl = time.Millisecond
	k := w.keeper()
	list := gws(Probe{Every: 100 * time.Millisecond}, "sip:x.example", "sip:192.0.2.7")
	load(t, k, list)
	ctx, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() { k.Run(ctx) })
	for hand := range 4 {
		wg.Go(func() {
			var dst [8]Target
			for n := 0; ctx.Err() == nil; n++ {
				s := k.Set()
				s.Resolve(ctx, 0)
				if got, ready := s.Targets(0, dst[:0]); ready && len(got) == 0 {
					t.Error("no targets")
				}
				report(s, fmt.Sprintf("192.0.2.%d:5060", hand%2+1), health.Result(n%5))
				s.States()
				s.Owns(netip.MustParseAddr("192.0.2.1"))
				if hand == 0 && n%50 == 0 {
					load(t, k, list)
				}
			}
		})
	}
	wg.Wait()
}

func TestFormerAddressesAreBounded(t *testing.T) {
	now := time.Now()
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }
	b := &book{until: map[place]time.Time{}}
	for i := range 3 * maxFormer {
		b.until[place{"r", addr(i)}] = now.Add(time.Duration(i+1) * time.Millisecond)
	}
	b = b.next(&Set{}, now)
	if len(b.until) != maxFormer {
		t.Errorf("%d addresses remembered", len(b.until))
	}
	if _, stays := b.until[place{"r", addr(3*maxFormer - 1)}]; !stays {
		t.Error("the one removed last was forgotten first")
	}
	if want := now.Add((2*maxFormer + 1) * time.Millisecond); !b.ends.Equal(want) {
		t.Errorf("next end in %v want %v", b.ends.Sub(now), want.Sub(now))
	}
	if b = b.next(&Set{}, now.Add(time.Hour)); len(b.until) != 0 || !b.ends.IsZero() {
		t.Errorf("%d addresses outlived their time", len(b.until))
	}
}

func TestIntervalOfProbes(t *testing.T) {
	bubble(t, gws(Probe{Every: time.Hour}, "sip:192.0.2.1"), func(t *testing.T, w *world, k *Keeper) {
		time.Sleep(firstProbes)
		load(t, k, gws(Probe{Every: 10 * time.Second}, "sip:192.0.2.1"))
		w.do(func() { w.probes = nil })
		time.Sleep(300 * time.Second)
		synctest.Wait()
		gaps, last := map[string]bool{}, 0.0
		for i, p := range w.probes {
			var at float64
			fmt.Sscan(p, &at)
			if gap := at - last; i > 0 {
				if gaps[fmt.Sprintf("%.1f", gap)] = true; gap < 8.9 || gap > 11.1 {
					t.Errorf("%.1f s between probes", gap)
				}
			}
			last = at
		}
		if len(w.probes) < 27 || len(gaps) < 5 {
			t.Errorf("%d probes at intervals of %v", len(w.probes), gaps)
		}
	})
}
