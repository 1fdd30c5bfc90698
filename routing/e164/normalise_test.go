package e164

import (
	"errors"
	"testing"
)

func plan(t testing.TB, country string) Plan {
	t.Helper()
	if country == "" {
		return Plan{}
	}
	p, ok := PlanFor(country)
	if !ok {
		t.Fatalf("no plan for %q", country)
	}
	return p
}

func TestNormaliseReadsWhatTrunksWrite(t *testing.T) {
	for _, c := range []struct{ country, in, want string }{
		// Plus.
		{"US", "+12025550143", "+12025550143"},
		{"", "+12025550143", "+12025550143"},
		{"GB", "+12025550143", "+12025550143"},
		{"US", "%2B12025550143", "+12025550143"},
		{"US", "%2b1%32025550143", "+12025550143"},
		{"FR", "+33493123456", "+33493123456"},

		// Without the plus, as some providers write E.164.
		{"US", "12025550143", "+12025550143"},
		{"", "12025550143", "+12025550143"},
		{"GB", "12025550143", "+12025550143"},
		{"US", "442079460123", "+442079460123"},
		{"FR", "33493123456", "+33493123456"},
		{"DE", "4930123456", "+4930123456"},
		{"IT", "390612345678", "+390612345678"},

		// National, with and without trunk prefix.
		{"US", "2025550143", "+12025550143"},
		{"CA", "4165550143", "+14165550143"},
		{"JM", "8765550143", "+18765550143"},
		{"FR", "0493123456", "+33493123456"},
		{"FR", "493123456", "+33493123456"},
		{"GB", "02079460123", "+442079460123"},
		{"GB", "2079460123", "+442079460123"},
		{"DE", "030123456", "+4930123456"},
		{"AU", "0291234567", "+61291234567"},
		{"NL", "0201234567", "+31201234567"},
		{"IT", "0612345678", "+390612345678"},
		{"IT", "3931234567", "+393931234567"},
		{"IN", "9123456789", "+919123456789"},
		{"CN", "13812345678", "+8613812345678"},
		{"RU", "84951234567", "+74951234567"},
		{"RU", "4951234567", "+74951234567"},
		{"HU", "0612345678", "+3612345678"},
		{"SG", "61234567", "+6561234567"},
		{"NO", "21234567", "+4721234567"},

		// International prefixes.
		{"US", "01144" + "2079460123", "+442079460123"},
		{"US", "00442079460123", "+442079460123"},
		{"GB", "0012025550143", "+12025550143"},
		{"AU", "001112025550143", "+12025550143"},
		{"JP", "01012025550143", "+12025550143"},
		{"RU", "81012025550143", "+12025550143"},
		{"", "0012025550143", "+12025550143"},
		{"ZA", "0112345678", "+27112345678"}, // 011 is Johannesburg there

		// Separators and blanks.
		{"US", "+1-202-555-0143", "+12025550143"},
		{"US", "+1.202.555.0143", "+12025550143"},
		{"US", "(202)555-0143", "+12025550143"},
		{"US", "+1%20(202)%20555-0143", "+12025550143"},
		{"US", "(+1) 202 555 0143", "+12025550143"},

		// phone-context.
		{"US", "2079460123;phone-context=+44", "+442079460123"},
		{"US", "02079460123;phone-context=+44", "+442079460123"},
		{"US", "442079460123;phone-context=+44", "+442079460123"},
		{"US", "2079460123;phone-context=%2B44", "+442079460123"},
		{"US", "0493123456;phone-context=+33", "+33493123456"},
		{"US", "5550143;phone-context=+1202", "+12025550143"},
		{"US", "555-0143;phone-context=+1-202", "+12025550143"},
		{"GB", "2025550143;phone-context=+1", "+12025550143"},
		{"", "2025550143;PHONE-CONTEXT=+1", "+12025550143"},
		{"US", "2025550143;phone-context=example.com", "+12025550143"},
		{"US", "2025550143;phone-context=", "+12025550143"},
		{"US", "+12025550143;phone-context=+44", "+12025550143"},
		{"US", "5550143;phone-context=+1202;phone-context=+1202", "+12025550143"},

		// User parameters fall away; rn never becomes the number.
		{"US", "+12025550143;npdi;rn=+12025559999", "+12025550143"},
		{"US", "+12025550143;npdi=yes;rn=12025559999;cic=+16789", "+12025550143"},
		{"US", "+12025550143;isub=12;ext=99;foo", "+12025550143"},
		{"US", "2025550143;tgrp=a;trunk-context=+44", "+12025550143"},
		{"US", "+12025550143;", "+12025550143"},
	} {
		got, err := plan(t, c.country).Normalise([]byte(c.in))
		if err != nil || got.Number.String() != c.want {
			t.Errorf("%s %q: got %q, %v; want %q", c.country, c.in, got.Number.String(), err, c.want)
		}
	}
}

func TestNormaliseRefuses(t *testing.T) {
	for _, c := range []struct {
		country, in string
		want        error
	}{
		{"US", "", ErrNotE164},
		{"US", "+", ErrNotE164},
		{"US", ";rn=+12025550143", ErrNotE164}, // an rn alone dials nobody
		{"US", "+0123456789", ErrNotE164},
		{"US", "+123456", ErrNotE164},
		{"US", "+1234567890123456", ErrNotE164},
		{"US", "++12025550143", ErrNotE164},
		{"US", "1+2025550143", ErrNotE164},
		{"US", "+1202555014a", ErrNotE164},
		{"US", "+1202555%", ErrNotE164},
		{"US", "+1202555%0", ErrNotE164},
		{"US", "+1202555%0g", ErrNotE164},
		{"US", "+1202555%00143", ErrNotE164},
		{"US", "+12025550143%3Brn=+1", ErrNotE164}, // an escaped ; is part of the user
		{"US", "+12025550143\r\n", ErrNotE164},
		{"US", "*67+12025550143", ErrNotE164},
		{"US", "alice", ErrNotE164},
		{"US", "5550143;phone-context=+1202;phone-context=+1303", ErrNotE164},
		{"US", "911", ErrEmergency},
		{"US", "911;phone-context=+1202555", ErrEmergency},
		{"US", "+1911", ErrEmergency},
		{"US", "1025550143", ErrNational},
		{"", "0493123456", ErrNational},
		{"US", "5550143", ErrNational},
		{"US", "0800;phone-context=+44", ErrNational},
		{"US", "111111111111111111111111111111", ErrNotE164},
		// What BroadSoft puts there is a registration id of 13 digits; the number is in To.
		{"US", "0001234567890", ErrNational},
	} {
		got, err := plan(t, c.country).Normalise([]byte(c.in))
		if !errors.Is(err, c.want) || got.Number != 0 {
			t.Errorf("%s %q: got %v, %v; want %v", c.country, c.in, got.Number, err, c.want)
		}
	}
}

func TestHintsAreTakenApartFromTheNumber(t *testing.T) {
	for _, c := range []struct {
		in, rn, cic string
		npdi        bool
	}{
		{"+12025550143", "", "", false},
		{"+12025550143;npdi", "", "", true},
		{"+12025550143;npdi;rn=+12025559999", "+12025559999", "", true},
		{"+12025550143;NPDI=yes;RN=12025559999", "+12025559999", "", true},
		{"+12025550143;npdi=no", "", "", false},
		{"+12025550143;rn=2025559999;rn-context=+1", "+12025559999", "", false},
		{"+12025550143;rn=202-555-9999", "+12025559999", "", false},
		{"+12025550143;rn=%2B12025559999", "+12025559999", "", false},
		{"+12025550143;rn=;cic=", "", "", false},
		{"+12025550143;rn=evil", "", "", false},
		{"+12025550143;rn=+12025559999;rn=+12025558888", "", "", false},
		{"+12025550143;rn=+12025559999;rn=+12025559999", "+12025559999", "", false},
		{"+12025550143;cic=+16789", "", "+16789", false},
		{"+12025550143;cic=0288;cic-context=+1", "", "0288", false},
		{"alice;npdi;rn=+12025559999", "+12025559999", "", true}, // hints survive a number that is none
		{"+12025550143;npdix;xrn=+12025559999", "", "", false},
	} {
		got, _ := plan(t, "US").Normalise([]byte(c.in))
		if got.RN.String() != c.rn || got.NPDI != c.npdi || string(got.CIC) != c.cic {
			t.Errorf("%q: rn %q npdi %v cic %q, want %q %v %q", c.in, got.RN.String(), got.NPDI, got.CIC, c.rn, c.npdi, c.cic)
		}
	}
}

func TestHintsBehindTheHost(t *testing.T) {
	us := plan(t, "US")
	d, err := us.Normalise([]byte("+12025550143;rn=+12025559999"))
	if err != nil {
		t.Fatal(err)
	}
	us.ReadHints([]byte(";user=phone;npdi;rn=+12025558888;cic=+16789"), &d)
	if d.RN.String() != "+12025559999" || !d.NPDI || string(d.CIC) != "+16789" || d.Number.String() != "+12025550143" {
		t.Fatalf("what stood in the user part must stay, what was missing be added: %+v", d)
	}
}

func TestEmergency(t *testing.T) {
	for _, c := range []struct {
		country, in string
		want        bool
	}{
		{"US", "911", true},
		{"US", "9-1-1", true},
		{"US", "+1911", true},
		{"US", "1911", true},
		{"US", "+911", true},
		{"US", "911;phone-context=+1", true},
		{"US", "%39%311", true},
		{"US", "112", true},
		{"GB", "999", true},
		{"GB", "+44999", true},
		{"AU", "000", true},
		{"DE", "110", true},
		{"DE", "+49110", true},
		{"JP", "119", true},
		{"FR", "15", true},
		{"", "999", true},
		{"", "000", true},
		{"US", "999", false},
		{"US", "+12025550911", false},
		{"US", "9115550143", false},
		{"US", "411", false},
		{"US", "", false},
		{"US", "sos", false},
		{"US", ";rn=911", false},
		{"GB", "+1999", false}, // +1 is not where 999 is answered
	} {
		if got := plan(t, c.country).Emergency([]byte(c.in)); got != c.want {
			t.Errorf("%s %q: %v, want %v", c.country, c.in, got, c.want)
		}
	}
}

func TestEmergencyNumbersAreNeverPublicNumbers(t *testing.T) {
	for i := range plans {
		p := &plans[i]
		for n := range 10_000 {
			for _, user := range [][]byte{[]byte(itoa(n)), []byte("+" + itoa(int(p.Code)) + itoa(n)), []byte(itoa(int(p.Code)) + itoa(n))} {
				if !p.Emergency(user) {
					continue
				}
				if d, err := p.Normalise(user); err == nil {
					t.Errorf("%s: %s is an emergency number and becomes %v", p.Country, user, d.Number)
				}
			}
		}
	}
}

func itoa(n int) string { return string(Number(n).AppendDigits(nil)) }

func TestPlanFor(t *testing.T) {
	for i := range plans {
		p, ok := PlanFor(plans[i].Country)
		if !ok || p != plans[i] {
			t.Errorf("%s is not found; the table must be in the order of its codes", plans[i].Country)
		}
		if p.Code == 0 || p.International == "" || p.usual == 0 {
			t.Errorf("%s: %+v is not whole", p.Country, p)
		}
	}
	if p, ok := PlanFor("us"); !ok || p.Country != "US" {
		t.Error("lower case is the same country")
	}
	for _, no := range []string{"", "U", "USA", "ZZ", "1"} {
		if _, ok := PlanFor(no); ok {
			t.Errorf("%q has a plan", no)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct{ country, number, plus, digits, national string }{
		{"US", "+12025550143", "+12025550143", "12025550143", "2025550143"},
		{"US", "+442079460123", "+442079460123", "442079460123", "011442079460123"},
		{"GB", "+442079460123", "+442079460123", "442079460123", "02079460123"},
		{"GB", "+12025550143", "+12025550143", "12025550143", "0012025550143"},
		{"IT", "+390612345678", "+390612345678", "390612345678", "0612345678"},
		{"", "+12025550143", "+12025550143", "12025550143", "+12025550143"},
	} {
		n, err := Parse(c.number)
		if err != nil {
			t.Fatal(err)
		}
		p := plan(t, c.country)
		for f, want := range map[Format]string{WithPlus: c.plus, Digits: c.digits, National: c.national} {
			if got := string(p.AppendAs([]byte("x"), n, f)); got != "x"+want {
				t.Errorf("%s %s as %s: %q, want %q", c.country, c.number, f, got, want)
			}
		}
	}
	for f := WithPlus; f <= National; f++ {
		if got, err := ParseFormat(f.String()); err != nil || got != f {
			t.Errorf("%s reads back as %v, %v", f, got, err)
		}
		if got := (Plan{}).AppendAs(nil, 0, f); len(got) != 0 {
			t.Errorf("nobody's number as %s is %q", f, got)
		}
	}
	if _, err := ParseFormat("E164"); err == nil {
		t.Error("unknown formats are refused")
	}
}

func TestNumberText(t *testing.T) {
	var n Number
	if err := n.UnmarshalText([]byte("+12025550143")); err != nil || n != 12025550143 {
		t.Fatal(n, err)
	}
	if err := n.UnmarshalText([]byte("12025550143")); !errors.Is(err, ErrNotE164) || n != 12025550143 {
		t.Fatal("a failed reading must change nothing", n, err)
	}
	b, err := n.MarshalText()
	if string(b) != "+12025550143" || err != nil {
		t.Fatal(string(b), err)
	}
	if err := n.UnmarshalText(nil); err != nil || n != 0 || n.String() != "" || n.Valid() {
		t.Fatal("empty is the zero Number", n, err)
	}
}
