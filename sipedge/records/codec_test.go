package records

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
	"pgregory.net/rapid"
)

func dialog(n byte) *Dialog {
	return &Dialog{
		Call: CallID{n, 1, 2, 3}, SIPCallID: []byte("8f3a@0.0.0.0"),
		Trunk: "twilio-us", Route: "legacy-main", Gateway: "lg1", Authority: routing.Legacy, PortingState: routing.Armed,
		Because: routing.BeforeCut, Revision: 42, PublicNumber: 12025550143, CallerNumber: 13055550100,
		From: []byte("<sip:+13055550100@twilio.example>;tag=a"), To: []byte("<sip:+12025550143@edge>;tag=b"),
		Caller: End{
			Tag: []byte("a"), Contact: []byte("sip:172.25.1.1:5060"), Routes: []byte("<sip:54.172.60.1;lr;r2=on>, <sip:54.172.60.2;lr;r2=on>"),
			CSeq: 7, Flow: Flow{Listener: "outside-udp", Peer: netip.MustParseAddrPort("54.172.60.1:5060")},
		},
		Callee: End{
			Tag: []byte("b"), Contact: []byte("sip:lg1@198.51.100.20:5060"), CSeq: 1,
			Flow: Flow{Proto: 2, Listener: "inside-tls", Peer: netip.MustParseAddrPort("[2001:db8::20]:5061")},
		},
		Invited: ten, Ringing: ten.Add(time.Second), Answered: ten.Add(4 * time.Second), Expires: ten.Add(4 * time.Hour),
		Held: HeldTrunk | HeldNumber,

		CurrentServingProvider: "north", UnderlyingCarrier: "deep", CustomerAssignment: "acme",
		Interval: routing.Interval{Earliest: ten, Latest: ten.Add(1234567)},
		Attempts: []Attempt{
			{Gateway: "lg2", Address: netip.MustParseAddrPort("[2001:db8::21]:5060"), After: time.Millisecond, Took: 30 * time.Millisecond, Code: 503, Result: "failed"},
			{Gateway: "lg1", Address: netip.MustParseAddrPort("198.51.100.20:5060"), After: 31 * time.Millisecond, Took: 4 * time.Second, Code: 200, Result: "answered"},
		},
	}
}

// A record of yesterday's program is read by today's: its bytes are kept here.
func TestDialogGolden(t *testing.T) {
	encoded, err := dialog(1).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/dialog_v2.hex"
	if *update {
		os.WriteFile(file, []byte(hex.EncodeToString(encoded)+"\n"), 0o644)
	}
	golden, err := hex.DecodeString(strings.TrimSpace(string(contents(t, file))))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encoded, golden) {
		t.Errorf("got  %x\nwant %x", encoded, golden)
	}
	var back Dialog
	if err := back.Decode(golden); err != nil || !reflect.DeepEqual(&back, dialog(1)) {
		t.Errorf("%v\n%+v", err, back)
	}
}

// A call with anchored media has it behind all that version 2 knows.
func TestDialogWithMedia(t *testing.T) {
	d := dialog(1)
	plain, _ := d.Append(nil)
	d.Media = []byte("ports")
	encoded, err := d.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := append(append([]byte{3}, plain[1:]...), "\x05ports"...)
	if !bytes.Equal(encoded, want) {
		t.Errorf("got  %x\nwant %x", encoded, want)
	}
	var back Dialog
	if err := back.Decode(encoded); err != nil || !reflect.DeepEqual(&back, d) {
		t.Errorf("%v\n%+v", err, back)
	}
	if back.Decode(append(append([]byte{3}, plain[1:]...), 0)) == nil {
		t.Error("version 3 without media was taken for a record")
	}
}

// The last version's records are still read: all but the account is in them.
func TestDialogOfVersion1(t *testing.T) {
	golden, err := hex.DecodeString(strings.TrimSpace(string(contents(t, "testdata/dialog_v1.hex"))))
	if err != nil {
		t.Fatal(err)
	}
	want := dialog(1)
	want.CurrentServingProvider, want.UnderlyingCarrier, want.CustomerAssignment = "", "", ""
	want.Interval, want.Attempts = routing.Interval{}, nil
	var back Dialog
	if err := back.Decode(golden); err != nil || !reflect.DeepEqual(&back, want) {
		t.Errorf("%v\n%+v", err, back)
	}
}

// Where the attempts do not fit, they go before what a BYE needs.
func TestDialogLeavesAttemptsOutFirst(t *testing.T) {
	d := dialog(1)
	whole, _ := d.Append(nil)
	d.Callee.Routes = bytes.Repeat([]byte("r"), MaxDialog-len(whole)+10)
	encoded, err := d.Append(nil)
	var back Dialog
	if err == nil {
		err = back.Decode(encoded)
	}
	if err != nil || back.Cut || back.Attempts != nil || len(back.Callee.Routes) != len(d.Callee.Routes) || back.CustomerAssignment != "acme" {
		t.Errorf("%v, %+v", err, back)
	}
}

func anyDialog(t *rapid.T) *Dialog {
	text := func(name string) []byte {
		b := rapid.SliceOfN(rapid.Byte(), 0, 90).Draw(t, name)
		if len(b) == 0 {
			return nil
		}
		return b
	}
	word := func(name string) string { return rapid.StringN(0, 20, 40).Draw(t, name) }
	at := func(name string) time.Time {
		us := rapid.Int64Range(0, 1<<51).Draw(t, name)
		if us == 0 {
			return time.Time{}
		}
		return time.UnixMicro(us).UTC()
	}
	peer := func(name string) netip.AddrPort {
		switch rapid.IntRange(0, 2).Draw(t, name) {
		case 1:
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, name+"4")}), 5060)
		case 2:
			return netip.MustParseAddrPort("[fe80::1%eth0]:5061")
		}
		return netip.AddrPort{}
	}
	end := func(name string) End {
		return End{text(name + " tag"), text(name + " contact"), text(name + " routes"), rapid.Uint32().Draw(t, name+" cseq"),
			Flow{rapid.Uint8Range(0, 15).Draw(t, name+" proto"), word(name + " listener"), peer(name + " peer")}}
	}
	var attempts []Attempt
	for range rapid.IntRange(0, 3).Draw(t, "attempts") {
		attempts = append(attempts, Attempt{
			Gateway: routing.GatewayID(word("tried")), Address: peer("address"), Code: rapid.IntRange(0, 699).Draw(t, "code"), Result: word("result"),
			After: time.Duration(rapid.Uint32().Draw(t, "after")) * time.Microsecond, Took: time.Duration(rapid.Uint32().Draw(t, "took")) * time.Microsecond,
		})
	}
	return &Dialog{
		Call: CallID(rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "call")), SIPCallID: text("sip call id"),
		Trunk: routing.TrunkID(word("trunk")), Route: routing.RouteID(word("route")), Gateway: routing.GatewayID(word("gateway")),
		Authority: routing.RoutingAuthority(rapid.Byte().Draw(t, "authority")), PortingState: routing.PortingState(rapid.Byte().Draw(t, "state")),
		Because: routing.Because(word("because")), Revision: rapid.Uint64().Draw(t, "revision"),
		PublicNumber: e164.Number(rapid.Uint64().Draw(t, "number")), CallerNumber: e164.Number(rapid.Uint64().Draw(t, "caller")),
		From: text("from"), To: text("to"), Caller: end("caller"), Callee: end("callee"),
		Invited: at("invited"), Ringing: at("ringing"), Answered: at("answered"), Expires: at("expires"),
		Held: Held(rapid.Byte().Draw(t, "held")),

		CurrentServingProvider: routing.ProviderID(word("provider")), UnderlyingCarrier: routing.CarrierID(word("carrier")),
		CustomerAssignment: routing.CustomerID(word("customer")),
		Interval:           routing.Interval{Earliest: at("earliest"), Latest: at("latest")},
		Attempts:           attempts, Media: text("media"),
	}
}

func TestDialogRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDialog(t)
		encoded, err := d.Append([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		encoded = encoded[len("before"):]
		PatchCSeqs(encoded, d.Caller.CSeq+1, d.Callee.CSeq+2)
		d.Caller.CSeq++
		d.Callee.CSeq += 2
		var back Dialog
		if err := back.Decode(encoded); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&back, d) {
			t.Fatalf("sent\n%+v\ngot\n%+v", d, back)
		}
		// No prefix of a record is a record.
		for n := range encoded {
			if back.Decode(encoded[:n]) == nil {
				t.Fatalf("%d of %d bytes were taken for a record", n, len(encoded))
			}
		}
	})
}

func TestDialogTooLarge(t *testing.T) {
	d := dialog(1)
	d.Callee.Routes = bytes.Repeat([]byte("r"), MaxDialog)
	encoded, err := d.Append(nil)
	if err != nil || len(encoded) > MaxDialog {
		t.Fatalf("%d bytes, %v", len(encoded), err)
	}
	var back Dialog
	if err := back.Decode(encoded); err != nil || !back.Cut || back.Callee.Contact != nil || string(back.Caller.Tag) != "a" || back.Gateway != "lg1" {
		t.Errorf("%v, %+v", err, back)
	}
	// A cut record read back is written back cut.
	if again, err := back.Append(nil); err != nil || !bytes.Equal(again, encoded) {
		t.Errorf("%x became %x, %v", encoded, again, err)
	}
	d.SIPCallID = bytes.Repeat([]byte("c"), MaxDialog)
	if out, err := d.Append([]byte("kept")); !errors.Is(err, ErrTooLarge) || string(out) != "kept" {
		t.Errorf("%q, %v", out, err)
	}
}

// Any bytes are either refused or come back the same.
func FuzzDialog(f *testing.F) {
	for _, d := range []*Dialog{dialog(1), {}, {Cut: true, SIPCallID: []byte("x")}} {
		encoded, err := d.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
		f.Add(encoded[:len(encoded)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d Dialog
		if err := d.Decode(b); err != nil {
			if !reflect.DeepEqual(d, Dialog{}) {
				t.Fatalf("refused, and yet %+v", d)
			}
			return
		}
		if len(b) > MaxDialog-64 {
			return // one of version 1 may have no room for what version 2 adds
		}
		encoded, err := d.Append(nil)
		if err != nil {
			t.Fatalf("decoded from %d bytes, then: %v", len(b), err)
		}
		var again Dialog
		if err := again.Decode(encoded); err != nil || !reflect.DeepEqual(again, d) {
			t.Fatalf("%v\n%+v\n%+v", err, d, again)
		}
	})
}

func TestDialogAppendDoesNotAllocate(t *testing.T) {
	d, dst := dialog(1), make([]byte, 0, MaxDialog)
	if n := testing.AllocsPerRun(100, func() { dst, _ = d.Append(dst[:0]) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkDialogAppend(b *testing.B) {
	d, dst := dialog(1), make([]byte, 0, MaxDialog)
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = d.Append(dst[:0])
	}
}
