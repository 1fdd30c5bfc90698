// Package torture answers: what does an edge owe to each torture message of
// RFC 4475?
//
// The messages themselves come from sipgo's module, byte for byte. Every one of
// them has a judgement here: the final responses that are right for it from an
// edge that routes calls by number, or silence, and why. Its test sends each to
// the real program over UDP and TCP and asks after each whether it is alive.
package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Silence stands in a Judgement for no answer at all.
const Silence = 0

// Judgement is what is right for one message.
type Judgement struct {
	Name  string
	Valid bool   // RFC 4475 section 3.1.1, or harmless to a proxy
	UDP   []int  // finals that are right over UDP; Silence for none
	TCP   []int  // over TCP; nil means as over UDP
	Why   string // with the section of RFC 4475
}

// Over is what is right over a network, udp or tcp.
func (j Judgement) Over(network string) []int {
	if network == "tcp" && j.TCP != nil {
		return j.TCP
	}
	return j.UDP
}

// Judgements has one entry for every message.
//
// None of the messages dials a public number, so an INVITE that is in order is
// refused with 404; the test also sends such INVITEs with a known number in the
// Request-URI and wants to see them at the gateway.
var Judgements = []Judgement{
	// 3.1.1 valid messages
	{"wsinv", true, []int{403, 481}, nil, "3.1.1.1: tortuous white space is legal; but its To has a tag, and its Route is not one we gave out"},
	{"intmeth", true, []int{405, 501}, nil, "3.1.1.2: every odd character is legal; a method that begins no call here is refused"},
	{"esc01", true, []int{404}, nil, "3.1.1.3: escapes are legal; sips%3Auser is a user name, not a scheme, and no number"},
	{"escnull", true, []int{405}, nil, "3.1.1.4: an escaped NUL is legal in a user part; REGISTER is not served"},
	{"esc02", true, []int{405, 501}, nil, "3.1.1.5: % in a method is no escape, so RE%47IST%45R is not REGISTER"},
	{"lwsdisp", true, []int{200}, nil, "3.1.1.6: no space is needed between display name and <"},
	{"longreq", true, []int{404}, nil, "3.1.1.7: long values and empty ones are legal"},
	{"dblreq", true, []int{405}, nil, "3.1.1.8: over UDP what follows the first request is ignored; over TCP it is the next message"},
	{"semiuri", true, []int{200}, nil, "3.1.1.9: a semicolon in the user part begins no URI parameter"},
	{"transports", true, []int{200}, nil, "3.1.1.10: unknown transports further down the Via stack are not our concern"},
	{"mpart01", true, []int{403, 405}, nil, "3.1.1.11: a binary multipart body is legal; MESSAGE is not served, and its Route leads elsewhere"},
	{"unreason", true, []int{Silence}, nil, "3.1.1.12: a legal response that answers nothing of ours is dropped"},
	{"noreason", true, []int{Silence}, nil, "3.1.1.13: the same with an empty reason phrase"},

	// 3.1.2 invalid messages
	{"badinv01", false, []int{400, Silence}, nil, "3.1.2.1: extraneous separators in Via and Contact"},
	{"clerr", false, []int{400}, []int{Silence, 400}, "3.1.2.2: the datagram ends before its Content-Length; over TCP more could still come"},
	{"ncl", false, []int{400, Silence}, nil, "3.1.2.3: negative Content-Length"},
	{"scalar02", false, []int{400}, nil, "3.1.2.4: CSeq beyond 32 bits"},
	{"scalarlg", false, []int{Silence}, nil, "3.1.2.5: a response is never answered, least of all a broken one"},
	{"quotbal", false, []int{400}, nil, "3.1.2.6: unterminated quote in To"},
	{"ltgtruri", false, []int{400}, nil, "3.1.2.7: <> around the Request-URI"},
	{"lwsruri", false, []int{400}, nil, "3.1.2.8: white space inside the Request-URI"},
	{"lwsstart", false, []int{400}, nil, "3.1.2.9: more than one space between the parts of the start line"},
	{"trws", false, []int{200, 400}, nil, "3.1.2.10: spaces behind SIP/2.0; the RFC lets an element repair it or refuse it"},
	{"escruri", false, []int{400, 404}, nil, "3.1.2.11: headers in the Request-URI; refused or ignored, never acted upon"},
	{"baddate", true, []int{404}, nil, "3.1.2.12: a Date in EST is not the proxy's business"},
	{"regbadct", false, []int{400, 405}, nil, "3.1.2.13: Contact with a ? outside <>; REGISTER is not served anyway"},
	{"badaspec", false, []int{200, 400}, nil, "3.1.2.14: spaces inside <addr-spec>; repaired or refused"},
	{"baddn", false, []int{200, 400}, []int{200, 400, Silence}, "3.1.2.15: a comma in an unquoted display name; repaired or refused. The file has no empty line at its end, so over TCP more could come"},
	{"badvers", false, []int{505}, nil, "3.1.2.16: SIP/7.0"},
	{"mismatch01", false, []int{400}, nil, "3.1.2.17: the method of CSeq is another one"},
	{"mismatch02", false, []int{400, 501}, nil, "3.1.2.18: the same with an unknown method"},
	{"bigcode", false, []int{Silence}, nil, "3.1.2.19: a status beyond three digits, in a response"},

	// 3.2 transaction layer
	{"badbranch", false, []int{200, 400}, nil, "3.2.1: a branch of nothing but the magic cookie identifies no transaction"},

	// 3.3 application layer
	{"insuf", false, []int{400, Silence}, nil, "3.3.1: no Call-ID, From and To; there may be too little to answer with"},
	{"unkscm", false, []int{416}, nil, "3.3.2: unknown scheme in the Request-URI"},
	{"novelsc", false, []int{416}, nil, "3.3.3: known scheme, but not one that SIP routes by"},
	{"unksm2", true, []int{405}, nil, "3.3.4: unknown schemes in To, From and Contact do not concern a proxy; REGISTER is not served"},
	{"bext01", false, []int{420}, nil, "3.3.5: Proxy-Require asks for what no proxy here supports"},
	{"invut", true, []int{404}, nil, "3.3.6: a proxy does not read the body"},
	{"regaut01", true, []int{405}, nil, "3.3.7: an unknown Authorization scheme is for the far end; REGISTER is not served"},
	{"multi01", false, []int{400}, nil, "3.3.8: two values of headers that have one"},
	{"mcl01", false, []int{400}, nil, "3.3.9: two Content-Lengths that differ"},
	{"bcast", true, []int{Silence}, nil, "3.3.10: a response whose next Via is the broadcast address goes nowhere"},
	{"zeromf", true, []int{200, 483}, nil, "3.3.11: Max-Forwards 0; an OPTIONS may be answered (RFC 3261 16.3) or refused"},
	{"cparam01", true, []int{405}, nil, "3.3.12: unknown parameter in Contact; REGISTER is not served"},
	{"cparam02", true, []int{405}, nil, "3.3.13: unknown parameter of a Contact URI; REGISTER is not served"},
	{"regescrt", true, []int{405}, nil, "3.3.14: escaped Route in a Contact URI; REGISTER is not served"},
	{"sdp01", true, []int{404}, nil, "3.3.15: what the caller accepts is between him and the far end"},
	{"inv2543", true, []int{404}, []int{400, 404, Silence}, "3.4.1: an RFC 2543 INVITE without tag, branch and Max-Forwards; over TCP it lacks its Content-Length"},

	// Not of the RFC, but in the same collection.
	{"test", false, []int{400, Silence}, nil, "no version in the start line, no Via, a header without colon"},
}

// Messages reads the collection out of sipgo's module: name without ending to bytes.
func Messages() (map[string]string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err != nil {
		return nil, fmt.Errorf("torture: find sipgo's module: %w", err)
	}
	names, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "sip", "testdata", "torture", "*", "*.dat"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("torture: no messages in sipgo's module (%d files, %v)", len(names), err)
	}
	all := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("torture: %w", err)
		}
		all[strings.TrimSuffix(filepath.Base(name), ".dat")] = string(b)
	}
	return all, nil
}

// CallID finds a message's Call-ID in either spelling, "" when it has none.
func CallID(message string) string {
	for line := range strings.SplitSeq(message, "\r\n") {
		key, value, ok := strings.Cut(line, ":")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "call-id", "i":
			if ok {
				return strings.TrimSpace(value)
			}
		}
	}
	return ""
}

// Dial puts another user into the Request-URI: the INVITE then asks for a number.
func Dial(message, number string) string {
	start, rest, _ := strings.Cut(message, "\r\n")
	method, _, _ := strings.Cut(start, " ")
	return method + " sip:" + number + "@127.0.0.1 SIP/2.0\r\n" + rest
}
