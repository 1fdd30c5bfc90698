package gate

import (
	"fmt"
	"strings"
	"testing"
)

func invite() []byte {
	sdp := "v=0\r\no=- 20518 0 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\n" +
		"m=audio 54609 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n" +
		"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
	return []byte(strings.Join([]string{
		"INVITE sip:+12025550143@203.0.113.10:5060;transport=udp SIP/2.0",
		"Record-Route: <sip:54.172.60.1;r2=on;lr;ftag=9f1a2b3c>",
		"Via: SIP/2.0/UDP 54.172.60.1:5060;branch=z9hG4bK1c3d.5a7f2b1e0c9d8a7b6c5d4e3f2a1b0c9d.0",
		"Via: SIP/2.0/UDP 172.18.22.33:5060;rport=5060;branch=z9hG4bK3a9f1c2b-7d6e-4f5a-8b9c-0d1e2f3a4b5c",
		"Max-Forwards: 66",
		"From: \"+14155550100\" <sip:+14155550100@pstn.example.com>;tag=41283749_c3356d0b_9f1a2b3c",
		"To: <sip:+12025550143@203.0.113.10>",
		"Call-ID: 8f14e45fceea167a5a36dedd4bea2543@0.0.0.0",
		"CSeq: 24812 INVITE",
		"Contact: <sip:+14155550100@172.18.22.33:5060;transport=udp>",
		"User-Agent: Example Gateway",
		"Allow: INVITE,ACK,CANCEL,BYE,REFER,NOTIFY,OPTIONS",
		"X-Call-Sid: CA0123456789abcdef0123456789abcdef",
		"Content-Type: application/sdp",
		fmt.Sprintf("Content-Length: %d", len(sdp)), "", ""}, "\r\n") + sdp)
}

func BenchmarkGateInvite(b *testing.B) {
	m := invite()
	if v := Datagram(m); v.Action != Pass {
		b.Fatalf("the benchmark's message does not pass: %v", v.Reason)
	}
	b.SetBytes(int64(len(m)))
	b.ReportAllocs()
	for b.Loop() {
		Datagram(m)
	}
}
