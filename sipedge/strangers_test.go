package sipedge

import (
	"strings"
	"testing"
)

func TestScannersAreKnown(t *testing.T) {
	options := "OPTIONS sip:100@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKx\r\nFrom: <sip:100@198.51.100.7>;tag=1\r\nUser-Agent: %\r\n\r\n"
	for agent, want := range map[string]bool{
		"friendly-scanner": true, "Friendly-Scanner/2": true, "sipvicious": true, "VaxSIPUserAgent/3.1": true, "sipcli/v1.8": true, "sundayddr": true,
		"pplsip": true, "sip-scan": true, "iWar": true, "sipsak 0.9.6": true,
		"Twilio Gateway": false, "Asterisk PBX 20": false, "": false, "not friendly-scanner": false,
	} {
		if got := scans([]byte(strings.Replace(options, "%", agent, 1))); got != want {
			t.Errorf("%q: %v", agent, got)
		}
	}
	for _, b := range []string{"OPTIONS sip:nm SIP/2.0\r\n", "OPTIONS sip:nm2@nm2 SIP/2.0\r\nFrom: <sip:nm@nm>;tag=root\r\n", "OPTIONS sip:1 SIP/2.0\r\nFrom: \"sipvicious\"<sip:100@1.1.1.1>\r\n"} {
		if !scans([]byte(b)) {
			t.Errorf("%q passes for a person", b)
		}
	}
	if scans(nil) || scans([]byte(strings.Repeat("x", 5000)+"\nUser-Agent: sipsak\r")) {
		t.Error("nothing, or what lies far behind, is a scanner")
	}
}
