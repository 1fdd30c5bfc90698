package profile_test

import (
	"os"
	"testing"

	"github.com/speakops/sipedge/configs"
	"github.com/speakops/sipedge/routing/e164"
	"github.com/speakops/sipedge/sipedge/message"
	"github.com/speakops/sipedge/sipedge/profile"
)

// FuzzHall gives any bytes to every profile: whatever an INVITE says, reading it
// ends, and what comes out is a number in the strict form or none.
func FuzzHall(f *testing.F) {
	for _, file := range files(f) {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	var profiles []*profile.Profile
	for _, name := range configs.ShippedProfiles() {
		profiles = append(profiles, shipped(f, name, ""), shipped(f, name, "p_called_party_id diversion p_preferred_identity to request_uri"))
	}
	plans := []e164.Plan{planOf(f, ""), planOf(f, "US"), planOf(f, "GB"), planOf(f, "DE"), planOf(f, "IT"), planOf(f, "AU")}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m message.Message
		if m.Parse(b) != nil || !m.Request {
			return
		}
		for _, p := range profiles {
			for _, plan := range plans {
				d, err := p.Called(&m, plan)
				if strict(t, d.Number) != (err == nil) {
					t.Errorf("number %q with error %v", d.Number, err)
				}
				strict(t, d.RN)
				if i := unsafeByte(d.CIC); i >= 0 {
					t.Errorf("cic %q", d.CIC)
				}
				strict(t, p.Caller(&m, plan, true))
				strict(t, p.Caller(&m, plan, false))
			}
			p.Forced(&m)
			p.MergeValue(&m)
		}
		profile.PSAPCallback(&m)
	})
}

// strict says whether there is a number; one that is no E.164 number fails the test.
func strict(t *testing.T, n e164.Number) bool {
	t.Helper()
	if n == 0 {
		return false
	}
	if back, err := e164.Parse(n.String()); err != nil || back != n || !n.Valid() {
		t.Errorf("%d is written %q and read %d (%v)", uint64(n), n, back, err)
	}
	return true
}

// unsafeByte is where b has a byte that does not belong into a URI's user part
// unescaped (RFC 3261 section 25.1), -1 when it has none.
func unsafeByte(b []byte) int {
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'F', c >= 'a' && c <= 'f', c == '+', c == '-', c == '.', c == '(', c == ')':
		default:
			return i
		}
	}
	return -1
}
