package profile

import (
	"errors"
	"strings"
	"testing"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/message"
)

// invite parses an INVITE to a URI with further header lines; a To or From
// among them takes the place of the usual one.
func invite(t testing.TB, uri string, lines ...string) *message.Message {
	t.Helper()
	head := []string{"INVITE " + uri + " SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.100;branch=z9hG4bK1", "Max-Forwards: 70", "Call-ID: 1@192.0.2.100", "CSeq: 1 INVITE", "Contact: <sip:192.0.2.100>"}
	usual := map[string]string{"To": "<sip:nobody@edge.example.com>", "From": "<sip:+12025550100@192.0.2.100>;tag=1"}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, ":")
		delete(usual, name)
		head = append(head, line)
	}
	for name, value := range usual {
		head = append(head, name+": "+value)
	}
	m := new(message.Message)
	if err := m.Parse([]byte(strings.Join(append(head, "Content-Length: 0", "", ""), "\r\n"))); err != nil {
		t.Fatalf("%s: %v", uri, err)
	}
	return m
}

func plan(t testing.TB, country string) e164.Plan {
	t.Helper()
	p, ok := e164.PlanFor(country)
	if !ok {
		t.Fatalf("no plan for %s", country)
	}
	return p
}

func TestCalled(t *testing.T) {
	const want = "+12025550143"
	for _, c := range []struct {
		name   string
		places []Place
		uri    string
		lines  []string
	}{
		{"request_uri", []Place{RequestURI}, "sip:+12025550143@edge.example.com", nil},
		{"bare digits", []Place{RequestURI}, "sip:12025550143@edge.example.com:5060;user=phone", nil},
		{"national", []Place{RequestURI}, "sip:2025550143@edge.example.com", nil},
		{"tel", []Place{RequestURI}, "tel:+1-202-555-0143", nil},
		{"rn is a hint", []Place{RequestURI}, "sip:+12025550143;npdi;rn=+12025550000@edge.example.com", nil},
		{"rn behind the host", []Place{RequestURI}, "sip:+12025550143@edge.example.com;npdi=yes;rn=+12025550000", nil},
		{"to behind a name", []Place{RequestURI, To}, "sip:trunk7@edge.example.com", []string{"To: \"Main; <line>\" <sip:+12025550143@example.com>"}},
		{"to before a registration id", []Place{To, RequestURI}, "sip:4912345678901@edge.example.com", []string{"To: <sip:+12025550143@example.com>"}},
		{"request_uri when to has none", []Place{To, RequestURI}, "sip:+12025550143@edge.example.com", []string{"To: <sip:anonymous@example.com>"}},
		{"p_called_party_id", []Place{CalledPartyID}, "sip:+12025550199@edge.example.com", []string{"P-Called-Party-ID: <sip:+12025550143@example.com>"}},
		{"diversion, the latest", []Place{Diversion}, "sip:+12025550199@edge.example.com", []string{"Diversion: <sip:+12025550143@example.com>;reason=unconditional, <sip:+12025550144@example.com>"}},
		{"p_preferred_identity", []Place{PreferredIdentity}, "sip:+12025550199@edge.example.com", []string{"P-Preferred-Identity: <sip:anonymous@x>, <tel:+12025550143>"}},
	} {
		s := generic()
		s.Called = c.places
		d, err := compile(t, s).Called(invite(t, c.uri, c.lines...), plan(t, "US"))
		if err != nil || d.Number.String() != want {
			t.Errorf("%s: %s %v", c.name, d.Number, err)
		}
		if rn := strings.Contains(c.uri, "rn="); rn != (d.RN != 0) || rn != d.NPDI {
			t.Errorf("%s: rn %s npdi %v", c.name, d.RN, d.NPDI)
		}
	}
}

func TestCalledFindsNone(t *testing.T) {
	p := compile(t, generic())
	for _, uri := range []string{"sip:trunk7@edge.example.com", "sip:edge.example.com", "sip:12@edge.example.com", "http://example.com", "sip:+0000000000@x"} {
		if d, err := p.Called(invite(t, uri), plan(t, "US")); !errors.Is(err, ErrNoNumber) || d.Number != 0 {
			t.Errorf("%s: %s %v", uri, d.Number, err)
		}
	}
	// A place that is not in the message is passed over.
	s := generic()
	s.Called = []Place{CalledPartyID, Diversion, PreferredIdentity}
	if _, err := compile(t, s).Called(invite(t, "sip:+12025550143@x"), plan(t, "US")); !errors.Is(err, ErrNoNumber) {
		t.Errorf("got %v", err)
	}
}

func TestEmergencyNumbersAreNoNumbers(t *testing.T) {
	p := compile(t, generic())
	for _, uri := range []string{"sip:911@edge.example.com", "sip:112@edge.example.com", "tel:911;phone-context=+1", "urn:service:sos", "urn:service:sos.fire", "URN:service:SOS"} {
		// To names a good number, and must not be asked.
		m := invite(t, uri, "To: <sip:+12025550143@example.com>")
		if _, err := p.Called(m, plan(t, "US")); !errors.Is(err, ErrEmergency) {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestDigitsAreReadAsTheProfileSays(t *testing.T) {
	any, digits := generic(), generic()
	digits.NumberFormat = Digits
	de := plan(t, "DE")
	for _, c := range []struct{ user, any, digits string }{
		{"+4930123456", "+4930123456", "+4930123456"},
		{"030123456", "+4930123456", "+4930123456"}, // no country code begins with 0: the plan explains it
		{"12025550143", "", "+12025550143"},         // a German number to the plan, or one from the US
	} {
		m := invite(t, "sip:"+c.user+"@x")
		d, err := compile(t, digits).Called(m, de)
		if err != nil || d.Number.String() != c.digits {
			t.Errorf("%s as digits: %s %v", c.user, d.Number, err)
		}
		if d, err = compile(t, any).Called(m, de); c.any != "" && (err != nil || d.Number.String() != c.any) {
			t.Errorf("%s as any: %s %v", c.user, d.Number, err)
		}
	}
}

func TestCaller(t *testing.T) {
	p := compile(t, generic())
	const from, pai = "From: \"A\" <sip:+12025550100@x>;tag=1", "P-Asserted-Identity: <sip:+12025550111;verstat=TN-Validation-Passed@x>"
	for _, c := range []struct {
		name    string
		trusted bool
		lines   []string
		want    string
	}{
		{"from", false, []string{from}, "+12025550100"},
		{"untrusted identity", false, []string{from, pai}, "+12025550100"},
		{"trusted identity", true, []string{from, pai}, "+12025550111"},
		{"trusted, none there", true, []string{from}, "+12025550100"},
		{"tel after sip", true, []string{from, "P-Asserted-Identity: \"X\" <sip:alice@x>, <tel:+12025550112>"}, "+12025550112"},
		{"anonymous", false, []string{"From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1"}, ""},
		{"a number nobody means", false, []string{"From: <sip:+12025550100@anonymous.invalid>;tag=1"}, ""},
		{"anonymous with identity", true, []string{"From: <sip:anonymous@anonymous.invalid>;tag=1", pai}, "+12025550111"},
		{"anonymous with untrusted identity", false, []string{"From: <sip:anonymous@anonymous.invalid>;tag=1", pai}, ""},
		{"a name", true, []string{"From: <sip:alice@example.com>;tag=1"}, ""},
		{"national", false, []string{"From: <sip:2025550100@x>;tag=1"}, "+12025550100"},
	} {
		if got := p.Caller(invite(t, "sip:+12025550143@x", c.lines...), plan(t, "US"), c.trusted); got.String() != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestForced(t *testing.T) {
	p := compile(t, generic())
	for value, want := range map[string]routing.RoutingAuthority{"legacy": routing.Legacy, "SpeakOps": routing.SpeakOps, "none": routing.AuthorityNone, "": routing.AuthorityNone} {
		if got := p.Forced(invite(t, "sip:1@x", "x-speakops-route: "+value)); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	if got := p.Forced(invite(t, "sip:1@x")); got != routing.AuthorityNone {
		t.Errorf("without the header: %v", got)
	}
}

func TestPSAPCallback(t *testing.T) {
	for line, want := range map[string]bool{
		"Priority: psap-callback": true, "Priority: PSAP-Callback": true, "Priority: emergency": false,
		"Resource-Priority: esnet.1": true, "Resource-Priority: q735.0, ESNET.0": true, "Resource-Priority: esnet": false, "Resource-Priority: dsn.flash": false,
		"Subject: esnet.1": false,
	} {
		if got := PSAPCallback(invite(t, "sip:1@x", line)); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestMergeValue(t *testing.T) {
	m := invite(t, "sip:1@x", "x-call-key: abc")
	if got := string(compile(t, carrier()).MergeValue(m)); got != "abc" {
		t.Errorf("got %q", got)
	}
	if got := compile(t, generic()).MergeValue(m); got != nil {
		t.Errorf("a profile without a key: %q", got)
	}
}

func TestHeadersAtTheBorder(t *testing.T) {
	p := compile(t, generic())
	m := invite(t, "sip:1@x", "P-Asserted-Identity: <sip:1@x>", "X-SpeakOps-Route: legacy", "X-Other: 1", "P-User-Database: 1", "Server: s", "Subject: s", "Identity: abc", "X-Extra: 1")
	for _, c := range []struct {
		name string
		set  *message.HeaderSet
		gone string
	}{
		{"untrusted", p.Inward(false), "P-Asserted-Identity X-SpeakOps-Route X-Other P-User-Database X-Extra"},
		{"trusted", p.Inward(true), "X-SpeakOps-Route P-User-Database"},
		{"trusted, to a gateway of its own mind", p.Inward(true, "x-extra", "Identity"), "X-SpeakOps-Route P-User-Database Identity X-Extra"},
		{"upstream", p.Upstream(), "P-Asserted-Identity X-SpeakOps-Route P-User-Database Server"},
	} {
		var gone []string
		for i := range m.Headers {
			if c.set.Has(&m.Headers[i]) {
				gone = append(gone, string(m.Headers[i].Name))
			}
		}
		if got := strings.Join(gone, " "); got != c.gone {
			t.Errorf("%s: gone %s, want %s", c.name, got, c.gone)
		}
	}
	if p.Inward(true) != p.Inward(true) {
		t.Error("the usual set is made anew for each call")
	}
}

// One place and one sender are asked for each call: nothing may be allocated.
func TestCalledAllocatesNothing(t *testing.T) {
	p, us := compile(t, generic()), plan(t, "US")
	m := invite(t, "sip:+12025550143@edge.example.com")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := p.Called(m, us); err != nil || p.Caller(m, us, true) == 0 {
			t.Fatal("no number")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCalled(b *testing.B) {
	p, faults := New(generic())
	if faults != nil {
		b.Fatal(faults)
	}
	m, us := invite(b, "sip:+12025550143@edge.example.com"), plan(b, "US")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Called(m, us); err != nil {
			b.Fatal(err)
		}
	}
}
