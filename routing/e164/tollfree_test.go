package e164

import (
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// The area codes are held against a library that follows the numbering
// administration's list.
func TestTollFreeAreaCodes(t *testing.T) {
	found := 0
	for area := 200; area < 1000; area++ {
		n := Number(1e10 + area*1e7 + 2345678)
		country, national := int32(1), uint64(n)-1e10
		want := phonenumbers.GetNumberType(&phonenumbers.PhoneNumber{CountryCode: &country, NationalNumber: &national}) == phonenumbers.TOLL_FREE
		if n.TollFree() != want {
			t.Errorf("%s: %v, the library says %v", n, n.TollFree(), want)
		}
		if want {
			found++
		}
	}
	if found == 0 {
		t.Error("the library knows no toll-free number: nothing was compared")
	}
	for _, other := range []Number{0, 4980012345678, 448001234567, 80012345678} {
		if other.TollFree() {
			t.Errorf("%s is of another plan", other)
		}
	}
}

func TestCountryCode(t *testing.T) {
	for n, want := range map[Number]uint16{12025550143: 1, 442079460123: 44, 4930123456: 49, 35312345678: 353, 0: 0, 2101234567: 0} {
		if got := n.CountryCode(); got != want {
			t.Errorf("%s: %d, want %d", n, got, want)
		}
	}
}
