package testcall

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/speakops/sipedge/sipedge/profile"
)

// newInvite writes the INVITE that begins the call.
func (p *phone) newInvite() *sip.Request {
	req := sip.NewRequest(sip.INVITE, p.callee())
	from := sip.FromHeader{DisplayName: "sipedge test call", Address: p.uri(p.From, p.at)}
	from.Params.Add("tag", sip.GenerateTagN(12))
	id := sip.CallIDHeader(p.id)
	hops := sip.MaxForwardsHeader(70)
	p.seq = 1 + rand.Uint32N(1000)
	for _, h := range []sip.Header{
		&from, &sip.ToHeader{Address: p.callee()}, &id, &hops,
		&sip.CSeqHeader{SeqNo: p.seq, MethodName: sip.INVITE},
		&sip.ContactHeader{Address: p.uri(p.From, p.at)},
		sip.NewHeader("User-Agent", agentName), sip.NewHeader("Allow", "INVITE, ACK, CANCEL, BYE, UPDATE, OPTIONS, INFO, NOTIFY"),
		sip.NewHeader("Content-Type", "application/sdp"),
	} {
		req.AppendHeader(h)
	}
	if p.Override != "" {
		req.AppendHeader(sip.NewHeader(profile.OverrideHeader, p.Override))
	}
	for _, h := range p.Headers {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	req.SetBody(p.voice.offer())
	return p.bound(req)
}

// callee is whom the INVITE is for.
func (p *phone) callee() sip.Uri {
	u := p.uri(p.To, p.edge)
	if p.Domain != "" {
		u.Host, u.Port = p.Domain, 0
	}
	return u
}

// uri is a sip URI at an address, with an IPv6 host in brackets.
func (p *phone) uri(user string, at netip.AddrPort) sip.Uri {
	host := at.Addr().String()
	if at.Addr().Is6() {
		host = "[" + host + "]"
	}
	u := sip.Uri{Scheme: "sip", User: user, Host: host, Port: int(at.Port())}
	if p.Transport != UDP {
		u.UriParams.Add("transport", string(p.Transport))
	}
	return u
}

// bound sends a request over our one socket or connection to the edge.
func (p *phone) bound(req *sip.Request) *sip.Request {
	req.SetTransport(strings.ToUpper(string(p.Transport)))
	req.SetDestination(p.edge.String())
	if p.Transport == UDP {
		req.Laddr = sip.Addr{IP: net.IP(p.at.Addr().AsSlice()), Port: int(p.at.Port())}
	}
	return req
}

// authorized is the INVITE again, with the password's proof (RFC 3261 section
// 22.2, RFC 8760).
func (p *phone) authorized(challenge *sip.Response) (*sip.Request, error) {
	ask, say := "WWW-Authenticate", "Authorization"
	if challenge.StatusCode == sip.StatusProxyAuthRequired {
		ask, say = "Proxy-Authenticate", "Proxy-Authorization"
	}
	var failed error
	for _, h := range challenge.GetHeaders(ask) { // the best comes first
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			failed = err
			continue
		}
		c.Algorithm = strings.ToUpper(c.Algorithm)
		proof, err := digest.Digest(c, digest.Options{Method: "INVITE", URI: p.invite.Recipient.Addr(), Username: p.Username, Password: p.Password, Count: 1})
		if err != nil {
			failed = err
			continue
		}
		req := sip.NewRequest(sip.INVITE, *p.invite.Recipient.Clone())
		p.seq++
		for _, h := range p.invite.Headers() {
			switch h.Name() {
			case "Via", "CSeq", "Content-Length", say:
			default:
				req.AppendHeader(sip.HeaderClone(h))
			}
		}
		req.AppendHeader(&sip.CSeqHeader{SeqNo: p.seq, MethodName: sip.INVITE})
		req.AppendHeader(sip.NewHeader(say, proof.String()))
		req.SetBody(p.invite.Body())
		return p.bound(req), nil
	}
	if failed == nil {
		failed = fmt.Errorf("without %s", ask)
	}
	return nil, fmt.Errorf("a password is asked for in a way that cannot be answered: %w", failed)
}

// cancellation takes the INVITE back. It has the Via of the INVITE alone, by
// which it is matched.
func (p *phone) cancellation() *sip.Request {
	inv := p.invite
	req := sip.NewRequest(sip.CANCEL, *inv.Recipient.Clone())
	hops := sip.MaxForwardsHeader(70)
	for _, h := range []sip.Header{
		sip.HeaderClone(inv.Via()), sip.HeaderClone(inv.From()), sip.HeaderClone(inv.To()), sip.HeaderClone(inv.CallID()), &hops,
		&sip.CSeqHeader{SeqNo: inv.CSeq().SeqNo, MethodName: sip.CANCEL}, sip.NewHeader("Reason", `SIP;cause=487;text="caller gave up"`),
	} {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	return p.bound(req)
}

// within is a request inside the dialog that a 2xx has made (RFC 3261 section
// 12.2.1.1).
func (p *phone) within(method sip.RequestMethod, seq uint32, ok *sip.Response) *sip.Request {
	target := p.invite.Recipient
	if contact := ok.Contact(); contact != nil {
		target = contact.Address
	}
	req := sip.NewRequest(method, *target.Clone())
	for _, h := range Routes(ok.GetHeaders("Record-Route"), true) {
		req.AppendHeader(h)
	}
	hops := sip.MaxForwardsHeader(70)
	for _, h := range []sip.Header{
		&hops, sip.HeaderClone(p.invite.From()), sip.HeaderClone(ok.To()), sip.HeaderClone(p.invite.CallID()),
		&sip.CSeqHeader{SeqNo: seq, MethodName: method},
	} {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	return p.bound(req)
}

// Routes is the route set of a dialog out of the Record-Routes of one message:
// in their order for the side that was called, backwards for the caller (RFC
// 3261 sections 12.1.1 and 12.1.2). One header may hold several.
func Routes(recorded []sip.Header, backwards bool) []sip.Header {
	var all []sip.Header
	for _, h := range recorded {
		for _, one := range strings.SplitAfter(h.Value(), ">,") {
			route := sip.NewHeader("Route", strings.TrimSpace(strings.TrimSuffix(one, ",")))
			if backwards {
				all = append([]sip.Header{route}, all...)
			} else {
				all = append(all, route)
			}
		}
	}
	return all
}
