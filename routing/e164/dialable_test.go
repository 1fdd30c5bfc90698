package e164

import (
	"strings"
	"testing"
)

func TestDialable(t *testing.T) {
	for number, want := range map[string]string{
		"+12025550143":  "",
		"+18005550143":  "",
		"+442071838750": "",
		"+4930123456":   "",
		"+80012345678":  "",
		"+88213012345":  "",
		"+1202555014":   "no number of country code 1",
		"+120255501434": "no number of country code 1",
		"+11025550143":  "no number of country code 1",
		"+12020550143":  "breaks the form NXX-NXX-XXXX",
		"+19115550143":  "breaks the form NXX-NXX-XXXX",
		"+2105550143":   "no country has the code",
		"+999999999":    "no country has the code",
	} {
		n, err := Parse(number)
		if err != nil {
			t.Fatalf("%s: %v", number, err)
		}
		err = n.Dialable()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", number, err, want)
		}
	}
}
