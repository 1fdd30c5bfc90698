package demo

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// Introduce is the first thing a newcomer reads: what runs, and what to dial.
func (b *Board) Introduce(s Site, numbers []Number, kept bool) string {
	var t strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	line("%s: an edge and all it needs, in this one process\n", b.Bold("sipedge dev"))
	line("  edge       %s, UDP and TCP", s.Listen)
	line("  gateways   %s", gatewaysOf(s))
	line("  redis      %s, in memory", s.Redis)
	if kept {
		line("  records    %s/records", s.DataDir)
	} else {
		line("  records    %s/records, removed at the end (--data DIR keeps them)", s.DataDir)
	}
	line("\n%s\n", b.Bold("Dial one of these"))
	t.WriteString(numberTable(b, numbers))
	line("\n%s\n", b.Bold("How to dial"))
	dial := numbers[0].PublicNumber
	line("  softphone  sip:%s@%s, no account or password", dial, s.Listen)
	line("  no phone   go run ./cmd/sipedge dev --via %s --call %s", s.Listen, dial)
	line("  SIPp       sipp %s -sf integration/sipp/uac_answered.xml -i %s -s %s -key gateway %s -m 1", s.Listen, s.Listen.Addr(), dial, LegacyA)
	line("  one side   add --override speakops to a call without a phone, or the header X-SpeakOps-Route: speakops to any")
	line("  ready?     curl -s http://%s/readyz", s.Admin)
	t.WriteString("\nEvery call is a line below, and another when it ends. Ctrl-C ends.\n")
	return t.String()
}

func gatewaysOf(s Site) string {
	all := make([]string, len(s.Gateways))
	for i, g := range s.Gateways {
		all[i] = fmt.Sprintf("%s %s", g.Name(), g.Addr())
	}
	return strings.Join(all, ", ")
}

func numberTable(b *Board, numbers []Number) string {
	var t strings.Builder
	w := tabwriter.NewWriter(&t, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  public_number\trouting_authority\tporting_state\toverride\twhat happens")
	for _, n := range numbers {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", n.PublicNumber, n.RoutingAuthority, n.PortingState, orDash(n.Override), n.Happens)
	}
	fmt.Fprintln(w, "  any other\t-\t-\t-\tunknown here: 404")
	w.Flush()
	head, rest, _ := strings.Cut(t.String(), "\n")
	return b.Dim(head) + "\n" + rest
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// Preface says what is about to be dialled, and what the store knows of it.
func (b *Board) Preface(c Call, numbers []Number) string {
	known := "the store does not know this number"
	for _, n := range numbers {
		if n.PublicNumber == c.To.String() {
			known = fmt.Sprintf("routing_authority=%s porting_state=%s", n.RoutingAuthority, n.PortingState)
			for _, more := range [][2]string{
				{"override", n.Override}, {"current_serving_provider", n.CurrentServingProvider}, {"underlying_carrier", n.UnderlyingCarrier}, {"customer_assignment", n.CustomerAssignment},
			} {
				if more[1] != "" {
					known += " " + more[0] + "=" + more[1]
				}
			}
		}
	}
	if numbers == nil {
		known = "what is known of it, that edge knows"
	}
	return fmt.Sprintf("%s\n  %s\n", b.Bold(fmt.Sprintf("%s calls %s through the edge on %s", c.From, c.To, c.Via)), b.Dim(known))
}

// Conclude is what came of a call, in one line.
func (b *Board) Conclude(r Result) string {
	who := r.Gateway
	if who == "" {
		who = "somebody"
	}
	heard := "nothing was heard"
	if r.Heard > 0 {
		heard = fmt.Sprintf("%d packets of its tone were heard", r.Heard)
	}
	return "\n" + b.paint(green, "answered") + fmt.Sprintf(" by %s; %s", who, heard)
}
