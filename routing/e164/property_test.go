package e164

import (
	"testing"

	"pgregory.net/rapid"
)

// anyPlan draws a country, or none.
func anyPlan(t *rapid.T) Plan {
	i := rapid.IntRange(-1, len(plans)-1).Draw(t, "plan")
	if i < 0 {
		return Plan{}
	}
	return plans[i]
}

func check(t interface{ Fatalf(string, ...any) }, p Plan, in []byte) {
	before := string(in)
	d, err := p.Normalise(in)
	urgent := p.Emergency(in)
	if string(in) != before {
		t.Fatalf("%s: the input was changed from %q to %q", p.Country, before, in)
	}
	if d.RN != 0 && !d.RN.Valid() {
		t.Fatalf("%s %q: rn %d is not strict", p.Country, in, d.RN)
	}
	if err != nil {
		if d.Number != 0 {
			t.Fatalf("%s %q: number %v and error %v", p.Country, in, d.Number, err)
		}
		return
	}
	if urgent {
		t.Fatalf("%s %q: both %v and an emergency number", p.Country, in, d.Number)
	}
	again, err := Parse(d.Number.String())
	if err != nil || again != d.Number {
		t.Fatalf("%s %q: %v is not strict: %v", p.Country, in, d.Number, err)
	}
	form := d.Number.Append(nil)
	if twice, err := p.Normalise(form); err != nil || twice.Number != d.Number {
		t.Fatalf("%s %q: normalising %s again gives %v, %v", p.Country, in, form, twice.Number, err)
	}
}

func TestNormalisingTwiceChangesNothing(t *testing.T) {
	piece := rapid.SampledFrom([]string{"0", "1", "2", "20", "202", "555", "0143", "9", "44", "+", "+1", "00", "011", "-", ".", "(", ")", " ",
		"%2B", "%20", "%", "%3B", ";", "=", ";rn=", ";npdi", ";npdi=yes", ";cic=", ";phone-context=", ";rn-context=", "example.com", "a", "\x00", "\xff"})
	rapid.Check(t, func(t *rapid.T) {
		in := ""
		for _, s := range rapid.SliceOfN(piece, 0, 14).Draw(t, "pieces") {
			in += s
		}
		check(t, anyPlan(t), []byte(in))
	})
}

func TestWhatIsDialledNationallyComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan(t)
		code := plans[rapid.IntRange(0, len(plans)-1).Draw(t, "of")]
		if rapid.Bool().Draw(t, "domestic") && p.Code != 0 {
			code = p
		}
		national := rapid.StringMatching(`[2-9][0-9]{3,11}`).Filter(func(s string) bool {
			_, ok := code.join([]byte(s))
			return ok && code.isUsual([]byte(s))
		}).Draw(t, "national")
		n, _ := code.join([]byte(national))
		form := p.AppendNational(nil, n)
		if p.Trunk == "" && p.Code == code.Code {
			return // nothing tells such a number from an international one
		}
		got, err := p.Normalise(form)
		if err != nil || got.Number != n {
			t.Fatalf("%s: %v is written %s and read back as %v, %v", p.Country, n, form, got.Number, err)
		}
	})
}

func FuzzNumber(f *testing.F) {
	for _, seed := range []string{
		"+12025550143", "12025550143", "0493123456", "01144207946" + "0123", "%2B1%20(202)%20555-0143",
		"2079460123;phone-context=+44", "+12025550143;npdi=yes;rn=+12025559999;cic=+16789",
		"user;par=u%40example.net", "sip%3Auser", "null-%00-null", "911", "+1911", "%", ";;;=;=", "+1;rn=+1;rn=+2",
	} {
		f.Add(seed, uint8(0))
		f.Add(seed, uint8(200))
	}
	f.Fuzz(func(t *testing.T, in string, country uint8) {
		p := Plan{}
		if int(country) < len(plans) {
			p = plans[country]
		}
		check(t, p, []byte(in))
	})
}

func TestNothingIsAllocated(t *testing.T) {
	us := plan(t, "US")
	in := []byte("(202)%20555-0143;npdi;rn=+12025559999;cic=+16789;phone-context=example.com")
	nobody, buf := []byte("nobody"), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		d, err := us.Normalise(in)
		if err != nil || us.Emergency(in) {
			t.Fatal(err)
		}
		buf = us.AppendAs(buf[:0], d.Number, National)
		_, _ = us.Normalise(nobody)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkNormalise(b *testing.B) {
	us := plan(b, "US")
	for _, in := range []string{"+12025550143", "(202)%20555-0143;npdi;rn=+12025559999"} {
		b.Run(in, func(b *testing.B) {
			user := []byte(in)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := us.Normalise(user); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
