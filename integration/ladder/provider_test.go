package ladder

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Each provider's INVITE goes to the number it means, addressed as the gateway
// wants it, and loses the headers that its trunk is not believed in; all the
// rest arrives as it was sent, byte for byte.
func TestProviderInvites(t *testing.T) {
	for _, r := range readings(t) {
		for _, trust := range []string{believed, stranger} {
			t.Run(r["file"]+" as "+r["profile"]+" "+trust, func(t *testing.T) {
				Run(t, func(h *H) { h.carriesInvite(r, trust) }, providerEdits(r, trust)...)
			})
		}
	}
}

// providerEdits configures the trunk of one reading.
func providerEdits(r reading, trust string) []string {
	profile, more := r["profile"], []string(nil)
	if r["places"] != "" {
		profile = "custom"
		more = []string{"routes:\n", "profiles: [ { name: custom, base: " + r["profile"] + ", called: [ " + strings.ReplaceAll(r["places"], " ", ", ") + " ] } ]\nroutes:\n"}
	}
	return trunk(profile, r["country"], trust, more...)
}

func (h *H) carriesInvite(r reading, trust string) {
	h.desk()
	caller, s1 := h.Caller(), h.S1()
	raw, text := h.raw(s1), providerInvite(h.T, r["file"])
	invite := h.offerRaw(caller, s1, text)
	sent, got := cut(text), cut(raw("INVITE"))

	if want := providerURI(r, sent.start, trust == believed); got.start != "INVITE "+want+" SIP/2.0" {
		h.T.Errorf("start line %q, want %s", got.start, want)
	}
	stripped := strings.Fields(r["strange"])
	if trust == believed {
		stripped = strings.Fields(r["trusted"])
	}
	var want []string
	for _, f := range sent.rest(false) {
		if name, _, _ := strings.Cut(f, ":"); !slices.Contains(stripped, strings.TrimSpace(name)) {
			want = append(want, f)
		}
	}
	if rest := got.rest(true); !slices.Equal(rest, want) {
		h.T.Errorf("headers arrive as\n%s\nwant\n%s", strings.Join(rest, "\n"), strings.Join(want, "\n"))
	}
	if got.body != sent.body {
		h.T.Errorf("the body arrives as %q", got.body)
	}
	wait()
	if !strings.Contains(h.Log.String(), "public_number="+r["number"]) {
		h.T.Errorf("the decision is not about %s:\n%s", r["number"], h.Log)
	}
	s1.Reply(invite, 486)
	s1.Want("ACK")
	caller.Want("486")
}

// providerURI is the Request-URI that the gateway must get.
func providerURI(r reading, start string, believed bool) string {
	uri := "sip:" + r["number"]
	if believed {
		if r["npdi"] != "" {
			uri += ";npdi"
		}
		if r["rn"] != "" {
			uri += ";rn=" + r["rn"]
		}
		if r["cic"] != "" {
			uri += ";cic=" + r["cic"]
		}
	}
	uri += "@203.0.113.1:5060;transport=udp"
	if strings.Contains(start, ";user=phone") {
		uri += ";user=phone"
	}
	return uri
}

// A gateway gets numbers in its own form, whatever the trunk wrote.
func TestProviderNumbersInTheGatewaysForm(t *testing.T) {
	for _, c := range []struct{ file, country, format, user string }{
		{"twilio", "US", "e164", "+12025550143"}, {"twilio", "US", "digits", "12025550143"}, {"twilio", "US", "national", "2025550143"},
		{"national", "GB", "e164", "+442079460123"}, {"national", "GB", "digits", "442079460123"}, {"national", "GB", "national", "02079460123"},
		{"prefix_011", "US", "national", "011442079460123"},
	} {
		t.Run(c.file+" "+c.format, func(t *testing.T) {
			Run(t, func(h *H) {
				h.desk()
				caller, s1 := h.Caller(), h.S1()
				raw := h.raw(s1)
				invite := h.offerRaw(caller, s1, providerInvite(t, c.file))
				if got := cut(raw("INVITE")).start; !strings.HasPrefix(got, "INVITE sip:"+c.user+"@203.0.113.1:5060") {
					t.Errorf("got %s", got)
				}
				s1.Reply(invite, 486)
				s1.Want("ACK")
				caller.Want("486")
			}, trunk("generic", c.country, believed, `transport=udp", priority: 1 }`, `transport=udp", priority: 1, egress: { number_format: `+c.format+` } }`)...)
		})
	}
}

// 700 bytes of signature, a second one in another case, and blanks that a
// printer of headers would tidy up: nobody may touch what was signed.
func TestProviderIdentityIsByteExact(t *testing.T) {
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		raw, text := h.raw(s1), providerInvite(t, "identity")
		h.offerRaw(caller, s1, text)
		sent, got := cut(text).named("Identity"), cut(raw("INVITE")).named("Identity")
		if !slices.Equal(sent, got) || len(got) != 2 || len(got[0]) < 700 {
			t.Errorf("Identity arrives as\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(sent, "\n"))
		}
	}, trunk("generic", "US", believed)...)
}

// Twilio's BYE must go through its two Record-Routes; its Contact is a private
// address that nobody outside can reach.
func TestProviderCalleeHangsUp(t *testing.T) {
	for _, c := range []struct{ file, profile string }{{"twilio", "twilio"}, {"telnyx", "telnyx"}, {"plivo", "plivo"}, {"vonage", "vonage"}, {"bandwidth", "bandwidth"}} {
		t.Run(c.profile, func(t *testing.T) {
			Run(t, func(h *H) {
				caller, s1 := h.Caller(), h.S1()
				text := providerInvite(t, c.file)
				sent := cut(text)
				atCaller := h.raw(caller)
				invite := h.offerRaw(caller, s1, text)
				s1.Reply(invite, 180)
				caller.Want("180")
				s1.Reply(invite, 200)
				ok := caller.Want("200")
				if got, want := headersOf(ok, "Record-Route"), len(headersOf(invite, "Record-Route")); len(got) != want {
					t.Errorf("the answer has %d Record-Routes, want %d", len(got), want)
				}
				s1.Callee(invite, "BYE", 1, "Reason: Q.850;cause=16;text=\"Normal call clearing\"", "P-Asserted-Identity: <sip:+12025550143@10.0.0.1>")
				request := caller.Want("BYE")
				bye := cut(atCaller("BYE"))
				contact := append(sent.named("Contact"), sent.named("m")...)[0]
				_, uri, _ := strings.Cut(contact, "<")
				uri, _, _ = strings.Cut(uri, ">")
				if bye.start != "BYE "+uri+" SIP/2.0" {
					t.Errorf("BYE goes to %q, want the Contact %s", bye.start, uri)
				}
				var routes []string
				for _, f := range sent.named("Record-Route") {
					_, value, _ := strings.Cut(f, ":")
					routes = append(routes, "Route: "+strings.TrimSpace(value))
				}
				if got := bye.named("Route"); !slices.Equal(got, routes) {
					t.Errorf("BYE is routed %q, want %q", got, routes)
				}
				if got := bye.named("Reason"); len(got) != 1 || !strings.Contains(got[0], "Q.850;cause=16") {
					t.Errorf("Reason %q", got)
				}
				if got := bye.named("P-Asserted-Identity"); got != nil {
					t.Errorf("the inside is told of: %q", got)
				}
				caller.Reply(request, 200)
				s1.Want("200 BYE")
				h.After(time.Second)
				h.CDR(`"hung_up_by":"callee"`)
				if c.profile == "twilio" {
					h.Golden("provider_twilio_callee_hangs_up")
				}
			}, trunk(c.profile, "US", believed)...)
		})
	}
}

// Two callers who withhold their number are two callers: the second is no loop
// of the first, although the provider writes the same digits for both.
func TestProviderTwoWithheldCallers(t *testing.T) {
	Run(t, func(h *H) {
		caller, l1 := h.Caller(), h.L1()
		text := strings.ReplaceAll(providerInvite(t, "twilio_withheld"), "+12025550143", legacy)
		h.offerRaw(caller, l1, text)
		other := strings.NewReplacer("z9hG4bK0c1f", "z9hG4bK0c20", "5d2f7c01aa4e", "5d2f7c01aa4f", "tag=4812", "tag=4813").Replace(text)
		h.offerRaw(caller, l1, other)
		wait()
		if strings.Contains(h.Log.String(), "loop") {
			t.Errorf("a loop is seen:\n%s", h.Log)
		}
	}, trunk("twilio", "US", believed)...)
}

// An INVITE for an emergency service is refused at once and loudly.
func TestProviderEmergencyNumbers(t *testing.T) {
	for _, file := range []string{"emergency_911", "emergency_plus", "emergency_tel", "emergency_urn"} {
		t.Run(file, func(t *testing.T) {
			Run(t, func(h *H) {
				h.Number(routing.Number{PublicNumber: 1911, RoutingAuthority: routing.SpeakOps})
				caller, s1 := h.Caller(), h.S1()
				caller.SendRaw(providerInvite(t, file))
				wait()
				caller.Want("100")
				final := caller.Want("404")
				h.Check(final, "Reason", `Q.850;cause=1;text="emergency_number"`)
				s1.Silent()
				wait()
				if log := h.Log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "emergency") {
					t.Errorf("refused quietly:\n%s", log)
				}
				wait()
				h.CDR(`"because":"emergency_number"`)
			}, trunk("twilio", "US", believed+", diagnostics: true")...)
		})
	}
}

// An emergency number over a trunk that is full is refused by name all the same,
// and as loudly: a bare 503 would send it round.
func TestProviderEmergencyNumberOverTheLimit(t *testing.T) {
	edits := append(trunk("twilio", "US", believed+", diagnostics: true"), "    sources:", "    limits: { concurrent: 1 }\n    sources:")
	Run(t, func(h *H) {
		caller, s1 := h.Caller(), h.S1()
		c, _ := h.Talk(caller, s1, speakops)
		caller.SendRaw(providerInvite(t, "emergency_911"))
		wait()
		h.Check(caller.Want("404"), "Reason", `Q.850;cause=1;text="emergency_number"`)
		s1.Silent()
		if log := h.Log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "emergency number dialled") {
			t.Errorf("refused quietly:\n%s", log)
		}
		h.HangUp(c, s1)
	}, edits...)
}

// A PSAP that calls back is never refused for a limit; anybody else who says so is.
func TestProviderPSAPCallback(t *testing.T) {
	limits := []string{"    sources:", "    limits: { concurrent: 1 }\n    sources:",
		"defaults: {", "limits: { per_number: { concurrent: 1 } }\ndefaults: {"}
	for _, file := range []string{"psap_callback", "psap_esnet"} {
		t.Run(file, func(t *testing.T) {
			Run(t, func(h *H) {
				caller, s1 := h.Caller(), h.S1()
				c, _ := h.Talk(caller, s1, speakops)
				invite := h.offerRaw(caller, s1, providerInvite(t, file))
				s1.Reply(invite, 200)
				caller.Want("200")
				h.HangUp(c, s1)
			}, trunk("generic", "US", believed+", psap_callback: true", limits...)...)
		})
		t.Run(file+" of a trunk not believed", func(t *testing.T) {
			Run(t, func(h *H) {
				caller, s1 := h.Caller(), h.S1()
				c, _ := h.Talk(caller, s1, speakops)
				caller.SendRaw(providerInvite(t, file))
				wait()
				caller.Want("503")
				s1.Silent()
				h.HangUp(c, s1)
			}, trunk("generic", "US", believed, limits...)...)
		})
	}
}

// A block holds everybody off but a PSAP that calls back, and only on a trunk
// believed in that.
func TestProviderPSAPPassesABlock(t *testing.T) {
	for _, believes := range []bool{true, false} {
		Run(t, func(h *H) {
			now := time.Now()
			h.Number(routing.Number{PublicNumber: 12025550143, RoutingAuthority: routing.SpeakOps, PortingState: routing.Settled,
				Override: routing.Override{Kind: routing.Block, From: now.Add(-time.Hour), Until: now.Add(time.Hour), Reason: "test", Author: "test"}})
			caller, s1 := h.Caller(), h.S1()
			caller.SendRaw(providerInvite(t, "psap_callback"))
			wait()
			caller.Want("100")
			if !believes {
				caller.Want("603")
				s1.Silent()
				return
			}
			s1.Reply(s1.Want("INVITE"), 486)
			s1.Want("ACK")
			caller.Want("486")
			wait()
			h.CDR(`"because":"psap"`)
		}, trunk("generic", "US", fmt.Sprintf("identity: true, psap_callback: %v", believes))...)
	}
}

// A national number is none to a trunk without a country: the refusal says so,
// and the record keeps what was dialled.
func TestProviderNationalNumberOfNoCountry(t *testing.T) {
	Run(t, func(h *H) {
		h.desk()
		caller, s1 := h.Caller(), h.S1()
		caller.SendRaw(providerInvite(t, "national"))
		wait()
		caller.Want("100")
		h.Check(caller.Want("404"), "Reason", `Q.850;cause=1;text="not_a_number"`)
		s1.Silent()
		wait()
		h.CDR(`"because":"not_a_number"`)
	}, trunk("generic", "", "diagnostics: true")...)
}
