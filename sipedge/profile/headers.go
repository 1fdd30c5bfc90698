package profile

import (
	"slices"

	"github.com/speakops/sipedge/sipedge/message"
)

// OverrideHeader lets a trunk trusted with test_override force a side; its value
// is an authority's word, legacy or speakops.
const OverrideHeader = "X-SpeakOps-Route"

// DecisionHeader tells a trunk trusted with diagnostics where its call went, and
// why: an authority's word, or none for a refusal, and parameters because, route,
// gateway, revision and call (the edge's name of the call).
const DecisionHeader = "X-SpeakOps-Decision"

// ours are headers only the edge itself writes, whoever sends them and whatever
// the profile says.
const ours = "X-SpeakOps-*"

func (p *Profile) compileHeaders(s Spec) {
	gateway := append(slices.Clone(s.StripGateway), ours)
	p.untrusted = slices.Concat(gateway, s.StripUntrusted)
	p.trusted = slices.Concat(gateway, s.StripTrusted)
	p.inward = [2]*message.HeaderSet{message.NewHeaderSet(p.untrusted...), message.NewHeaderSet(p.trusted...)}
	p.upstreamNames = append(slices.Clone(s.StripUpstream), ours)
	p.upstream = message.NewHeaderSet(p.upstreamNames...)
}

// Inward is the set of headers that do not pass from the trunk to a gateway.
// trusted is the trunk's trust.identity; extra are the gateway's own
// headers_strip. With extra names a new set is made, so build it once per trunk
// and gateway, not per call.
func (p *Profile) Inward(trusted bool, extra ...string) *message.HeaderSet {
	i, names := 0, p.untrusted
	if trusted {
		i, names = 1, p.trusted
	}
	if len(extra) == 0 {
		return p.inward[i]
	}
	return message.NewHeaderSet(slices.Concat(names, extra)...)
}

// Upstream is the set of headers that do not pass towards the trunk, in
// responses and in requests of the called side alike.
// extra are names beyond the profile's own; as with Inward, build once.
func (p *Profile) Upstream(extra ...string) *message.HeaderSet {
	if len(extra) == 0 {
		return p.upstream
	}
	return message.NewHeaderSet(slices.Concat(p.upstreamNames, extra)...)
}
