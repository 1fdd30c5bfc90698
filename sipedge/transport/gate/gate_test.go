package gate

import (
	"fmt"
	"strings"
	"testing"
)

const sdp = "v=0\r\nc=IN IP4 192.0.2.1\r\n"

// good is a request that passes; lines are exchanged by tests.
var good = strings.Join([]string{
	"INVITE sip:+12025550143@192.0.2.10 SIP/2.0",
	"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds;rport",
	"Max-Forwards: 70",
	"From: <sip:+14155550100@192.0.2.1>;tag=1928301774",
	"To: <sip:+12025550143@192.0.2.10>",
	"Call-ID: a84b4c76e66710@192.0.2.1",
	"CSeq: 314159 INVITE",
	"Subject: hello",
	fmt.Sprintf("Content-Length: %d", len(sdp)), "", sdp}, "\r\n")

var response = strings.Replace(good, "INVITE sip:+12025550143@192.0.2.10 SIP/2.0", "SIP/2.0 200 OK", 1)

func swap(from, to string) string {
	if !strings.Contains(good, from) {
		panic("the good message has no " + from)
	}
	return strings.Replace(good, from, to, 1)
}

func extra(lines ...string) string { return swap("Subject: hello", strings.Join(lines, "\r\n")) }

func TestDatagram(t *testing.T) {
	many := func(n int, f string) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf(f, i))
		}
		return out
	}
	for name, c := range map[string]struct {
		msg    string
		action Action
		reason Reason
	}{
		"good":                      {good, Pass, None},
		"response":                  {response, Pass, None},
		"response without reason":   {strings.Replace(response, "200 OK", "100 ", 1), Pass, None},
		"response without blank":    {strings.Replace(response, "200 OK", "100", 1), Pass, None},
		"leading line ends":         {"\r\n\r\n" + good, Pass, None},
		"compact names":             {strings.NewReplacer("Via:", "v:", "From:", "f:", "To:", "t:", "Call-ID:", "i:", "Content-Length:", "l:").Replace(good), Pass, None},
		"names in any case":         {strings.NewReplacer("Via", "vIA", "Call-ID", "CALL-id", "CSeq", "cseq", "Content-Length", "CONTENT-LENGTH").Replace(good), Pass, None},
		"blanks before the colon":   {strings.NewReplacer("Via:", "Via  :", "To:", "To\t:").Replace(good), Pass, None},
		"no blank after the colon":  {strings.ReplaceAll(good, ": ", ":"), Pass, None},
		"folded":                    {swap("314159 INVITE", "314159\r\n\tINVITE"), Pass, None},
		"folded length":             {swap("Content-Length: ", "Content-Length:\r\n   "), Pass, None},
		"version in lower case":     {swap("SIP/2.0\r\nVia", "sip/2.0\r\nVia"), Pass, None},
		"no Max-Forwards":           {swap("Max-Forwards: 70\r\n", ""), Pass, None},
		"no length":                 {swap(fmt.Sprintf("Content-Length: %d\r\n", len(sdp)), ""), Pass, None},
		"equal lengths":             {swap("Content-Length", fmt.Sprintf("l: %d\r\nContent-Length", len(sdp))), Pass, None},
		"length with zeros":         {swap("Content-Length: ", "Content-Length: 00"), Pass, None},
		"body longer than length":   {good + "more", Pass, None},
		"UTF-8":                     {extra("Subject: сто девяносто"), Pass, None},
		"0xff":                      {extra("Subject: \xff~~~~~~~~~~~~~~"), Pass, None},
		"escaped control":           {swap("From: <", "From: \"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\" <"), Pass, None},
		"odd method":                {strings.ReplaceAll(good, "INVITE", "!interesting-Method0123456789_*+`.%indeed'~"), Pass, None},
		"two of a list header":      {extra("P-Asserted-Identity: <tel:+1>", "P-Asserted-Identity: <sip:a@b>", "Supported: a", "k: b"), Pass, None},
		"128 headers":               {extra(many(121, "X-%d: a")...), Pass, None},
		"many Via values in a line": {extra("Via: " + strings.Join(many(40, "SIP/2.0/UDP h%d;branch=z9hG4bK1;rport"), ", ")), Pass, None},
		"64 parameters":             {extra("X: a" + strings.Join(many(64, ";p%d"), "")), Pass, None},

		"empty":          {"", Drop, KeepAlive},
		"line ends":      {"\r\n\r\n\r\n", Drop, KeepAlive},
		"NULs":           {strings.Repeat("\x00", 100), Drop, STUN},
		"STUN":           {"\x00\x01\x00\x08\x21\x12\xa4\x42", Drop, STUN},
		"TLS":            {"\x16\x03\x01\x02\x00\x01\x00", Drop, NotSIP},
		"HTTP":           {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Drop, NotSIP},
		"no version":     {swap(" SIP/2.0\r\nVia", "\r\nVia"), Drop, NotSIP},
		"one word":       {"INVITE\r\n\r\n", Drop, NotSIP},
		"half a line":    {good[:20], Drop, NotSIP},
		"long method":    {strings.ReplaceAll(good, "INVITE", strings.Repeat("A", 65)), Drop, NotSIP},
		"bad method":     {swap("INVITE sip", "INV(ITE sip"), Drop, NotSIP},
		"LF only":        {strings.ReplaceAll(good, "\r\n", "\n"), Drop, NotSIP},
		"control in URI": {swap("INVITE sip:", "INVITE sip:\x01"), Drop, NotSIP},

		"other version":       {swap("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), Refuse, Version},
		"blanks in start":     {swap("INVITE sip", "INVITE  sip"), Refuse, BadStartLine},
		"blank in URI":        {swap("192.0.2.10 SIP", "192.0.2.10; lr SIP"), Refuse, BadStartLine},
		"blank at the end":    {swap("SIP/2.0\r\nVia", "SIP/2.0  \r\nVia"), Refuse, BadStartLine},
		"long URI":            {swap("sip:+", "sip:"+strings.Repeat("1", MaxStartLine)), Refuse, URITooLong},
		"crowded URI":         {swap("192.0.2.10 SIP", "192.0.2.10"+strings.Repeat(";a", 65)+" SIP"), Refuse, TooManyParams},
		"no blank line":       {good[:strings.Index(good, "\r\n\r\n")], Refuse, NoEnd},
		"CR at the end":       {good[:strings.Index(good, "\r\n\r\n")+1], Refuse, NoEnd},
		"bare LF":             {extra("Subject: a\nX-Evil: b"), Refuse, BareNewline},
		"bare CR":             {extra("Subject: a\rX-Evil: b"), Refuse, BareNewline},
		"NUL":                 {extra("Subject: a\x00b"), Refuse, Control},
		"vertical tab":        {extra("Subject: a\vb"), Refuse, Control},
		"DEL":                 {extra("Subject: a\x7fb"), Refuse, Control},
		"escape unquoted":     {extra("Subject: a\\\x01b"), Refuse, Control},
		"control in From":     {swap("From: <", "From: \x01<"), Drop, Control}, // it would come back in the answer
		"no colon":            {extra("Subject hello"), Refuse, BadHeader},
		"empty name":          {extra(": hello"), Refuse, BadHeader},
		"blank in name":       {extra("Sub ject: hello"), Refuse, BadHeader},
		"UTF-8 in name":       {extra("Subj\xc3\xa9ct: hello"), Refuse, BadHeader},
		"fold first":          {swap("\r\nVia", "\r\n Via"), Drop, NotSIP},
		"129 headers":         {extra(many(122, "X-%d: a")...), Refuse, TooManyHeaders},
		"65 parameters":       {extra("X: a" + strings.Join(many(65, ";p%d"), "")), Refuse, TooManyParams},
		"commas in quotes":    {extra("X: \"" + strings.Join(many(65, ",;%d"), "") + "\""), Refuse, TooManyParams},
		"long line":           {extra("X: " + strings.Repeat("a", MaxLine)), Refuse, LineTooLong},
		"long fold":           {extra("X: " + strings.Repeat("a\r\n ", MaxLine/4)), Refuse, LineTooLong},
		"two From":            {extra("f: <sip:b@c>"), Refuse, Duplicate},
		"two To":              {extra("To: <sip:b@c>"), Refuse, Duplicate},
		"two Call-ID":         {extra("I : a84b4c76e66710@192.0.2.1"), Refuse, Duplicate},
		"two CSeq":            {extra("CSEQ: 314159 INVITE"), Refuse, Duplicate},
		"two Max-Forwards":    {extra("max-forwards: 70"), Refuse, Duplicate},
		"two Content-Type":    {extra("c: a/b", "Content-Type: a/b"), Refuse, Duplicate},
		"different lengths":   {swap("Content-Length", "l: 3\r\nContent-Length"), Refuse, BadLength},
		"negative length":     {swap("Content-Length: ", "Content-Length: -"), Refuse, BadLength},
		"hex length":          {swap("Content-Length: ", "Content-Length: 0x"), Refuse, BadLength},
		"length 2^32":         {swap("Content-Length: ", "Content-Length: 42949672"), Refuse, BadLength},
		"empty length":        {swap(fmt.Sprintf("Content-Length: %d", len(sdp)), "Content-Length:"), Refuse, BadLength},
		"length beyond body":  {good[:len(good)-1], Refuse, ShortBody},
		"CSeq of another":     {swap("314159 INVITE", "314159 OPTIONS"), Refuse, CSeqMethod},
		"CSeq in other case":  {swap("314159 INVITE", "314159 invite"), Refuse, CSeqMethod},
		"CSeq 2^31":           {swap("314159 INVITE", "2147483648 INVITE"), Refuse, BadCSeq},
		"CSeq without method": {swap("314159 INVITE", "314159"), Refuse, BadCSeq},
		"CSeq negative":       {swap("314159", "-1"), Refuse, BadCSeq},
		"CSeq glued":          {swap("314159 INVITE", "314159INVITE"), Refuse, BadCSeq},
		"no From":             {swap("From", "From-"), Refuse, Missing},
		"no To":               {swap("To:", "Toto:"), Refuse, Missing},
		"no Call-ID":          {swap("Call-ID", "Call-Id-"), Refuse, Missing},
		"no CSeq":             {swap("CSeq", "CSeq-"), Refuse, Missing},
		"no Via":              {swap("Via", "Via-"), Drop, Missing},

		"faulty ACK":            {strings.ReplaceAll(extra("To: <sip:b@c>"), "INVITE", "ACK"), Drop, Duplicate},
		"faulty response":       {strings.Replace(response, "Call-ID", "X", 1), Drop, Missing},
		"response code 0":       {strings.Replace(response, "200 OK", "000 OK", 1), Drop, BadStartLine},
		"response code 999":     {strings.Replace(response, "200 OK", "999 OK", 1), Drop, BadStartLine},
		"response code 2^32":    {strings.Replace(response, "200 OK", "4294967301 OK", 1), Drop, BadStartLine},
		"response of SIP/7.0":   {strings.Replace(response, "SIP/2.0 200", "SIP/7.0 200", 1), Drop, BadStartLine},
		"response cut in two":   {response[:len(response)-5], Drop, ShortBody},
		"response with no line": {"SIP/2.0 200 OK\r\n", Drop, NoEnd},
	} {
		t.Run(name, func(t *testing.T) {
			v := Datagram([]byte(c.msg))
			if v.Action != c.action || v.Reason != c.reason {
				t.Fatalf("action %d because %v, want %d because %v", v.Action, v.Reason, c.action, c.reason)
			}
			if (v.Code() > 0) != (v.Action == Refuse) {
				t.Errorf("code %d with action %d", v.Code(), v.Action)
			}
			if v.Action != Pass {
				return
			}
			if !strings.HasPrefix(c.msg[v.Body:], sdp) || c.msg[v.Body:v.End] != sdp || strings.ContainsAny(c.msg[v.Start:v.Start+1], "\r\n") {
				t.Errorf("start %d, body %q", v.Start, c.msg[v.Body:v.End])
			}
		})
	}
}

func TestHeadOfStream(t *testing.T) {
	head := good[:strings.Index(good, "\r\n\r\n")+4]
	v := Head([]byte(head))
	if v.Action != Pass || v.Broken || v.End != len(good) || v.Body != len(head) {
		t.Errorf("a head alone: %+v, want the end at %d", v, len(good))
	}
	for name, c := range map[string]struct {
		msg    string
		reason Reason
		broken bool
	}{
		"no length":    {strings.Replace(head, "Content-Length", "X", 1), NoLength, true},
		"two lengths":  {strings.Replace(head, "Content-Length", "l: 3\r\nContent-Length", 1), BadLength, true},
		"two To":       {strings.Replace(head, "Subject: hello", "t: <sip:b@c>", 1), Duplicate, false},
		"bare LF":      {strings.Replace(head, "hello", "a\nb", 1), BareNewline, true},
		"version":      {strings.Replace(head, "SIP/2.0\r\nVia", "SIP/3.0\r\nVia", 1), Version, false},
		"missing From": {strings.Replace(head, "From", "Form", 1), Missing, false},
	} {
		v := Head([]byte(c.msg))
		if v.Action != Refuse || v.Reason != c.reason || v.Broken != c.broken {
			t.Errorf("%s: %+v, want %v, broken %v", name, v, c.reason, c.broken)
		}
		if !c.broken && v.End != len(c.msg)+len(sdp) {
			t.Errorf("%s: the next message begins at %d, want %d", name, v.End, len(c.msg)+len(sdp))
		}
	}
}

func TestReasonsAreComplete(t *testing.T) {
	names := map[string]bool{}
	for r := range Reasons {
		if r.String() == "" || names[r.String()] || r != None && r.Text() == "" {
			t.Errorf("reason %d: name %q, text %q", r, r, r.Text())
		}
		names[r.String()] = true
	}
}

func TestPlainSeesEveryPosition(t *testing.T) {
	for n := range 80 {
		for at := range n {
			for _, c := range []byte{0, '\t', '\n', 0x1f, 0x7f} {
				b := []byte(strings.Repeat("~", n))
				if !plain(b) {
					t.Fatalf("%d tildes are not plain", n)
				}
				if b[at] = c; plain(b) || control(b, 0) != at {
					t.Fatalf("%#x at %d of %d was not seen", c, at, n)
				}
			}
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	for _, m := range []string{good, response, extra("Subject: a\x00b"), strings.Replace(good, "Length: ", "Length: 9", 1)} {
		b := []byte(m)
		if n := testing.AllocsPerRun(100, func() { Datagram(b); Head(b) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}

// FuzzGate: whatever comes, the verdict stays inside the bytes and what passes
// has the shape the package promises.
func FuzzGate(f *testing.F) {
	for _, s := range []string{good, response, "\r\n" + good, extra("Subject: a\x00b", "l: 3"), swap("314159 INVITE", "314159\r\n\tINVITE"), "\x00\x01", "GET / HTTP/1.1\r\n\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := string(b)
		v := Datagram(b)
		if string(b) != before {
			t.Fatal("the gate changed the bytes")
		}
		if v.Start < 0 || v.End < v.Start || v.End > len(b) || v.Body != 0 && (v.Body < v.Start || v.Body > v.End) {
			t.Fatalf("outside of %d bytes: %+v", len(b), v)
		}
		if v.Action == Pass {
			shape(t, string(b[v.Start:v.Body]))
		}
		if h := Head(b); h.Action == Pass && (v.Action == Pass && h.End != v.End || h.End < h.Body) {
			t.Fatalf("a stream ends at %d, a datagram at %d", h.End, v.End)
		}
	})
}

// shape checks a head that passed, slowly and by other means.
func shape(t *testing.T, head string) {
	if strings.Count(head, "\r\n\r\n") != 1 || !strings.HasSuffix(head, "\r\n\r\n") {
		t.Fatal("a blank line inside the head")
	}
	if s := strings.ReplaceAll(head, "\r\n", ""); strings.ContainsAny(s, "\r\n") {
		t.Fatal("a bare CR or LF passed")
	}
	lines := strings.Split(strings.NewReplacer("\r\n ", "  ", "\r\n\t", "  ").Replace(strings.TrimSuffix(head, "\r\n\r\n")), "\r\n")
	if len(lines)-1 > MaxHeaders {
		t.Fatalf("%d headers passed", len(lines)-1)
	}
	count := map[string]int{}
	for _, l := range lines[1:] {
		name, _, ok := strings.Cut(l, ":")
		if name = strings.ToLower(strings.TrimRight(name, " \t")); !ok || name == "" || strings.ContainsAny(name, " \t\"<>;,") {
			t.Fatalf("a header line %q passed", l)
		}
		long := map[string]string{"v": "via", "f": "from", "t": "to", "i": "call-id"}
		if full, ok := long[name]; ok {
			name = full
		}
		count[name]++
	}
	for _, n := range []string{"from", "to", "call-id", "cseq"} {
		if count[n] != 1 {
			t.Fatalf("%d of %s passed", count[n], n)
		}
	}
	if count["via"] == 0 {
		t.Fatal("no Via passed")
	}
}
