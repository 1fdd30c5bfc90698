package e164

import "testing"

// A carrier code is written into the next Request-URI as it came, so nothing
// that could end the user part may pass for one.
func TestCarrierCodes(t *testing.T) {
	for cic, good := range map[string]bool{
		"0288": true, "+1-0288": true, "+10288": true, "1(02).88": true, "5ABC": true,
		"": false, "-": false, "+": false, "1+0288": false, "0288@evil.example.com": false, "0288?Route=x": false,
		"0288%40x": false, "0288:pass": false, "0288 ": false, "0288>": false, "0288/x": false, "*0288": false,
		"0288028802880288028802880288": false,
	} {
		d, _ := Plan{}.Normalise([]byte("+12025550143;npdi;cic=" + cic))
		if got := string(d.CIC); got != cic && good || got != "" && !good {
			t.Errorf("%q becomes %q", cic, got)
		}
		if d.Number != 12025550143 || !d.NPDI {
			t.Errorf("%q costs the number: %+v", cic, d)
		}
	}
}
