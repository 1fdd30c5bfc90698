package e164

import (
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// TestLibphonenumberAgrees reads the example numbers of libphonenumber, in the
// forms it writes them, and wants the same number back.
func TestLibphonenumberAgrees(t *testing.T) {
	types := []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE}
	checked, wrong := 0, 0
	for i := range plans {
		p := plans[i]
		for _, kind := range types {
			example := phonenumbers.GetExampleNumberForType(p.Country, kind)
			if example == nil {
				continue
			}
			want := phonenumbers.Format(example, phonenumbers.E164)
			for name, form := range forms(p, example) {
				if slices.Contains(otherwise, p.Country+" "+name+" "+want) {
					continue
				}
				checked++
				if got, err := p.Normalise([]byte(form)); err != nil || got.Number.String() != want {
					wrong++
					t.Errorf("%s %s %q: %v, %v; want %s", p.Country, name, form, got.Number, err, want)
				}
			}
		}
	}
	if checked < 1500 {
		t.Errorf("only %d forms were checked", checked)
	}
	t.Logf("%d forms checked, %d wrong", checked, wrong)
}

func forms(p Plan, n *phonenumbers.PhoneNumber) map[string]string {
	plus := phonenumbers.Format(n, phonenumbers.E164)
	abroad := "GB"
	if p.Country == "GB" {
		abroad = "DE"
	}
	return map[string]string{
		"plus":          plus,
		"digits":        plus[1:],
		"international": phonenumbers.Format(n, phonenumbers.INTERNATIONAL),
		"national":      phonenumbers.Format(n, phonenumbers.NATIONAL),
		"zero-zero":     strings.ReplaceAll(phonenumbers.FormatOutOfCountryCallingNumber(n, abroad), "/", ""),
	}
}

// otherwise are the forms read otherwise on purpose, with the reason.
var otherwise = []string{
	// Too long for a freephone number behind 55: a mobile number in area 55.
	"BR digits +55800123456",
	// The same with 92.
	"PK digits +9280012345",
	// Eleven digits that begin with 1 are North American to everyone who writes no plus.
	"EC national +59318001234567",
	"NP national +97716600101234",
	"SG national +6518001234567",
	"GT national +50218001112222",
	// Freephone numbers behind 8 alone, where every other number stands behind 80.
	"BY national +3758011234567",
	// Too short for a freephone number behind 31: an ordinary Dutch number without its 0.
	"NL digits +318001234",
	// The 15 of an Argentine mobile number stands where the 9 stood, behind an area code of any length.
	"AR national +5491123456789",
}
