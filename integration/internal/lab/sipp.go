package lab

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Sipp is one running SIPp.
type Sipp struct {
	*Process
	lab   *Lab
	Stats string // statistics, one line a second and one at the end
	Trace string // every message sent and received
	Log   string // <log> lines of the scenario
	Err   string
}

// Gateway starts a SIPp gateway by its id in lab.yaml, to take exactly so many
// calls and end; 0 calls means until it is stopped. More arguments go to SIPp.
func (l *Lab) Gateway(id, scenario string, calls int, args ...string) *Sipp {
	l.T.Helper()
	if calls > 0 {
		args = append(args, "-m", strconv.Itoa(calls))
	}
	s := l.sipp(id, scenario, l.GatewayPort(id), append(args, "-key", "gateway", id)...)
	s.untilBound(l.GatewayPort(id))
	return s
}

// Call runs one caller: a scenario, the called number and the gateway that must
// answer ("" where none will). More arguments go to SIPp.
func (l *Lab) Call(scenario, number, gateway string, args ...string) *Sipp {
	l.T.Helper()
	return l.CallAt("127.0.0.1", scenario, append([]string{"-s", number, "-key", "gateway", gateway, "-m", "1"}, args...)...)
}

// CallAt starts a caller towards the edge's address of that family with SIPp's
// own arguments.
func (l *Lab) CallAt(ip, scenario string, args ...string) *Sipp {
	l.T.Helper()
	remote := fmt.Sprintf("%s:%d", ip, l.ports["5060"])
	if strings.Contains(ip, ":") {
		remote = fmt.Sprintf("[%s]:%d", ip, l.ports["5060"])
		args = append(args, "-i", ip)
	}
	return l.sipp("caller", scenario, FreePort(l.T), append([]string{remote}, args...)...)
}

// sipp starts SIPp on a port. It ends with exit code 0 when every call of the
// scenario went as written, and within 40 s unless args say otherwise.
func (l *Lab) sipp(name, scenario string, port int, args ...string) *Sipp {
	l.T.Helper()
	base := l.file(fmt.Sprintf("%02d-%s-%s", l.runs.Add(1), name, scenario))
	s := &Sipp{lab: l, Stats: base + ".csv", Trace: base + ".messages", Log: base + ".calls", Err: base + ".err"}
	// SIPp looks for its control and media ports from here on, upwards.
	aside := freePorts(l.T, 12)
	argv := []string{"sipp", "-sf", filepath.Join(Root(), "integration", "sipp", scenario+".xml"), "-p", strconv.Itoa(port),
		"-cp", strconv.Itoa(aside), "-mp", strconv.Itoa(aside + 2), "-nostdin",
		"-trace_stat", "-stf", s.Stats, "-fd", "1", "-trace_err", "-error_file", s.Err, "-trace_logs", "-log_file", s.Log}
	if !has(args, "-i") {
		argv = append(argv, "-i", "127.0.0.1")
	}
	if !has(args, "-timeout") {
		argv = append(argv, "-timeout", "40s", "-timeout_error")
	}
	if !has(args, "-r") {
		argv = append(argv, "-trace_msg", "-message_file", s.Trace)
	}
	s.Process = start(l.T, "sipp "+scenario, l.Dir, base+".screen", nil, append(argv, args...)...)
	l.show(s.Err)
	l.show(s.Trace)
	return s
}

func has(args []string, flag string) bool {
	for _, a := range args {
		if a == flag {
			return true
		}
	}
	return false
}

// Passed waits for the end and fails the test unless every call went as written.
func (s *Sipp) Passed() Stats {
	s.lab.T.Helper()
	return s.PassedWithin(50 * time.Second)
}

// PassedWithin is Passed with a bound of its own.
func (s *Sipp) PassedWithin(d time.Duration) Stats {
	s.lab.T.Helper()
	code, st := s.DoneWithin(d)
	if code != 0 || st.Failed != 0 {
		s.lab.T.Fatalf("%s: exit code %d, %+v", s.Name, code, st)
	}
	return st
}

// DoneWithin waits for the end, however the calls went.
func (s *Sipp) DoneWithin(d time.Duration) (code int, st Stats) {
	s.lab.T.Helper()
	code, ended := s.Wait(d)
	st = s.stats()
	if !ended {
		s.lab.T.Fatalf("%s still ran after %v (%+v)", s.Name, d, st)
	}
	return code, st
}

// Untouched stops a gateway and fails the test if any call ever reached it.
func (s *Sipp) Untouched() {
	s.lab.T.Helper()
	s.Signal(syscall.SIGUSR1) // ends after the calls in progress
	if _, ended := s.Wait(5 * time.Second); !ended {
		s.lab.T.Fatalf("%s did not stop", s.Name)
	}
	if !strings.Contains(readAll(s.Stats), "TotalCallCreated") {
		s.lab.T.Fatalf("%s left no statistics", s.Name)
	}
	if st := s.stats(); st.Calls != 0 {
		s.lab.T.Fatalf("%s: %d calls came where none should (%+v)", s.Name, st.Calls, st)
	}
}

// Has waits until a text has been sent or received.
func (s *Sipp) Has(text string) {
	s.lab.T.Helper()
	Until(s.lab.T, 20*time.Second, fmt.Sprintf("%q at %s", text, s.Name), func() bool { return strings.Contains(readAll(s.Trace), text) })
}

// Messages is everything sent and received so far.
func (s *Sipp) Messages() string { return readAll(s.Trace) }

func (s *Sipp) untilBound(port int) {
	s.lab.T.Helper()
	want := fmt.Sprintf(":%04X ", port)
	Until(s.lab.T, 10*time.Second, s.Name+" to listen", func() bool {
		if s.Ended() {
			s.lab.T.Fatalf("lab: %s ended at once: %s", s.Name, s.Text())
		}
		for _, table := range []string{"udp", "udp6", "tcp", "tcp6"} {
			if strings.Contains(readAll("/proc/net/"+table), want) {
				return true
			}
		}
		return false
	})
}

// Stats is what SIPp counted over its life.
type Stats struct {
	Calls, Successful, Failed, Retransmissions, Unexpected, OutOfCall int
}

func (s *Sipp) stats() Stats {
	lines := strings.Split(strings.TrimSpace(readAll(s.Stats)), "\n")
	if len(lines) < 2 {
		return Stats{}
	}
	names, values := strings.Split(lines[0], ";"), strings.Split(lines[len(lines)-1], ";")
	at := map[string]int{}
	for i, name := range names {
		if i < len(values) {
			at[name], _ = strconv.Atoi(values[i])
		}
	}
	return Stats{at["TotalCallCreated"], at["SuccessfulCall(C)"], at["FailedCall(C)"],
		at["Retransmissions(C)"], at["FailedUnexpectedMessage(C)"], at["OutOfCallMsgs(C)"]}
}
