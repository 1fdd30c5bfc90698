package message

import (
	"bytes"
	"fmt"
	"strings"
)

const sdp = "v=0\r\n" +
	"o=- 1718973 1718973 IN IP4 203.0.113.21\r\n" +
	"s=session\r\n" +
	"c=IN IP4 203.0.113.21\r\n" +
	"t=0 0\r\n" +
	"m=audio 18240 RTP/AVP 0 8 101\r\n" +
	"a=rtpmap:0 PCMU/8000\r\n" +
	"a=rtpmap:8 PCMA/8000\r\n" +
	"a=rtpmap:101 telephone-event/8000\r\n" +
	"a=fmtp:101 0-16\r\n" +
	"a=ptime:20\r\n" +
	"a=maxptime:20\r\n" +
	"a=sendrecv\r\n"

// lines makes a message of header lines and a body, with the length right.
func lines(body string, head ...string) []byte {
	var b strings.Builder
	for _, l := range head {
		b.WriteString(strings.ReplaceAll(l, "{length}", fmt.Sprint(len(body))))
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n")
	b.WriteString(body)
	return []byte(b.String())
}

// The INVITEs below are made up in the manner of three providers.

func twilio() []byte {
	return lines(sdp,
		"INVITE sip:+12025550143@sbc.example.net:5060 SIP/2.0",
		"Record-Route: <sip:203.0.113.20:5060;lr;ftag=71930245_c3356d0b_1a2f>",
		"Record-Route: <sip:198.51.100.7;lr;r2=on>",
		"From: <sip:+13125550177@carrier.example.com:5060;pstn-params=9088;cpc=ordinary>;tag=71930245_c3356d0b_1a2f",
		"To: <sip:+12025550143@sbc.example.net:5060;user=phone>",
		"CSeq: 28214 INVITE",
		"Max-Forwards: 64",
		"Diversion: <sip:+18005550100@carrier.example.com>;reason=unconditional",
		"Call-ID: 5b8e8f0d2f7b4d1e9c3a6f1207d4e9aa@0.0.0.0",
		"Via: SIP/2.0/UDP 203.0.113.20:5060;branch=z9hG4bK4cf1.8b1d7c65a3e0f.0;rport",
		"Via: SIP/2.0/UDP 198.51.100.7;rport=5060;branch=z9hG4bK71930245_c3356d0b_5431-811",
		"Contact: <sip:+13125550177@198.51.100.7:5060;transport=udp>",
		"Allow: INVITE,ACK,CANCEL,OPTIONS,BYE,INFO",
		"User-Agent: Carrier Gateway",
		"X-Carrier-CallSid: CA0f5d6f4b7b1b4f2a8d2c3b4a59687c10",
		"Content-Type: application/sdp",
		"Content-Length: {length}")
}

func telnyx() []byte {
	return lines(sdp,
		"INVITE sip:12025550143@192.0.2.50 SIP/2.0",
		"v:SIP/2.0/UDP 192.0.2.130:5060;rport;branch=z9hG4bKpKcSe9tU2NZ8m,SIP/2.0/UDP 10.13.2.9;branch=z9hG4bK-2;received=10.13.2.9",
		"Max-Forwards:69",
		"f:\"Smith, \\\"J\\\"\"<sip:+13125550177@192.0.2.130>;tag=9Ng1yS8m5rDjQ",
		"To:<sip:12025550143@192.0.2.50>",
		"i:b5f19c63-2a4e-123c-7b8a-0a6b1c2d3e4f",
		"CSeq:84613377 INVITE",
		"m:<sip:mod_sofia@192.0.2.130:5060>",
		"User-Agent:SoftSwitch",
		"Allow:INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY",
		"k:timer, path",
		"Session-Expires:1800;refresher=uac",
		"P-Asserted-Identity:\"Smith, J\" <sip:+13125550177@192.0.2.130>",
		"c:application/sdp",
		"l:{length}")
}

func bandwidth() []byte {
	return lines(sdp,
		"INVITE sip:+12025550143@192.0.2.50:5060 SIP/2.0",
		"Via: SIP/2.0/UDP 198.51.100.131:5060;branch=z9hG4bK0bBe5d0a1c2b3d4e",
		"From: <sip:+13125550177@198.51.100.131;isup-oli=0>;tag=gK0a2c1b3d",
		"To: <sip:+12025550143@192.0.2.50>",
		"Call-ID: 1142930157_61829134@198.51.100.131",
		"CSeq: 81235 INVITE",
		"Max-Forwards: 70",
		"Allow: INVITE,ACK,CANCEL,BYE,REGISTER,REFER,INFO,SUBSCRIBE,NOTIFY,PRACK,UPDATE,OPTIONS",
		"Accept: application/sdp, application/isup, application/dtmf, application/dtmf-relay, multipart/mixed",
		"Contact: <sip:+13125550177@198.51.100.131:5060>",
		"P-Asserted-Identity: <sip:+13125550177@198.51.100.131:5060>",
		"Privacy: none",
		"Identity: eyJhbGciOiJFUzI1NiIsInBwdCI6InNoYWtlbiJ9.eyJhdHRlc3QiOiJBIn0.c2ln;info=<https://cert.example.org/a;b.pem>;alg=ES256;ppt=shaken",
		"Supported: timer,100rel,precondition",
		"Session-Expires: 1800",
		"Min-SE: 90",
		"Content-Length: {length}",
		"Content-Disposition: session;handling=optional",
		"Content-Type: application/sdp")
}

// plain is the INVITE the benchmarks measure: 13 headers, about 1100 bytes.
func plain() []byte {
	return lines(sdp+strings.Repeat("a=x-pad:0123456789012345678901234567890123456789\r\n", 3),
		"INVITE sip:+12025550143@192.0.2.50:5060 SIP/2.0",
		"Via: SIP/2.0/UDP 198.51.100.131:5060;branch=z9hG4bK0bBe5d0a1c2b3d4e;rport",
		"From: <sip:+13125550177@198.51.100.131>;tag=gK0a2c1b3d",
		"To: <sip:+12025550143@192.0.2.50>",
		"Call-ID: 1142930157_61829134@198.51.100.131",
		"CSeq: 81235 INVITE",
		"Max-Forwards: 70",
		"Contact: <sip:+13125550177@198.51.100.131:5060>",
		"Allow: INVITE,ACK,CANCEL,BYE,REFER,INFO,NOTIFY,PRACK,UPDATE,OPTIONS",
		"P-Asserted-Identity: <sip:+13125550177@198.51.100.131:5060>",
		"Supported: timer,100rel",
		"User-Agent: Gateway 7.1",
		"Content-Type: application/sdp",
		"Content-Length: {length}")
}

func answer() []byte {
	return lines(sdp,
		"SIP/2.0 200 OK",
		"Via: SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bKe1a2b3c4d5e6f708192a3b4c",
		"Via: SIP/2.0/UDP 198.51.100.131:5060;branch=z9hG4bK0bBe5d0a1c2b3d4e;rport=5060;received=198.51.100.131",
		"Record-Route: <sip:"+strings.Repeat("T", 110)+"@192.0.2.50;lr>",
		"From: <sip:+13125550177@198.51.100.131>;tag=gK0a2c1b3d",
		"To: <sip:+12025550143@192.0.2.50>;tag=as6f1c2d",
		"Call-ID: 1142930157_61829134@198.51.100.131",
		"CSeq: 81235 INVITE",
		"Contact: <sip:agent@10.1.2.3:5080>",
		"Server: Box 2",
		"Content-Type: application/sdp",
		"Content-Length: {length}")
}

// reporter is testing.T, or rapid's.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// parsed parses what must be readable.
func parsed(t reporter, raw []byte) *Message {
	t.Helper()
	m := new(Message)
	if err := m.Parse(bytes.Clone(raw)); err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	return m
}

// judge is the code and reason of Parse, served where there is none.
func judge(raw []byte) (int, string) {
	err := new(Message).Parse(bytes.Clone(raw))
	if err == nil {
		return served, ""
	}
	f := err.(*Fault)
	return f.Code, f.Reason
}
