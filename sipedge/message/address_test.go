package message

import (
	"slices"
	"strings"
	"testing"
)

func TestURIs(t *testing.T) {
	for in, want := range map[string]string{ // scheme user password host port params headers
		"sip:bob@example.com":                   "sip bob  example.com 0  ",
		"SIP:h":                                 "SIP   h 0  ",
		"sips:b:pw@h:5061;transport=tcp;lr?a=b": "sips b pw h 5061 transport=tcp;lr a=b",
		"sip:[2001:db8::1]":                     "sip   2001:db8::1 0  ",
		"sip:u@[2001:db8::1]:5070;lr":           "sip u  2001:db8::1 5070 lr ",
		"sip:+1202;npdi;rn=+1301@h;user=phone":  "sip +1202;npdi;rn=+1301  h 0 user=phone ",
		"sip:a?b/c;d@h":                         "sip a?b/c;d  h 0  ",
		"sip:h?Subject=x;y":                     "sip   h 0  Subject=x;y",
		"sip:1_u.U~(t-b!s)&i'+i$/c?,/;;*:&it+h=1@example.com": "sip 1_u.U~(t-b!s)&i'+i$/c?,/;;* &it+h=1 example.com 0  ",
		"tel:+1-202-555-0143;npdi;phone-context=+1":           "tel +1-202-555-0143;npdi;phone-context=+1   0 npdi;phone-context=+1 ",
		"urn:service:sos":              "urn    0  ",
		"soap.beep://192.0.2.103:3002": "soap.beep    0  ",
	} {
		u, err := ParseURI([]byte(in))
		got := strings.Join([]string{string(u.Scheme), string(u.User), string(u.Password), string(u.Host), decimal(int(u.Port)), string(u.Params), string(u.Headers)}, " ")
		if err != nil || got != want || string(u.Raw) != in {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "bob", ":x", "1sip:h", "sip:", "sip:@h", "sip::p@h", "sip:a@b@c", "sip:a@b;x=c@d", "sip:a@", "sip:h:", "sip:h:70000", "sip:h:5x",
		"sip:h h", "sip:<h>", "sip:[::1", "sip:[x]", "sip:2001:db8::1", "sip:h\r\nX: y", "sip:h\x00", "sip:h/x", "tel:", "tel:;npdi", "s_p:x", "sip:a\"b@h"} {
		if u, err := ParseURI([]byte(in)); err == nil {
			t.Errorf("%q is read as %+v", in, u)
		}
	}
	u, _ := ParseURI([]byte("sip:+1202;npdi;rn=+1301@h;Transport=TCP;lr"))
	user, params := u.UserParts()
	rn, _ := Param(params, "RN")
	transport, _ := u.Param("transport")
	value, lr := u.Param("LR")
	_, none := u.Param("l")
	if string(user) != "+1202" || string(rn) != "+1301" || string(transport) != "TCP" || !lr || value != nil || none {
		t.Errorf("%q %q %q %v %q %v", user, rn, transport, lr, value, none)
	}
}

func TestNameAddrs(t *testing.T) {
	for in, want := range map[string]string{ // display | uri | params
		"<sip:a@b>":                            "|sip:a@b|",
		" <sip:a@b> ;tag=1 ":                   "|sip:a@b|;tag=1",
		"sip:a@b;tag=1":                        "|sip:a@b|;tag=1",
		"sip:a@b":                              "|sip:a@b|",
		"Alice <sip:a@b;x=y>;tag=1":            "Alice|sip:a@b;x=y|;tag=1",
		"\"A \\\"<,;>\\\" B\" <sip:a@b>;q=0.5": "\"A \\\"<,;>\\\" B\"|sip:a@b|;q=0.5",
		"Bell, Alexander <sip:a@b>;tag=43":     "Bell, Alexander|sip:a@b|;tag=43",
		"\"W\" < sip:a@b >":                    "\"W\"|sip:a@b|",
		"sip:a@b;x=\"<q>\"":                    "|sip:a@b|;x=\"<q>\"",
		"caller<sip:c@d>;tag=3":                "caller|sip:c@d|;tag=3",
	} {
		a, err := ParseNameAddr([]byte(in))
		if got := string(a.Display) + "|" + string(a.URI) + "|" + string(a.Params); err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", " ", "<>", "<sip:a@b", "\"A <sip:a@b>", "<sip:a@b> tag=1", ";tag=1", "\"A\"", "<sip:a@b>>"} {
		if a, err := ParseNameAddr([]byte(in)); err == nil {
			t.Errorf("%q is read as %q %q %q", in, a.Display, a.URI, a.Params)
		}
	}
}

func TestParams(t *testing.T) {
	const list = ` ;a=1; B = "x;y\"z" ;flag ;;=bad; c=<http://h;x>;tag=t`
	for name, want := range map[string]string{"a": "1", "b": `x;y\"z`, "c": "<http://h;x>", "TAG": "t"} {
		if v, ok := Param([]byte(list), name); !ok || string(v) != want {
			t.Errorf("%s: %q %v, want %q", name, v, ok, want)
		}
	}
	if v, ok := Param([]byte(list), "flag"); !ok || v != nil {
		t.Errorf("flag: %q %v", v, ok)
	}
	for _, name := range []string{"x", "y", "bad", ""} {
		if _, ok := Param([]byte(list), name); ok {
			t.Errorf("%q is found", name)
		}
	}
	if v, ok := Param([]byte("lr"), "LR"); !ok || v != nil {
		t.Error("a list without the first semicolon")
	}
	if string(Tag([]byte(";x;tag=9"))) != "9" || Tag([]byte(";x")) != nil {
		t.Error("tag")
	}
}

func TestValuesSplitOutsideQuotesAndBrackets(t *testing.T) {
	m := parsed(t, invite("To: =>Diversion: \"a,b\" <sip:a,b@h>;reason=x, ,<sip:c@h>;x=\"1,2\"\r\nDate: Sat, 13 Nov 2010 23:29:00 GMT\r\nDiversion: <sip:d@h>\r\nTo: "))
	if got, want := slices.Collect(m.Values(KDiversion)), []string{`"a,b" <sip:a,b@h>;reason=x`, `<sip:c@h>;x="1,2"`, `<sip:d@h>`}; len(got) != len(want) {
		t.Errorf("%q", got)
	} else {
		for i := range want {
			if string(got[i]) != want[i] {
				t.Errorf("%q, want %q", got[i], want[i])
			}
		}
	}
	if got := slices.Collect(m.Values(KDate)); len(got) != 1 || string(got[0]) != "Sat, 13 Nov 2010 23:29:00 GMT" {
		t.Errorf("a Date is no list: %q", got)
	}
	if m.Count(KWarning) != 0 {
		t.Error("counts what is not there")
	}
	for range m.Values(KDiversion) {
		break
	}
}

func TestViaTarget(t *testing.T) {
	for in, want := range map[string]string{
		"SIP/2.0/UDP 192.0.2.1":                                      "192.0.2.1:5060",
		"SIP/2.0/TLS 192.0.2.1":                                      "192.0.2.1:5061",
		"SIP/2.0/UDP 192.0.2.1:7":                                    "192.0.2.1:7",
		"SIP/2.0/UDP host;received=192.0.2.9":                        "192.0.2.9:5060",
		"SIP/2.0/UDP host:7;received=192.0.2.9;rport=9":              "192.0.2.9:9",
		"SIP/2.0/UDP [2001:db8::1]:7":                                "[2001:db8::1]:7",
		"SIP/2.0/UDP h;received=[2001:db8::9]":                       "[2001:db8::9]:5060",
		"SIP/2.0/UDP h;received=2001:db8::9":                         "[2001:db8::9]:5060",
		"SIP/2.0/UDP [::ffff:192.0.2.2]":                             "192.0.2.2:5060",
		"SIP / 2.0 / UDP 192.0.2.1 : 4000 ; ttl=16; branch=z9hG4bKa": "192.0.2.1:4000",
	} {
		v, err := ParseVia([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got, ok := v.Target(); !ok || got.String() != want {
			t.Errorf("%s: %v %v, want %s", in, got, ok, want)
		}
	}
	for _, in := range []string{"SIP/2.0/UDP host", "SIP/2.0/UDP 256.0.0.1", "SIP/2.0/UDP 1.2.3", "SIP/2.0/UDP 1.2.3.4.5", "SIP/2.0/UDP [2001:db8:::1]", "SIP/2.0/UDP 0001.2.3.4"} {
		v, err := ParseVia([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got, ok := v.Target(); ok {
			t.Errorf("%s: %v", in, got)
		}
	}
	if _, err := ParseVia([]byte("SIP/2.0/UDP a, SIP/2.0/UDP b")); err == nil {
		t.Error("two values are one")
	}
	a, _ := ParseVia([]byte("SIP/2.0/UDP Host:5060;branch=Z9HG4BKx"))
	b, _ := ParseVia([]byte("SIP/2.0/TCP hOST:5060;branch=z9hG4bK"))
	c, _ := ParseVia([]byte("SIP/2.0/TCP hOST"))
	if !a.SameSentBy(&b) || a.SameSentBy(&c) || !a.RFC3261() || b.RFC3261() || c.RFC3261() {
		t.Error("sent-by or cookie")
	}
}
