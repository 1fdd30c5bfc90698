package records

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	ten   = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	plain = &Encoder{Edge: "edge-1"}
	// A stand-in for the edge's own way of masking: country code 1, last two digits.
	masked = &Encoder{Edge: "edge-1", Mask: func(dst []byte, n e164.Number) []byte {
		return append(append(dst, "+1********"...), '0'+byte(n/10%10), '0'+byte(n%10))
	}}
)

func routed() *Decision {
	route := &routing.Route{ID: "legacy-main", Authority: routing.Legacy, Gateways: []routing.Gateway{{ID: "lg1"}, {ID: "lg2"}, {ID: "lg3"}}}
	return &Decision{
		At: ten.Add(1234567 * time.Nanosecond), Call: CallID{1, 2, 3, 0xab, 11: 0xff},
		SIPCallID: []byte("8f3a@0.0.0.0"), Branch: []byte("z9hG4bK77"), CallKey: []byte("CA123"),
		Source: netip.MustParseAddrPort("54.172.60.1:5060"), Transport: "udp", Listener: "outside-udp", Trunk: "twilio-us",
		PublicNumber: 12025550143, Caller: 13055550100,
		NumberType: routing.Local, CurrentServingProvider: "north", UnderlyingCarrier: "level3", CustomerAssignment: "acme",
		Interval: routing.Interval{Earliest: ten.Add(-1500001 * time.Nanosecond), Latest: ten.Add(999999999 * time.Nanosecond)},
		Held:     1500 * time.Millisecond,
		Answer: routing.Decision{
			Kind: routing.KindRoute, Authority: routing.Legacy, Because: routing.BeforeCut, Route: route,
			Order: routing.Order{N: 2, At: [routing.MaxAttempts]uint16{2, 0}}, Revision: 42, PortingState: routing.Armed, PublicNumber: 12025550143,
		},
	}
}

func refused() *Decision {
	return &Decision{
		At: ten, Call: CallID{9}, SIPCallID: []byte("x"), Trunk: "qa", Source: netip.MustParseAddrPort("[2001:db8::1]:5061"),
		Dialled: []byte("0044 20-7946\x1b[2J"),
		Because: "trunk_limit", Outcome: "trunk_limit", Code: 503,
	}
}

func answered() *CDR {
	return &CDR{
		Call: CallID{1, 2, 3, 0xab, 11: 0xff}, SIPCallID: []byte("8f3a@0.0.0.0"), CallKey: []byte("CA123"),
		Trunk: "twilio-us", Source: netip.MustParseAddrPort("54.172.60.1:5060"), Route: "legacy-main", Gateway: "lg1",
		PublicNumber: 12025550143, Caller: 13055550100, RoutingAuthority: routing.Legacy, PortingState: routing.Armed,
		CurrentServingProvider: "north", UnderlyingCarrier: "level3", CustomerAssignment: "acme",
		Because: routing.BeforeCut, Revision: 42, Outcome: "answered", Code: 200,
		Interval: routing.Interval{Earliest: ten, Latest: ten.Add(time.Millisecond)},
		Invited:  ten, Ringing: ten.Add(1020 * time.Millisecond), Answered: ten.Add(4 * time.Second), Ended: ten.Add(34*time.Second + 7*time.Microsecond),
		HungUpBy: ByCaller, Cause: 16,
		Attempts: []Attempt{
			{Gateway: "lg3", Address: netip.MustParseAddrPort("198.51.100.22:5061"), Took: 10 * time.Millisecond, Code: 503, Result: "failed"},
			{Gateway: "lg1", Address: netip.MustParseAddrPort("198.51.100.20:5060"), After: 10 * time.Millisecond, Took: 3990 * time.Millisecond, Code: 200, Result: "answered"},
		},
		Readopted: true,
	}
}

func TestGoldenRecords(t *testing.T) {
	cases := map[string][]byte{
		"decision_route":   plain.AppendDecision(nil, routed()),
		"decision_masked":  masked.AppendDecision(nil, routed()),
		"decision_refused": plain.AppendDecision(nil, refused()),
		"dialled_masked":   masked.AppendDecision(nil, refused()),
		"decision_hold": plain.AppendDecision(nil, &Decision{At: ten, PublicNumber: 12025550143, Answer: routing.Decision{
			Kind: routing.KindHold, Because: routing.ClockUncertain, Until: ten.Add(time.Nanosecond),
		}}),
		"cdr_answered": plain.AppendCDR(nil, answered()),
		"cdr_failed": plain.AppendCDR(nil, &CDR{Call: CallID{5}, Trunk: "qa", PublicNumber: 12025550143, Because: routing.NumberUnknown,
			Outcome: "not_ours", Code: 404, Invited: ten, Ended: ten.Add(time.Millisecond), HungUpBy: ByEdge, Cause: 1}),
	}
	for name, line := range cases {
		t.Run(name, func(t *testing.T) {
			if !json.Valid(line) || bytes.IndexByte(line, '\n') != len(line)-1 {
				t.Fatalf("not one line of JSON: %q", line)
			}
			file := "testdata/" + name + ".json"
			if *update {
				if err := os.WriteFile(file, line, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(line, want) {
				t.Errorf("got\n%swant\n%s", line, want)
			}
		})
	}
}

func TestNoKeyTwice(t *testing.T) {
	for _, line := range [][]byte{plain.AppendDecision(nil, routed()), plain.AppendCDR(nil, answered())} {
		dec, seen := json.NewDecoder(bytes.NewReader(line)), map[string]bool{}
		dec.Token()
		for dec.More() {
			key, _ := dec.Token()
			if seen[key.(string)] {
				t.Errorf("%q is there twice in %s", key, line)
			}
			seen[key.(string)] = true
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestMaskHidesEveryDigitOfWhatWasDialled(t *testing.T) {
	for _, dialled := range []string{"12025550143", `\u12025550143`, "\x01\x022025550143", "tel:+1-202-555-0143", strings.Repeat("9", 400)} {
		line := masked.AppendDecision(nil, &Decision{At: ten, Dialled: []byte(dialled)})
		var got struct{ Dialled string }
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range got.Dialled {
			if r >= '0' && r <= '9' {
				n++
			}
		}
		if n > 2 {
			t.Errorf("%q shows %d digits", got.Dialled, n)
		}
	}
}

// Whatever comes from the wire, the line stays one line of printable ASCII, and
// a reader gets back what was sent, as far as it was text.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a\r\nb", "\x00\x7f\x1b[31m", `"\`, "\u202e\u2028é€😀", "\xff\xfe\xc3", strings.Repeat("é", 200)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		line := plain.AppendCDR(nil, &CDR{SIPCallID: s})
		for i, c := range line {
			if c < ' ' && i != len(line)-1 || c >= 0x7f {
				t.Fatalf("byte %#x in %q", c, line)
			}
		}
		var got struct {
			Call string `json:"sip_call_id"`
		}
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		want := replaced(s)
		if len(s) > maxText {
			if len(got.Call) > 3*maxText+3 || !strings.HasSuffix(got.Call, "...") || !strings.HasPrefix(want, got.Call[:len(got.Call)-3]) {
				t.Fatalf("%q was cut to %q", s, got.Call)
			}
		} else if got.Call != want {
			t.Fatalf("%q came back as %q", s, got.Call)
		}
	})
}

// replaced is s with U+FFFD for each byte that is no UTF-8.
func replaced(s []byte) string {
	var out []rune
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		out, s = append(out, r), s[n:]
	}
	return string(out)
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	d, c, dst := routed(), answered(), make([]byte, 0, 4096)
	r := refused()
	if n := testing.AllocsPerRun(100, func() {
		dst = masked.AppendDecision(dst[:0], d)
		dst = masked.AppendDecision(dst[:0], r)
		dst = plain.AppendCDR(dst[:0], c)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkAppendDecision(b *testing.B) {
	d, dst := routed(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = plain.AppendDecision(dst[:0], d)
	}
}

func BenchmarkAppendCDR(b *testing.B) {
	c, dst := answered(), make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = plain.AppendCDR(dst[:0], c)
	}
}
