package demo

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// Introduction is what a newcomer reads first.
type Introduction struct {
	Sites   []Site
	Numbers []Number // to dial
	Cutting []Number // that change hands, nil for none
	In      time.Duration
	Kept    string            // where records stay, "" when they go
	Tokens  map[string]string // of people
}

// Introduce says what runs, what to dial, and what is going to happen.
func (b *Board) Introduce(i Introduction) string {
	var t strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	first := i.Sites[0]
	what := "an edge"
	if len(i.Sites) > 1 {
		what = fmt.Sprintf("%d edges", len(i.Sites))
	}
	line("%s: %s and all they need, in this one process\n", b.Bold("sipedge dev"), what)
	for _, s := range i.Sites {
		line("  edge       %s, UDP and TCP  (%s, admin API http://%s)", s.Listen, s.ID, s.Admin)
	}
	line("  gateways   %s", gatewaysOf(first))
	line("  redis      %s, in memory", first.Redis)
	if i.Kept != "" {
		line("  records    below %s", i.Kept)
	} else {
		line("  records    %s, removed at the end (--data DIR keeps them)", filepath.Join(first.DataDir, "records"))
	}
	line("\n%s\n", b.Bold("Dial one of these"))
	t.WriteString(numberTable(b, i.Numbers, i.Cutting))
	line("\n%s\n", b.Bold("How to dial"))
	dial := i.Numbers[0].PublicNumber
	line("  softphone  sip:%s@%s, no account or password", dial, first.Listen)
	line("  no phone   go run ./cmd/sipedge dev --via %s --call %s", first.Listen, dial)
	line("  SIPp       sipp %s -sf integration/sipp/uac_answered.xml -i %s -s %s -key gateway %s -m 1", first.Listen, first.Listen.Addr(), dial, LegacyA)
	line("  one side   add --override speakops to a call without a phone, or the header X-SpeakOps-Route: speakops to any")
	line("  to hear    sip:milliwatt@%s, and echo, readback, meter, busy, reject-503, ...: test lines, answered by the edge", first.Listen)
	line("  ready?     curl -s http://%s/readyz", first.Admin)
	if i.Cutting != nil {
		b.foretell(line, i)
	}
	t.WriteString("\nEvery call is a line below, and another when it ends. Ctrl-C ends.\n")
	return t.String()
}

// foretell says what will happen to the numbers that change hands, and how to take
// part in it.
func (b *Board) foretell(line func(string, ...any), i Introduction) {
	line("\n%s\n", b.Bold("A cutover, about "+i.In.String()+" from now"))
	line("  %d numbers of port order %s go from legacy to SpeakOps at one instant, on every edge, while calls to them run through", len(i.Cutting), OrderID)
	line("  all edges (by %s). Two people plan, rehearse, approve and arm it below. To look on, or to be one of them:\n", b.Demo)
	line("  export CUTOVERCTL_EDGE=http://%s", i.Sites[0].Admin)
	line("  export CUTOVERCTL_TOKEN=%s   # %s, operator", i.Tokens[Anna], Anna)
	line("  go run ./cmd/cutoverctl status %s --watch", CutoverID)
	line("  go run ./cmd/cutoverctl explain %s", i.Cutting[0].PublicNumber)
	line("")
	line("  And back again, once it has flipped:")
	line("  go run ./cmd/cutoverctl approve %s --action rollback --token %s   # %s, approver", CutoverID, i.Tokens[Bo], Bo)
	line("  go run ./cmd/cutoverctl rollback %s", CutoverID)
}

func gatewaysOf(s Site) string {
	all := make([]string, len(s.Gateways))
	for i, g := range s.Gateways {
		all[i] = fmt.Sprintf("%s %s", g.Name(), g.Addr())
	}
	return strings.Join(all, ", ")
}

func numberTable(b *Board, numbers, cutting []Number) string {
	var t strings.Builder
	w := tabwriter.NewWriter(&t, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  public_number\trouting_authority\tporting_state\toverride\twhat happens")
	for _, n := range numbers {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", n.PublicNumber, n.RoutingAuthority, n.PortingState, orDash(n.Override), n.Happens)
	}
	if n := len(cutting); n > 0 {
		fmt.Fprintf(w, "  %s ... %s\t%s\t%s\t-\tten numbers that change hands\n", cutting[0].PublicNumber, cutting[n-1].PublicNumber[10:], cutting[0].RoutingAuthority, cutting[0].PortingState)
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
