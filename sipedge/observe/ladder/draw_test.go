package ladder

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/transport"
)

var update = flag.Bool("update", false, "write the golden files anew")

// oneCall is a call whose first gateway is dark and whose second one answers.
func oneCall() *Store {
	s := New(Options{Epoch: epoch})
	s.SetListeners([]Listener{{"outside-udp", netip.MustParseAddrPort("192.0.2.1:5060")}, {"inside-tcp", netip.MustParseAddrPort("[2001:db8::ff]:5060")}})
	north, g1, g2 := s.Actor("north"), s.Actor("s1"), s.Actor("s2")
	t, call := s.Tape(0), name(0x12345678)
	dark := netip.MustParseAddrPort("192.0.2.20:5060")
	ms := time.Millisecond
	t.Begin(call, Start{At: time.Second, Trunk: "north", To: 12025550143, From: 14155550123})
	say := func(at time.Duration, out bool, a Actor, lines string) {
		m := Message{At: time.Second + at, Out: out, Actor: a, Peer: caller, Raw: []byte(strings.ReplaceAll(lines, "\n", "\r\n"))}
		switch a {
		case g1:
			m.Peer = dark
		case g2:
			m.Peer, m.Listener, m.Proto = s1, 1, uint8(transport.TCP)
		}
		t.Message(call, &m)
	}
	invite := "INVITE sip:+12025550143@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.100;branch=z9hG4bKx\nFrom: <sip:+14155550123@x>;tag=1\nTo: <sip:+12025550143@y>\n" +
		"Call-ID: abc\nCSeq: 1 INVITE\nAuthorization: Digest secret=\"hidden\",\n response=\"deadbeef\"\nContent-Type: application/sdp\nContent-Length: 37\n\nv=0\na=crypto:1 AES inline:topsecret\n\n"
	answer := func(code string) string {
		return "SIP/2.0 " + code + "\nVia: SIP/2.0/UDP 192.0.2.100;branch=z9hG4bKx\nFrom: <sip:+14155550123@x>;tag=1\nTo: <sip:+12025550143@y>;tag=2\nCall-ID: abc\nCSeq: 1 INVITE\nContent-Length: 0\n\n"
	}
	say(0, false, north, invite)
	say(0, true, north, answer("100 Trying"))
	t.Decided(call, &Decided{At: time.Second, To: 12025550143, Kind: "route", Authority: "speakops", PortingState: "settled", Because: "record", Revision: 7, Route: "speakops-main"},
		[]byte("route speakops via=s1,s2 revision=7 because=record"))

	say(1*ms, true, g1, invite)
	say(501*ms, true, g1, invite)

	t.Note(call, 3*time.Second, []byte("s1: nothing heard for 2s, the next gateway"))
	say(2001*ms, true, g2, invite)
	say(2020*ms, false, g2, answer("180 Ringing\x1b[2J"))
	say(2020*ms, true, north, answer("180 Ringing"))
	say(4020*ms, false, g2, answer("200 OK"))
	say(4020*ms, true, north, answer("200 OK"))
	t.Final(call, &Final{At: time.Second + 4020*ms, Rang: time.Second + 2020*ms, Outcome: "answered", Code: 200, Gateway: "s2", Attempts: 2, Answered: true})
	say(64*time.Second, false, north, strings.Replace(answer("x"), "SIP/2.0 x", "BYE sip:+12025550143@192.0.2.1 SIP/2.0", 1))
	t.Over(call, 65*time.Second, "caller")
	return s
}

func TestDrawing(t *testing.T) {
	l, ok := oneCall().Find("1234567")
	if !ok {
		t.Fatal("not found by the beginning of its name")
	}
	for _, bodies := range []bool{false, true} {
		var b bytes.Buffer
		l.Draw(&b, bodies)
		file := map[bool]string{false: "testdata/call.ladder", true: "testdata/call_bodies.ladder"}[bodies]
		if *update {
			os.WriteFile(file, b.Bytes(), 0o644)
		}
		want, err := os.ReadFile(file)
		if err != nil || b.String() != string(want) {
			t.Errorf("%v, got\n%s", err, b.String())
		}
		for _, secret := range []string{"hidden", "deadbeef", "topsecret", "\x1b"} {
			if strings.Contains(b.String(), secret) {
				t.Errorf("%q is shown", secret)
			}
		}
	}
}

// A ladder that went over the API as JSON is drawn and captured as the original.
func TestLadderAsJSON(t *testing.T) {
	l, _ := oneCall().Find(name(0x12345678).String())
	b, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var back Ladder
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	var one, other bytes.Buffer
	l.Draw(&one, true)
	back.Draw(&other, true)
	Pcap(&one, l)
	Pcap(&other, back)
	if !bytes.Equal(one.Bytes(), other.Bytes()) {
		t.Errorf("got\n%s\nwant\n%s", other.String(), one.String())
	}
}

// What the capture says is asked of Wireshark's own dissector.
func TestPcapInWireshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Fatal("tshark is needed: apt-get install tshark")
	}
	l, _ := oneCall().Find("12345678")
	file := filepath.Join(t.TempDir(), "call.pcapng")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := Pcap(f, l); err != nil {
		t.Fatal(err)
	}
	f.Close()
	out, err := exec.Command(tshark, "-r", file, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
		"-T", "fields", "-E", "separator=|", "-e", "frame.time_epoch", "-e", "ip.src", "-e", "ipv6.dst", "-e", "tcp.dstport", "-e", "sip.Method", "-e", "sip.Status-Code",
		"-e", "frame.comment", "-e", "ip.checksum.status", "-e", "udp.checksum.status", "-e", "tcp.checksum.status", "-e", "_ws.malformed").Output()
	if err != nil {
		t.Fatal(err)
	}
	const want = `1772359201.000000000|192.0.2.100|||INVITE||call 123456780000000000000000|1|1||
1772359201.000000000|192.0.2.1||||100||1|1||
`
	if !strings.HasPrefix(string(out), want) {
		t.Errorf("got\n%s\nwant it to begin with\n%s", out, want)
	}
	for _, line := range []string{
		"|route speakops via=s1,s2 revision=7 because=record|", "||2001:db8::1|5080|INVITE||s1: nothing heard for 2s, the next gateway||",
		"|192.0.2.1||||200||1|1||\n", "1772359265.000000000|192.0.2.100|||BYE||",
	} {
		if !strings.Contains(string(out), line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
	if n := strings.Count(string(out), "\n"); n != 10 {
		t.Errorf("%d packets", n)
	}
	stat, err := exec.Command(tshark, "-r", file, "-q", "-z", "sip,stat").Output()
	if err != nil || !strings.Contains(string(stat), "Number of SIP messages: 10") || !strings.Contains(string(stat), "Number of resent SIP messages: 2") {
		t.Errorf("%v\n%s", err, stat)
	}
	// Its flow graph has a column for each of the five addresses.
	out, err = exec.Command(tshark, "-r", file, "-q", "-z", "flow,any,standard").Output()
	flow := strings.Join(strings.Fields(strings.ReplaceAll(string(out), "|", " ")), " ")
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, step := range []string{
		"192.0.2.100 192.0.2.20 2001:db8::1 192.0.2.1 2001:db8::ff",
		"0.000000 Request: INVITE sip: SIP/SDP: Request: INVITE sip:+12025550143@192.0.2.1 (5060) ------------------> (5060)",
		"2.001000 Request: INVITE sip:", "(5060) ------------------> (5080)", "2.020000 Status: 180 Ringing", "(5060) <------------------ (5080)",
		"2.020000 Status: 180 Ringing", "(5060) <------------------ (5060)", "4.020000 Status: 200 OK (INVI SIP: Status: 200 OK (INVITE)",
		"64.000000 Request: BYE", "(5060) ------------------> (5060)",
	} {
		n := strings.Index(flow[at:], step)
		if n < 0 {
			t.Errorf("no %q in the rest of\n%s", step, out)
			break
		}
		at += n
	}
}
