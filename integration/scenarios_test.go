package integration

import (
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// The numbers of sipp/numbers.csv that scenarios call.
const (
	legacyNumber   = "+12025550100" // draft: still the old provider's
	speakopsNumber = "+12025550120" // settled with SpeakOps
	nobodysNumber  = "+12025550130" // cancelled, and nobody holds it
	unknownNumber  = "+12025559999" // not in the table
)

// uas is one SIPp gateway of a scenario: it takes exactly calls calls, as its
// file says, and 0 means that none may reach it.
type uas struct {
	gateway, file string
	calls         int
	args          []string
}

func answers(gateway string) uas     { return uas{gateway, "uas_answered", 1, nil} }
func untouched(gateway string) uas   { return uas{gateway, "uas_answered", 0, nil} }
func plays(gateway, file string) uas { return uas{gateway, file, 1, nil} }
func overTCP(u uas) uas              { u.args = append(u.args, "-t", "t1"); return u }

// scenario is one call flow of sipp/, and everything that must be true of it.
type scenario struct {
	name     string
	caller   string // the caller's file; uac_<name> when empty
	number   string // legacyNumber when empty
	answered string // the gateway that must answer; "" where none will
	from     string // the caller's address; 127.0.0.1 when empty
	args     []string
	gateways []uas
	edits    []lab.Edit

	decision  string // route or refuse; "" when the scenario is no call
	authority string
	because   string

	repeats bool // retransmissions are part of the story
	also    func(t *testing.T, caller *lab.Sipp, gateways map[string]*lab.Sipp)
}

func toLegacy(s scenario) scenario {
	s.decision, s.authority, s.because = "route", "legacy", "port_pending"
	if s.answered == "" {
		s.answered = "legacy-a"
	}
	return s
}

func refused(s scenario) scenario {
	s.decision, s.authority = "refuse", "none"
	return s
}

// scenarios: every file of sipp/ is played by at least one of them.
func scenarios() []scenario {
	return []scenario{
		toLegacy(scenario{name: "answered", gateways: []uas{answers("legacy-a"), untouched("legacy-b"), untouched("speakops-a")}}),
		{name: "answered_speakops", caller: "uac_answered", number: speakopsNumber, answered: "speakops-a",
			gateways: []uas{answers("speakops-a"), untouched("speakops-b"), untouched("legacy-a")},
			decision: "route", authority: "speakops", because: "record"},
		toLegacy(scenario{name: "hung_up", gateways: []uas{plays("legacy-a", "uas_hangs_up")}}),
		toLegacy(scenario{name: "busy", gateways: []uas{plays("legacy-a", "uas_busy"), untouched("legacy-b"), untouched("speakops-a")}}),
		toLegacy(scenario{name: "declined", gateways: []uas{plays("legacy-a", "uas_declined"), untouched("legacy-b"), untouched("speakops-a")}}),
		toLegacy(scenario{name: "no_answer", gateways: []uas{plays("legacy-a", "uas_rings"), untouched("legacy-b"), untouched("speakops-a")}}),
		toLegacy(scenario{name: "cancel", gateways: []uas{plays("legacy-a", "uas_rings"), untouched("legacy-b")}}),
		toLegacy(scenario{name: "failover", answered: "legacy-b",
			gateways: []uas{plays("legacy-a", "uas_unavailable"), answers("legacy-b"), untouched("speakops-a")}}),
		toLegacy(scenario{name: "failover_dark", caller: "uac_failover", answered: "legacy-b", // nothing listens at legacy-a
			gateways: []uas{answers("legacy-b"), untouched("speakops-a")}}),
		toLegacy(scenario{name: "gateways_failed",
			gateways: []uas{plays("legacy-a", "uas_unavailable"), plays("legacy-b", "uas_unavailable"), untouched("speakops-a")}}),
		toLegacy(scenario{name: "reinvite", gateways: []uas{plays("legacy-a", "uas_reinvite"), untouched("speakops-a")}}),
		toLegacy(scenario{name: "long", gateways: []uas{plays("legacy-a", "uas_long")}}),
		toLegacy(scenario{name: "longer", gateways: []uas{plays("legacy-a", "uas_long")}}),
		toLegacy(scenario{name: "prack", gateways: []uas{plays("legacy-a", "uas_prack")}}),
		toLegacy(scenario{name: "update", gateways: []uas{plays("legacy-a", "uas_update")}}),
		toLegacy(scenario{name: "dtmf", gateways: []uas{plays("legacy-a", "uas_dtmf")}}),
		toLegacy(scenario{name: "refer", gateways: []uas{plays("legacy-a", "uas_refer"), untouched("legacy-b")}}),
		toLegacy(scenario{name: "late_offer", gateways: []uas{plays("legacy-a", "uas_late_offer")}}),
		toLegacy(scenario{name: "session_timer", gateways: []uas{plays("legacy-a", "uas_session_timer")}}),
		toLegacy(scenario{name: "session_timer_inserted", caller: "uac_answered", gateways: []uas{plays("legacy-a", "uas_timer_inserted")},
			edits: []lab.Edit{{Old: "session_timer: transparent", New: "session_timer: insert"}}}),
		toLegacy(scenario{name: "lost_ack", gateways: []uas{answers("legacy-a")}, repeats: true, also: repeated200}),
		refused(scenario{name: "unknown", number: unknownNumber, because: "number_unknown",
			gateways: []uas{untouched("legacy-a"), untouched("speakops-a")}}),
		refused(scenario{name: "nobody", caller: "uac_unknown", number: nobodysNumber, because: "port_cancelled",
			gateways: []uas{untouched("legacy-a"), untouched("speakops-a")}}),
		{name: "override", answered: "speakops-a", args: []string{"-key", "override", "speakops"},
			gateways: []uas{answers("speakops-a"), untouched("legacy-a")},
			decision: "route", authority: "speakops", because: "test_override"},
		{name: "override_legacy", caller: "uac_override", number: speakopsNumber, answered: "legacy-a", args: []string{"-key", "override", "legacy"},
			gateways: []uas{answers("legacy-a"), untouched("speakops-a")},
			decision: "route", authority: "legacy", because: "test_override"},
		toLegacy(scenario{name: "override_untrusted", caller: "uac_override", args: []string{"-key", "override", "speakops"},
			gateways: []uas{answers("legacy-a"), untouched("speakops-a")},
			edits:    []lab.Edit{{Old: "test_override: true", New: "test_override: false"}}}),
		{name: "options"},
		{name: "options_tcp", caller: "uac_options", args: []string{"-t", "t1"}},
		toLegacy(scenario{name: "tcp_to_tcp", caller: "uac_answered", args: []string{"-t", "t1"},
			gateways: []uas{overTCP(answers("legacy-a"))}, edits: legacyOverTCP}),
		toLegacy(scenario{name: "tcp_to_udp", caller: "uac_reinvite", args: []string{"-t", "t1"},
			gateways: []uas{plays("legacy-a", "uas_reinvite")}}),
		toLegacy(scenario{name: "udp_to_tcp", caller: "uac_reinvite",
			gateways: []uas{overTCP(plays("legacy-a", "uas_reinvite"))}, edits: legacyOverTCP}),
		toLegacy(scenario{name: "long_to_tcp", caller: "uac_longer",
			gateways: []uas{overTCP(plays("legacy-a", "uas_long"))}, edits: legacyOverTCP}),
		toLegacy(scenario{name: "cancel_tcp", caller: "uac_cancel", args: []string{"-t", "t1"},
			gateways: []uas{overTCP(plays("legacy-a", "uas_rings"))}, edits: legacyOverTCP}),
	}
}

var legacyOverTCP = []lab.Edit{{Old: `"sip:127.0.0.1:5070"`, New: `"sip:127.0.0.1:5070;transport=tcp"`}}

func repeated200(t *testing.T, _ *lab.Sipp, gateways map[string]*lab.Sipp) {
	if n := gateways["legacy-a"].Passed().Retransmissions; n == 0 {
		t.Error("the gateway never repeated its 200, so no ACK was lost")
	}
}

func TestScenarios(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			play(t, s)
		})
	}
}

// play runs one scenario and asks for everything it promises.
func play(t *testing.T, s scenario) {
	t.Helper()
	l, edge := lab.Open(t, s.edits...)
	gateways := map[string]*lab.Sipp{}
	for _, g := range s.gateways {
		gateways[g.gateway] = l.Gateway(g.gateway, g.file, g.calls, g.args...)
	}
	file, number := s.caller, s.number
	if file == "" {
		file = "uac_" + s.name
	}
	if number == "" {
		number = legacyNumber
	}
	from := s.from
	if from == "" {
		from = "127.0.0.1"
	}
	caller := l.CallAt(from, file, append([]string{"-s", number, "-key", "gateway", s.answered, "-m", "1"}, s.args...)...)
	quiet(t, s, caller.Passed())
	for _, g := range s.gateways {
		if g.calls == 0 {
			gateways[g.gateway].Untouched()
			continue
		}
		quiet(t, s, gateways[g.gateway].Passed())
	}
	if s.also != nil {
		s.also(t, caller, gateways)
	}
	if s.decision == "" {
		return
	}
	got := edge.Decisions(1)
	if len(got) != 1 {
		t.Fatalf("%d decisions for one call: %+v", len(got), got)
	}
	d := got[0]
	if d.Decision != s.decision || d.Authority != s.authority || d.Because != s.because || d.PublicNumber != number {
		t.Errorf("decision line says %+v, want %s %s because %s for %s", d, s.decision, s.authority, s.because, number)
	}
	if d.Trunk != "qa" {
		t.Errorf("decision line names trunk %q, want qa", d.Trunk)
	}
}

// quiet fails when somebody had to say something twice: on a loopback without
// loss, a repetition means that an answer was late, lost or misdirected.
func quiet(t *testing.T, s scenario, st lab.Stats) {
	t.Helper()
	if st.Retransmissions != 0 && !s.repeats {
		t.Errorf("%d retransmissions where none should be: %+v", st.Retransmissions, st)
	}
	if st.OutOfCall != 0 {
		t.Errorf("%d messages belonged to no call: %+v", st.OutOfCall, st)
	}
}

// TestMixed sends calls for many numbers, both sides in turn, and counts at the
// gateways.
func TestMixed(t *testing.T) {
	t.Parallel()
	const calls = 40
	l, edge := lab.Open(t)
	legacy := l.Gateway("legacy-a", "uas_answered", calls/2)
	speakops := l.Gateway("speakops-a", "uas_answered", calls/2)
	caller := l.CallAt("127.0.0.1", "uac_mixed", "-inf", lab.Root()+"/integration/sipp/calls.csv", "-m", "40", "-r", "20", "-d", "100")
	for _, s := range []*lab.Sipp{caller, legacy, speakops} {
		if st := s.Passed(); st.Retransmissions != 0 {
			t.Errorf("%s: %+v", s.Name, st)
		}
	}
	count := map[string]int{}
	for _, d := range edge.Decisions(calls) {
		count[d.Authority+" "+d.Because]++
	}
	want := map[string]int{"legacy port_pending": 20, "speakops record": 12, "speakops port_active": 8}
	for k, n := range want {
		if count[k] != n {
			t.Errorf("decisions: %v, want %v", count, want)
			break
		}
	}
}

// TestIPv6 lets a caller on ::1 reach a gateway on 127.0.0.1 and one on ::1.
func TestIPv6(t *testing.T) {
	if !lab.HasIPv6() {
		t.Log("this machine has no ::1")
		return
	}
	listen := lab.Edit{Old: `    - { name: tcp, `, New: `    - { name: udp6, transport: udp, address: "[::1]:5060" }` + "\n    - { name: tcp, "}
	trunk := lab.Edit{Old: `[ "127.0.0.0/8" ]`, New: `[ "127.0.0.0/8", "::1/128" ]`}
	gateway := lab.Edit{Old: `"sip:127.0.0.1:5070"`, New: `"sip:[::1]:5070"`}
	v6 := plays("legacy-a", "uas_reinvite")
	v6.args = []string{"-i", "::1"}
	for _, s := range []scenario{
		{name: "to_ipv4", from: "::1", gateways: []uas{plays("legacy-a", "uas_reinvite")}, edits: []lab.Edit{listen, trunk}},
		{name: "to_ipv6", from: "::1", gateways: []uas{v6}, edits: []lab.Edit{listen, trunk, gateway}},
		{name: "from_ipv4", gateways: []uas{v6}, edits: []lab.Edit{listen, trunk, gateway}},
	} {
		s.caller = "uac_reinvite"
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			play(t, toLegacy(s))
		})
	}
}

// TestEveryFileIsPlayed keeps sipp/ free of files that nobody proves.
func TestEveryFileIsPlayed(t *testing.T) {
	played := map[string]bool{"uac_mixed": true, "uac_retry_elsewhere": true, "uac_siege": true, // TestMixed; TestDrain, TestRedisAwayAtStart; siege
		"uac_fleet": true, "uas_fleet": true, // fleet
		"uas_gone": true} // TestACutoverByTwoPeople
	for _, name := range []string{"uac_media", "uas_media", "uac_rtp", "uas_rtp", "uac_line", "uac_line_media", "uas_echo", "uas_echo_srtp", "uac_pcap"} {
		played[name] = true // TestMediaThroughTheProgram, TestSippTalksThroughTheRelay, TestLines..., TestTestcall...
	}
	for _, s := range scenarios() {
		if s.caller == "" {
			s.caller = "uac_" + s.name
		}
		played[s.caller] = true
		for _, g := range s.gateways {
			played[g.file] = true
		}
	}
	for _, name := range files(t, "sipp", ".xml") {
		if name = strings.TrimSuffix(name, ".xml"); !played[name] {
			t.Errorf("sipp/%s.xml is played by no test", name)
		}
	}
}
