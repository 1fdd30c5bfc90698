package locate

import (
	"testing"

	"github.com/miekg/dns"
)

// FuzzRead: whatever a name server says becomes records within their bounds.
func FuzzRead(f *testing.F) {
	z := newZone(f, "a.example. 60 CNAME gw.example.", "gw.example. 60 A 192.0.2.1", "gw.example. 60 AAAA 2001:db8::1",
		"_sip._udp.x.example. 60 SRV 1 1 5060 gw.example.", `x.example. 60 NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.x.example.`)
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeNAPTR}
	for _, name := range []string{"a.example", "gw.example", "_sip._udp.x.example", "x.example", "none.example"} {
		for i, typ := range types {
			m := z.answer(new(dns.Msg).SetQuestion(dns.Fqdn(name), typ), "udp")
			b, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b, name, byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, name string, typ byte) {
		m := new(dns.Msg)
		if m.Unpack(b) != nil {
			return
		}
		r, _ := read(m, key{name, types[int(typ)%len(types)]})
		if r.ttl < minTTL || r.ttl > maxTTL {
			t.Errorf("kept for %v", r.ttl)
		}
		if r.empty() && r.ttl > maxNegative {
			t.Errorf("an answer of nothing kept for %v", r.ttl)
		}
		for _, ip := range r.addrs {
			if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || ip.Is4In6() {
				t.Errorf("address %v", ip)
			}
		}
		for _, s := range r.srv {
			if s.Target != "." && !validName(plainName(s.Target)) {
				t.Errorf("target %q", s.Target)
			}
		}
	})
}
