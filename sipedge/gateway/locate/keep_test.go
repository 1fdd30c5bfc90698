package locate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const gw = "sip:gw.example:5060;transport=udp"

// bubble runs f in its own time with a resolver that asks z in memory.
func bubble(t *testing.T, z *zone, f func(t *testing.T, r *Resolver)) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Servers: []string{"ns"}, Dial: z.dial, Hosts: nobody, System: nobody, MaxNames: 64})
		defer r.Close()
		f(t, r)
	})
}

func lookup(t *testing.T, r *Resolver, uri string) string {
	return told(r.Lookup(t.Context(), query(t, uri)))
}

const (
	one = "udp [192.0.2.1:5060] 0/0"
	two = "udp [192.0.2.2:5060] 0/0"
)

func TestAnswersAreKeptForTheirTime(t *testing.T) {
	for _, c := range []struct {
		ttl  string
		kept time.Duration // nothing is asked anew before
		by   time.Duration // and something after
	}{
		{"100", 80 * time.Second, 90 * time.Second},
		{"0", 4 * time.Second, 5 * time.Second},
		{"1000000", 48 * time.Minute, 54 * time.Minute},
		{"4294967295", 4 * time.Second, 5 * time.Second},
	} {
		t.Run("ttl "+c.ttl, func(t *testing.T) {
			z := newZone(t, "gw.example. "+c.ttl+" A 192.0.2.1", "gw.example. "+c.ttl+" AAAA 2001:db8::1")
			bubble(t, z, func(t *testing.T, r *Resolver) {
				q := query(t, gw)
				q.NoIPv6 = true
				asked := func() int { synctest.Wait(); return z.count("gw.example A/udp") }
				r.Lookup(t.Context(), q)
				r.Lookup(t.Context(), q)
				time.Sleep(c.kept - time.Millisecond)
				r.Lookup(t.Context(), q)
				if asked() != 1 {
					t.Errorf("asked %d times within the time to live", asked())
				}
				time.Sleep(c.by - c.kept + time.Millisecond)
				if got := told(r.Lookup(t.Context(), q)); got != one {
					t.Errorf("while it is asked anew: %s", got)
				}
				if asked() != 2 {
					t.Errorf("asked %d times after the time to live", asked())
				}
			})
		})
	}
}

func TestChangedAnswerIsTaken(t *testing.T) {
	z := newZone(t, "gw.example. 10 A 192.0.2.1")
	bubble(t, z, func(t *testing.T, r *Resolver) {
		if got := lookup(t, r, gw); got != one {
			t.Fatal(got)
		}
		z.set(t, "gw.example. 10 A 192.0.2.2")
		time.Sleep(10 * time.Second)
		if got := lookup(t, r, gw); got != one {
			t.Errorf("a call waits for no refresh: %s", got)
		}
		synctest.Wait()
		if got := lookup(t, r, gw); got != two {
			t.Errorf("after the refresh: %s", got)
		}
		z.set(t)
		time.Sleep(time.Minute)
		lookup(t, r, gw)
		synctest.Wait()
		if _, err := r.Lookup(t.Context(), query(t, gw)); !errors.Is(err, ErrNotFound) {
			t.Errorf("a name that was taken away: %v", err)
		}
	})
}

func TestLastGoodAnswerOutlivesItsServers(t *testing.T) {
	for name, breaks := range map[string]func(z *zone){
		"SERVFAIL": func(z *zone) { z.rcodes[""] = dns.RcodeServerFailure },
		"REFUSED":  func(z *zone) { z.rcodes[""] = dns.RcodeRefused },
		"silent":   func(z *zone) { z.silent = true },
		"slow":     func(z *zone) { z.delay = 5 * time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			z := newZone(t, "_sip._udp.x.example. 30 SRV 1 1 5060 gw.example.", "gw.example. 30 A 192.0.2.1")
			bubble(t, z, func(t *testing.T, r *Resolver) {
				q := query(t, "sip:x.example")
				want := told(r.Refresh(t.Context(), q))
				z.change(func() { breaks(z) })
				for range 30 {
					time.Sleep(time.Minute)
					began := time.Now()
					if got := told(r.Lookup(t.Context(), q)); got != want {
						t.Fatalf("for a call: %s", got)
					}
					if took := time.Since(began); took > 0 {
						t.Fatalf("a call waited %v for a known name", took)
					}
				}
				a, err := r.Refresh(t.Context(), q)
				if got := told(a, err); got != want {
					t.Errorf("refresh: %s", got)
				}
				if a.Err == nil {
					t.Error("an old answer does not say that it is old")
				}
				if wait := time.Until(a.RefreshAt); wait > retryAfter {
					t.Errorf("next attempt in %v", wait)
				}
				z.change(func() { z.rcodes, z.silent, z.delay = map[string]int{}, false, 0 })
				time.Sleep(retryAfter)
				if a, err = r.Refresh(t.Context(), q); told(a, err) != want || a.Err != nil {
					t.Errorf("after the repair: %s, %v", told(a, err), a.Err)
				}
			})
		})
	}
}

func TestPartOfTheAnswerFails(t *testing.T) {
	z := newZone(t, "_sip._udp.x.example. 30 SRV 1 1 5060 a.example.", "_sip._udp.x.example. 30 SRV 2 1 5060 b.example.",
		"a.example. 30 A 192.0.2.1", "b.example. 30 A 192.0.2.2")
	bubble(t, z, func(t *testing.T, r *Resolver) {
		q := query(t, "sip:x.example;transport=udp")
		z.change(func() { z.rcodes["b.example"] = dns.RcodeServerFailure })
		a, err := r.Refresh(t.Context(), q)
		if got := told(a, err); got != "udp [192.0.2.1:5060] 1/1" || a.Err == nil {
			t.Errorf("never known: %s, %v", got, a.Err)
		}
		z.change(func() { delete(z.rcodes, "b.example") })
		time.Sleep(retryAfter)
		both := "udp [192.0.2.1:5060] 1/1\nudp [192.0.2.2:5060] 2/1"
		if got := told(r.Refresh(t.Context(), q)); got != both {
			t.Fatal(got)
		}
		z.change(func() { z.rcodes["b.example"] = dns.RcodeServerFailure })
		time.Sleep(time.Minute)
		if got := told(r.Refresh(t.Context(), q)); got != both {
			t.Errorf("known before: %s", got)
		}
	})
}

// Where the services are not known the bare host would be a guess, perhaps a
// web server.
func TestFailedServiceLookupIsNoLicenceToGuess(t *testing.T) {
	z := newZone(t, "x.example. 60 A 192.0.2.80")
	z.rcodes["_sip._udp.x.example"] = dns.RcodeServerFailure
	bubble(t, z, func(t *testing.T, r *Resolver) {
		_, err := r.Lookup(t.Context(), query(t, "sip:x.example;transport=udp"))
		if err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "SERVFAIL") {
			t.Errorf("got %v, want the failure itself", err)
		}
	})
}

func TestServersThatDoNotKnowNAPTR(t *testing.T) {
	z := newZone(t, "_sip._udp.x.example. 60 SRV 1 1 5060 gw.example.", "gw.example. 60 A 192.0.2.1")
	z.rcodes["x.example"] = dns.RcodeNotImplemented
	bubble(t, z, func(t *testing.T, r *Resolver) {
		if got := lookup(t, r, "sip:x.example"); got != "udp [192.0.2.1:5060] 1/1" {
			t.Error(got)
		}
	})
}

func TestCallsNeverWaitLongerThanASecond(t *testing.T) {
	z := newZone(t, "gw.example. 60 A 192.0.2.1")
	z.delay = 1500 * time.Millisecond
	bubble(t, z, func(t *testing.T, r *Resolver) {
		began := time.Now()
		_, err := r.Lookup(t.Context(), query(t, gw))
		if took := time.Since(began); err == nil || took != CallWait {
			t.Errorf("waited %v, got %v", took, err)
		}
		time.Sleep(time.Second) // the question went on without the call
		began = time.Now()
		if got := lookup(t, r, gw); got != one || time.Since(began) > 0 {
			t.Errorf("the next call got %q after %v", got, time.Since(began))
		}
	})
}

func TestOneQuestionAtATime(t *testing.T) {
	z := newZone(t, "gw.example. 60 A 192.0.2.1")
	z.delay = 100 * time.Millisecond
	bubble(t, z, func(t *testing.T, r *Resolver) {
		got := make(chan string)
		for range 50 {
			go func() { got <- lookup(t, r, gw) }()
		}
		for range 50 {
			if s := <-got; s != one {
				t.Error(s)
			}
		}
		if n := z.count("gw.example A/udp"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestFailuresAreNotHammered(t *testing.T) {
	z := newZone(t)
	z.rcodes[""] = dns.RcodeServerFailure
	bubble(t, z, func(t *testing.T, r *Resolver) {
		for range 100 {
			lookup(t, r, gw)
			time.Sleep(40 * time.Millisecond)
		}
		if n := z.count("gw.example A/udp"); n > tries {
			t.Errorf("asked %d times in 4 s", n)
		}
	})
}

func TestNegativeAnswersAreShort(t *testing.T) {
	z := newZone(t)
	bubble(t, z, func(t *testing.T, r *Resolver) {
		lookup(t, r, gw)
		z.set(t, "gw.example. 60 A 192.0.2.1")
		if got := lookup(t, r, gw); !strings.Contains(got, "no address") {
			t.Errorf("asked again at once: %s", got)
		}
		time.Sleep(minTTL)
		if got := lookup(t, r, gw); got != one {
			t.Errorf("a name that has appeared: %s", got)
		}
	})
}

func TestNamesAreBounded(t *testing.T) {
	z := newZone(t, "gw.example. 3600 A 192.0.2.1")
	bubble(t, z, func(t *testing.T, r *Resolver) {
		r.Refresh(t.Context(), query(t, gw))
		for i := range 500 {
			lookup(t, r, fmt.Sprintf("sip:stranger%d.example:5060", i))
			time.Sleep(time.Millisecond)
		}
		if n := len(r.cache.entries); n > 64 {
			t.Errorf("%d questions remembered", n)
		}
		z.change(func() { z.silent = true })
		if got := lookup(t, r, gw); got != one {
			t.Errorf("a gateway's name was forgotten: %s", got)
		}
	})
}

func TestLostDatagramIsAskedAgain(t *testing.T) {
	z := newZone(t, "gw.example. 60 A 192.0.2.1")
	z.silent = true
	bubble(t, z, func(t *testing.T, r *Resolver) {
		time.AfterFunc(hedge/2, func() { z.change(func() { z.silent = false }) })
		began := time.Now()
		if got := lookup(t, r, gw); got != one || time.Since(began) != hedge {
			t.Errorf("got %q after %v", got, time.Since(began))
		}
	})
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	z := newZone(t)
	z.silent = true
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Servers: []string{"ns"}, Dial: z.dial, Hosts: nobody, System: nobody})
		ended := make(chan error)
		go func() {
			_, err := r.Lookup(context.Background(), query(t, gw))
			ended <- err
		}()
		synctest.Wait()
		began := time.Now()
		r.Close()
		if err := <-ended; err == nil || time.Since(began) > 0 {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		if _, err := r.Lookup(context.Background(), query(t, gw)); err == nil {
			t.Error("a closed resolver answered")
		}
	})
}
