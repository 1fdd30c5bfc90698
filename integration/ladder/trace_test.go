package ladder

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/observe/spans"
)

const (
	parent    = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	trustIt   = "diagnostics: true }"
	trusted   = "diagnostics: true, trace: true }"
	s1Gateway = `id: s1, uri: "sip:203.0.113.1:5060;transport=udp", priority: 1 }`
	s1Traced  = `id: s1, uri: "sip:203.0.113.1:5060;transport=udp", priority: 1, egress: { trace: true } }`
)

// A trace of a trunk that is trusted for it goes on in the edge and at the
// gateway that asked for it; each attempt has a span of its own.
func TestTraceGoesOn(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1, s2 := h.Caller(), h.S1(), h.S2()
		c := caller.Invite(speakops, "traceparent: "+parent, "tracestate: vendor=1")
		caller.Want("100")
		invite := s1.Want("INVITE")
		got := spans.ParseParent([]byte(Header(invite, "traceparent")))
		if !got.Sampled || hex.EncodeToString(got.Trace[:]) != "0af7651916cd43dd8448eb211c80319c" || Header(invite, "tracestate") != "vendor=1" {
			t.Errorf("s1 got %q, %q", Header(invite, "traceparent"), Header(invite, "tracestate"))
		}
		s1.Reply(invite, 503)
		s1.Want("ACK")
		second := s2.Want("INVITE")
		if h := Header(second, "traceparent"); h != "" {
			t.Errorf("s2 did not ask for it and got %q", h)
		}
		h.After(100 * time.Millisecond)
		s2.Reply(second, 180)
		caller.Want("180")
		s2.Reply(second, 200)
		c.Ack(caller.Want("200"))
		s2.Want("ACK")
		h.HangUp(c, s2)
		if len(h.Traced.Calls) != 1 {
			t.Fatalf("%d calls are traced", len(h.Traced.Calls))
		}
		one := h.Traced.Calls[0]
		if one.Attempts[0].Code != 503 || one.Attempts[1].Gateway != "s2" || one.N != 2 ||
			one.Rang.Sub(one.Begun).Round(time.Millisecond) != 100*time.Millisecond || one.Because != "record" || hex.EncodeToString(one.Parent[:]) != "b7ad6b7169203331" || one.Failed {
			t.Errorf("%+v", one)
		}
		if want := spans.AttemptOf(one.Call, 0); got.Span != want {
			t.Errorf("s1 was told of span %x, the first attempt is %x", got.Span, want)
		}
	}, trustIt, trusted, s1Gateway, s1Traced)
}

// What an untrusted trunk says of traces goes nowhere, and of its calls only the
// failed ones are kept when none is sampled.
func TestTraceOfAStranger(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c := caller.Invite(speakops, "traceparent: "+parent, "Tracestate: vendor=1")
		caller.Want("100")
		invite := s1.Want("INVITE")
		if got := Header(invite, "traceparent"); strings.Contains(got, "0af7651916cd43dd8448eb211c80319c") || !strings.HasSuffix(got, "-00") || Header(invite, "tracestate") != "" {
			t.Errorf("s1 got %q, %q", got, Header(invite, "tracestate"))
		}
		s1.Reply(invite, 486)
		s1.Want("ACK")
		c.AckFailure(caller.Want("486"))
		unknown := caller.Invite("+12025550177")
		caller.Want("100")
		unknown.AckFailure(caller.Want("404"))
		if len(h.Traced.Calls) != 1 || h.Traced.Calls[0].Because != "number_unknown" || !h.Traced.Calls[0].Failed || h.Traced.Calls[0].Code != 404 {
			t.Errorf("%+v", h.Traced.Calls)
		}
	}, s1Gateway, s1Traced)
}
