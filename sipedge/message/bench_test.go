package message

import (
	"net/netip"
	"testing"
)

var source = netip.MustParseAddrPort("198.51.100.131:5060")

func BenchmarkParse(b *testing.B) {
	for name, raw := range map[string][]byte{
		"invite": plain(), "twilio": twilio(), "telnyx": telnyx(), "bandwidth": bandwidth(), "answer": answer(),
	} {
		b.Run(name, func(b *testing.B) {
			var m Message
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if err := m.Parse(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func forwarded() *Edit {
	return &Edit{
		URI:             []byte("sip:+12025550143@10.0.0.5:5060"),
		PushVia:         []byte("SIP/2.0/UDP 192.0.2.50:5060;branch=z9hG4bKe1a2b3c4d5e6f708192a3b4c"),
		Received:        source,
		MaxForwards:     69,
		PushRecordRoute: []byte("<sip:TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT@192.0.2.50;lr>"),
		Strip:           NewHeaderSet("X-*", "P-Asserted-Identity"),
		Add:             []byte("P-Asserted-Identity: <sip:+13125550177@192.0.2.50>\r\n"),
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	m, e := parsed(b, plain()), forwarded()
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = m.Append(dst[:0], e)
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	m := parsed(b, answer())
	e := &Edit{PopVia: true, MaxForwards: -1, SwapOld: []byte("TTTTTTTTTT@"), SwapNew: []byte("UUUUUUUUUU@"), Strip: NewHeaderSet("Server")}
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = m.Append(dst[:0], e)
	}
}

func BenchmarkReply(b *testing.B) {
	m := parsed(b, plain())
	tag := []byte("0123456789abcdef")
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		dst = m.AppendReply(dst[:0], 404, "", tag, source, nil)
	}
}

func BenchmarkCopyTo(b *testing.B) {
	m := parsed(b, plain())
	var c Message
	b.ReportAllocs()
	for b.Loop() {
		m.CopyTo(&c)
	}
}

func BenchmarkValues(b *testing.B) {
	m := parsed(b, telnyx())
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for range m.Values(KVia) {
			n++
		}
		if n != 2 || !m.HasToken(KSupported, "timer") {
			b.Fatal(n)
		}
	}
}
