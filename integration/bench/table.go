package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/speakops/sipedge/integration/bench/site"
)

// table writes the results as Markdown: medians over the rounds.
func table(r Results, systems []site.System) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %d numbers.\n\n", r.Machine, r.Numbers)
	b.WriteString("| system | calls/s | failed | retr. | CPU us/call | x_gen | of table | PSS MB | 100 p99 ms | 180 p50 | p99 | p99.9 | others |\n")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, name := range names(r) {
		for _, rate := range rates(r) {
			m, ok := median(r, name, rate)
			if !ok {
				continue
			}
			ratio := ""
			if base, ok := median(r, "kamailio-table", rate); ok && base.XGen() > 0 {
				ratio = fmt.Sprintf("%.2f", m.XGen()/base.XGen())
			}
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %.1f | %.2f | %s | %.0f | %.2f | %.2f | %.2f | %.2f | %.0f %% |\n", name, rate, m.Failed, m.Retransmissions,
				m.CPU(), m.XGen(), ratio, float64(m.Memory)/1e6, m.Trying.P99, m.Ringing.P50, m.Ringing.P99, m.Ringing.P999, 100*m.Foreign)
		}
	}
	b.WriteString("\nx_gen: CPU of the system over CPU of the SIPp callers and gateways in the same rung; \"of table\": that, over Kamailio's with its table in memory.\n")
	b.WriteString("100, 180: from INVITE, by a probe with kernel receive timestamps. retr.: retransmissions of callers and gateways. others: share of the machine used by other work.\n\n")
	for _, s := range systems {
		if slices.Contains(names(r), s.Name) {
			fmt.Fprintf(&b, "- %s: %s; highest clean rung %s\n", s.Name, s.Note, highest(r, s.Name))
		}
	}
	return b.String()
}

func names(r Results) (all []string) {
	for _, x := range r.Rungs {
		if !slices.Contains(all, x.System) {
			all = append(all, x.System)
		}
	}
	return all
}

func rates(r Results) (all []int) {
	for _, x := range r.Rungs {
		if !slices.Contains(all, x.Rate) {
			all = append(all, x.Rate)
		}
	}
	slices.Sort(all)
	return all
}

// median is the round in the middle by x_gen, its failures those of all rounds;
// of quiet rounds where there are any.
func median(r Results, system string, rate int) (site.Rung, bool) {
	var all, quiet []site.Rung
	for _, x := range r.Rungs {
		if x.System == system && x.Rate == rate {
			all = append(all, x)
			if !x.Noisy() {
				quiet = append(quiet, x)
			}
		}
	}
	if len(quiet) == 0 {
		quiet = all
	}
	if len(quiet) == 0 {
		return site.Rung{}, false
	}
	slices.SortFunc(quiet, func(a, b site.Rung) int {
		switch {
		case a.XGen() < b.XGen():
			return -1
		case a.XGen() > b.XGen():
			return 1
		}
		return 0
	})
	m := quiet[len(quiet)/2]
	m.Failed, m.Retransmissions = 0, 0
	for _, x := range all {
		m.Failed += x.Failed + x.Misrouted
		m.Retransmissions += x.Retransmissions
	}
	return m, true
}

// highest is the highest rate at which every round was clean.
func highest(r Results, system string) string {
	best := 0
	for _, rate := range rates(r) {
		clean, any := true, false
		for _, x := range r.Rungs {
			if x.System == system && x.Rate == rate {
				any, clean = true, clean && x.Clean()
			}
		}
		if any && clean {
			best = rate
		}
	}
	if best == 0 {
		return "none"
	}
	return fmt.Sprintf("%d calls/s", best)
}
