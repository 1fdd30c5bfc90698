package message

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// silence is a Fault that is never answered; served is no Fault.
const (
	silence = 0
	served  = -1
)

// judgements says what a careful proxy does with each message of RFC 4475 and
// RFC 5118 before it looks at routes, schemes, hops and extensions.
var judgements = map[string]int{
	// RFC 4475 3.1.1, valid messages.
	"wsinv": served, "intmeth": served, "esc01": served, "escnull": served, "esc02": served,
	"lwsdisp": served, "longreq": served, "dblreq": served, "semiuri": served, "transports": served,
	"mpart01": served, "unreason": served, "noreason": served,
	// 3.1.2, invalid messages.
	"badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": silence, "quotbal": 400,
	"ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400,
	"baddate": served, "regbadct": served, "badaspec": served, "badvers": 505,
	"mismatch01": 400, "mismatch02": 400, "bigcode": silence,
	"baddn": 400, // its empty line is missing in this copy
	"test":  silence,
	// 3.2, transaction layer.
	"badbranch": 400,
	// 3.3, application layer: the proxy decides, or the element behind it.
	"insuf": 400, "unkscm": served, "novelsc": served, "unksm2": served, "bext01": served,
	"invut": served, "regaut01": served, "multi01": 400, "mcl01": 400, "bcast": served,
	"zeromf": served, "cparam01": served, "cparam02": served, "regescrt": served, "sdp01": served,
	// 3.4, backward compatibility.
	"inv2543": served,
	// RFC 5118 4.1 to 4.10.
	"rfc5118-ipv6-good": served, "rfc5118-ipv6-bad": 400, "rfc5118-port-ambiguous": served,
	"rfc5118-port-unambiguous": served, "rfc5118-via-received-param-with-delim": served,
	"rfc5118-via-received-param-no-delim": served, "rfc5118-ipv6-in-sdp": served,
	"rfc5118-mult-ip-in-sdp": served, "rfc5118-mult-ip-in-header": served,
	"rfc5118-ipv4-mapped-ipv6": served, "rfc5118-ipv6-bug-abnf-3-colons": served,
}

func torture(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(f), ".dat")] = b
	}
	return all
}

func TestTortureIsJudgedAsACarefulProxyDoes(t *testing.T) {
	all := torture(t)
	if len(all) != len(judgements) {
		t.Errorf("%d files, %d judgements", len(all), len(judgements))
	}
	var m Message
	for name, raw := range all {
		want, ok := judgements[name]
		if !ok {
			t.Errorf("%s: no judgement", name)
			continue
		}
		err := m.Parse(bytes.Clone(raw))
		got, why := served, ""
		if f := (*Fault)(nil); errors.As(err, &f) {
			got, why = f.Code, f.Reason
		}
		if got != want {
			t.Errorf("%s: judged %d (%s), want %d", name, got, why, want)
		}
		t.Logf("%s: %d %s", name, got, why)
	}
}
