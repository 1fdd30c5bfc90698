package locate

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// How long answers are kept, whatever their records say.
const (
	minTTL      = 5 * time.Second
	maxTTL      = time.Hour
	maxNegative = 30 * time.Second // and this where the answer is that there is none
	localTTL    = 30 * time.Second // hosts file and system resolver name no time
	retryAfter  = 5 * time.Second  // a question that failed is not repeated sooner
)

// Sources that are no DNS record types share the cache (private use, RFC 6895 3.1).
const (
	typeHosts  uint16 = 65280
	typeSystem uint16 = 65281
)

// key is one question.
type key struct {
	name string // lower case, no trailing dot
	typ  uint16
}

// records are the useful part of one answer; none at all is an answer too.
type records struct {
	addrs []netip.Addr
	srv   []*dns.SRV   // by priority
	naptr []*dns.NAPTR // by order, then preference (RFC 3403 4.1)
	ttl   time.Duration
}

func (r *records) empty() bool { return len(r.addrs)+len(r.srv)+len(r.naptr) == 0 }

// read takes what answers the question out of a message, following aliases. When
// the message ends at an alias, next is the name to ask for instead.
func read(m *dns.Msg, k key) (r records, next string) {
	owner := dns.CanonicalName(k.name)
	ttl := maxTTL
	for range 8 { // aliases in a row
		if r.collect(m.Answer, owner, k.typ, &ttl) {
			break
		}
		alias := aliasOf(m.Answer, owner, &ttl)
		if alias == "" {
			break
		}
		owner = alias
	}
	if r.empty() && m.Rcode == dns.RcodeSuccess && owner != dns.CanonicalName(k.name) && !hasSOA(m) {
		next = plainName(owner)
	}
	if r.empty() {
		ttl = min(negativeTTL(m), maxNegative)
	}
	r.ttl = max(ttl, minTTL)
	r.sort()
	return r, next
}

func (r *records) collect(answer []dns.RR, owner string, typ uint16, ttl *time.Duration) bool {
	for _, rr := range answer {
		h := rr.Header()
		if h.Rrtype != typ || h.Class != dns.ClassINET || dns.CanonicalName(h.Name) != owner {
			continue
		}
		switch rr := rr.(type) {
		case *dns.A:
			r.addr(rr.A)
		case *dns.AAAA:
			r.addr(rr.AAAA)
		case *dns.SRV:
			if validName(plainName(rr.Target)) || rr.Target == "." {
				r.srv = append(r.srv, rr)
			}
		case *dns.NAPTR:
			if validName(plainName(rr.Replacement)) {
				r.naptr = append(r.naptr, rr)
			}
		}
		*ttl = min(*ttl, seconds(h.Ttl))
	}
	return !r.empty()
}

func (r *records) addr(b []byte) {
	ip, ok := netip.AddrFromSlice(b)
	if ip = ip.Unmap(); ok && !ip.IsUnspecified() && !ip.IsMulticast() {
		r.addrs = append(r.addrs, ip)
	}
}

func (r *records) sort() {
	slices.SortStableFunc(r.srv, func(a, b *dns.SRV) int { return cmp.Compare(a.Priority, b.Priority) })
	slices.SortStableFunc(r.naptr, func(a, b *dns.NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
}

func aliasOf(answer []dns.RR, owner string, ttl *time.Duration) string {
	for _, rr := range answer {
		if c, ok := rr.(*dns.CNAME); ok && dns.CanonicalName(c.Hdr.Name) == owner {
			*ttl = min(*ttl, seconds(c.Hdr.Ttl))
			return dns.CanonicalName(c.Target)
		}
	}
	return ""
}

func hasSOA(m *dns.Msg) bool {
	return slices.ContainsFunc(m.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeSOA })
}

// negativeTTL is RFC 2308 section 5.
func negativeTTL(m *dns.Msg) time.Duration {
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return seconds(min(soa.Minttl, soa.Hdr.Ttl))
		}
	}
	return 0
}

// seconds reads a TTL; one with the top bit set is zero (RFC 2181 section 8).
func seconds(ttl uint32) time.Duration {
	if ttl > 1<<31-1 {
		return 0
	}
	return time.Duration(ttl) * time.Second
}
