package integration

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// established starts a call that is held for some time and waits until its ACK
// has reached the gateway.
func established(l *lab.Lab, hold string) (caller, gateway *lab.Sipp) {
	l.T.Helper()
	gateway = l.Gateway("legacy-a", "uas_answered", 1)
	caller = l.Call("uac_answered", legacyNumber, "legacy-a", "-d", hold)
	gateway.Has("\nACK sip:")
	return caller, gateway
}

// A drain is polite: no new calls, the calls in progress end as their parties
// wish, and then the process ends well.
func TestDrain(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t)
	ping := l.Peer("udp", "127.0.0.1", 0)
	if code := ping.Ping(); code != 200 {
		t.Fatalf("OPTIONS before the drain: %d, want 200", code)
	}
	caller, gateway := established(l, "3000")
	edge.Signal(syscall.SIGTERM)
	lab.Until(t, 2*time.Second, "OPTIONS to be answered 503", func() bool { return ping.Ping() == 503 })
	if code, _ := edge.Get("/readyz"); code != 503 {
		t.Errorf("/readyz while draining: %d, want 503", code)
	}
	l.Call("uac_retry_elsewhere", legacyNumber, "").Passed()
	if edge.Ended() {
		t.Fatal("the edge ended while a call was in progress")
	}
	caller.Passed()
	gateway.Passed()
	code, ended := edge.Wait(22 * time.Second)
	if !ended || code != 0 {
		t.Fatalf("after the drain: ended %v, exit code %d, want 0", ended, code)
	}
}

// A call that does not end keeps a drain no longer than drain_timeout.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t, lab.Edit{Old: "drain_timeout: 20s", New: "drain_timeout: 1s"})
	established(l, "30000")
	began := time.Now()
	edge.Signal(syscall.SIGTERM)
	code, ended := edge.Wait(8 * time.Second)
	if !ended || code != 0 {
		t.Fatalf("ended %v, exit code %d, want 0", ended, code)
	}
	if took := time.Since(began); took < 900*time.Millisecond {
		t.Errorf("the edge left a running call after %v, before drain_timeout", took)
	}
}

// The route token is all that an edge needs: killed and started again, it
// routes the BYE of a call it has never seen.
func TestRestartMidDialog(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t)
	caller, gateway := established(l, "2500")
	edge.Kill()
	edge = l.Serve("edge")
	caller.Passed()
	gateway.Passed()
	if cdrs := edge.CDRs(1); len(cdrs) != 1 {
		t.Errorf("%d call detail records for one call over a restart: %+v", len(cdrs), cdrs)
	}
}

// Another edge with the key of the site takes over the address, and with it the
// dialogs; without the key it must not.
func TestAnotherEdgeTakesTheDialog(t *testing.T) {
	for _, key := range []struct {
		name, value string
		carries     bool
	}{{"same_key", "", true}, {"other_key", "some other key that has 32 bytes", false}} {
		t.Run(key.name, func(t *testing.T) {
			t.Parallel()
			l, edge := lab.Open(t)
			caller, gateway := established(l, "5000")
			edge.Kill()
			l.Edit("id: lab-1", "id: lab-2")
			if key.value != "" {
				l.SetKey(key.value)
			}
			// The fleet does not count on it while the edge before it may come back, but
			// dialogs need no more than their tokens.
			l.Start("other")
			ping := l.Peer("udp", "127.0.0.1", 0)
			lab.Until(t, 10*time.Second, "the other edge to listen", func() bool { return ping.Ping() == 503 })
			if key.carries {
				caller.Passed()
				gateway.Passed()
				return
			}
			caller.Has("SIP/2.0 481 ")
		})
	}
}

// A new configuration is one swap: calls of the old one live on, calls after it
// go by the new one, and a wrong file changes nothing.
func TestReload(t *testing.T) {
	t.Parallel()
	l, edge := lab.Open(t)
	caller, gateway := established(l, "3000")
	l.Edit(`"sip:127.0.0.1:5070", priority: 1`, `"sip:127.0.0.1:5070", priority: 3`)
	edge.Reload()
	second := l.Gateway("legacy-b", "uas_answered", 2)
	untilReloaded(t, edge, 1)
	l.Call("uac_answered", legacyNumber, "legacy-b").Passed()

	l.Edit("redis:\n", "rediss:\n")
	l.Edit(`"sip:127.0.0.1:5071", priority: 2`, `"sip:127.0.0.1:5071", priority: 9`)
	edge.Reload()
	lab.Until(t, 5*time.Second, "the log to name the wrong key", func() bool { return strings.Contains(edge.Text(), "rediss") })
	l.Call("uac_answered", legacyNumber, "legacy-b").Passed()
	second.Passed()
	if code, _ := edge.Get("/readyz"); code != 200 {
		t.Errorf("/readyz after a refused reload: %d, want 200", code)
	}
	caller.Passed()
	gateway.Passed()
}

// untilReloaded waits for the line that says a configuration was taken.
func untilReloaded(t *testing.T, edge *lab.Edge, times int) {
	t.Helper()
	lab.Until(t, 5*time.Second, "the log to say that the configuration was reloaded", func() bool {
		n := 0
		for line := range strings.Lines(edge.Text()) {
			if strings.Contains(line, "reload") && !strings.Contains(line, `"ERROR"`) {
				n++
			}
		}
		return n >= times
	})
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			at := fmt.Sprintf("127.0.0.1:%d", l.Port("5060"))
			hold(t, network, at)
			out, code := l.Run("serve", "--config", l.WriteConfig("edge"))
			if code != 3 || !strings.Contains(out, at) || !strings.Contains(out, "in use") {
				t.Errorf("exit code %d, want 3 and a sentence with %s and \"in use\":\n%s", code, at, out)
			}
			if strings.Contains(out, "goroutine ") {
				t.Errorf("a stack trace is no sentence:\n%s", out)
			}
		})
	}
}

func hold(t *testing.T, network, at string) {
	t.Helper()
	var err error
	var c interface{ Close() error }
	if network == "udp" {
		c, err = net.ListenPacket("udp", at)
	} else {
		c, err = net.Listen("tcp", at)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}

// Every mistake at once, each with its line, and exit code 1, from check and
// from serve alike.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	file := l.WriteConfig("good")
	if out, code := l.Run("check", "--config", file); code != 0 {
		t.Errorf("check of the laboratory's own configuration: exit code %d\n%s", code, out)
	}
	l.Edit(`[ "127.0.0.0/8" ]`, `[ "127.0.0.0/99" ]`)
	l.Edit("drain_timeout: 20s", "drain_time: 20s")
	file = l.WriteConfig("bad")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"check", "serve"} {
		out, code := l.Run(command, "--config", file)
		if code != 1 {
			t.Errorf("%s: exit code %d, want 1\n%s", command, code, out)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if !strings.Contains(line, "drain_time:") && !strings.Contains(line, "/99") {
				continue
			}
			if want := fmt.Sprintf("%s:%d:", filepath.Base(file), i+1); !strings.Contains(out, want) {
				t.Errorf("%s does not point at %s\n%s", command, want, out)
			}
		}
	}
}

func TestNoConfig(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	out, code := l.Run("serve", "--config", filepath.Join(l.Dir, "nowhere.yaml"))
	if code != 1 || !strings.Contains(out, "nowhere.yaml") {
		t.Errorf("exit code %d, want 1 and a sentence with the file's name:\n%s", code, out)
	}
}
