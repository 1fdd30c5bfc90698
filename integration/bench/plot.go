package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/speakops/sipedge/integration/bench/site"
)

// plot draws CPU per call relative to the generators, and the 99th percentile
// of INVITE to 180, over the rate.
func plot(r Results) []byte {
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 400" font-family="sans-serif" font-size="12">` + "\n")
	b.WriteString(`<rect width="960" height="400" fill="white"/>` + "\n")
	panel(&b, r, 60, "CPU per call over the generators' (x_gen)", false, site.Rung.XGen)
	panel(&b, r, 540, "INVITE to 180, p99, ms (logarithmic)", true, func(x site.Rung) float64 { return x.Ringing.P99 })
	fmt.Fprintf(&b, `<text x="60" y="392" fill="#666">%s; %d numbers</text>`+"\n</svg>\n", escape(r.Machine), r.Numbers)
	return []byte(b.String())
}

var colours = map[string]string{"edge": "#c0392b", "kamailio-table": "#2c3e50", "kamailio-redis": "#7f8c8d", "kamailio-duties": "#2980b9", "floor": "#27ae60"}

const plotWidth, plotHeight, plotTop = 380.0, 270.0, 50.0

// panel draws one figure of every system over the rates of the run.
func panel(b *strings.Builder, r Results, left float64, title string, logarithmic bool, figure func(site.Rung) float64) {
	all := rates(r)
	if len(all) == 0 {
		return
	}
	scale := func(v float64) float64 {
		if logarithmic {
			return math.Log10(max(v, 0.05) / 0.05)
		}
		return v
	}
	top := 0.0
	for _, x := range r.Rungs {
		top = max(top, scale(figure(x)))
	}
	top = max(top*1.05, 0.1)
	x := func(rate int) float64 { return left + plotWidth*float64(rate)/float64(all[len(all)-1]) }
	y := func(v float64) float64 { return plotTop + plotHeight*(1-scale(v)/top) }

	fmt.Fprintf(b, `<text x="%.0f" y="30" font-size="14">%s</text>`+"\n", left, escape(title))
	fmt.Fprintf(b, `<path d="M%.0f %.0fV%.0fH%.0f" fill="none" stroke="#999"/>`+"\n", left, plotTop, plotTop+plotHeight, left+plotWidth)
	for i := range 5 {
		v := top * float64(i) / 4
		if logarithmic {
			v = 0.05 * math.Pow(10, v)
		}
		fmt.Fprintf(b, `<text x="%.0f" y="%.0f" text-anchor="end" fill="#666">%.2g</text>`+"\n", left-6, y(v)+4, v)
	}
	for _, rate := range all {
		fmt.Fprintf(b, `<text x="%.0f" y="%.0f" text-anchor="middle" fill="#666">%d</text>`+"\n", x(rate), plotTop+plotHeight+16, rate)
	}
	for i, name := range names(r) {
		var line, dots strings.Builder
		for _, rate := range all {
			if m, ok := median(r, name, rate); ok {
				fmt.Fprintf(&line, "%.1f,%.1f ", x(rate), y(figure(m)))
				fmt.Fprintf(&dots, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(rate), y(figure(m)), colours[name])
			}
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>%s`+"\n", line.String(), colours[name], dots.String())
		fmt.Fprintf(b, `<text x="%.0f" y="%.0f" fill="%s">%s</text>`+"\n", left+float64(i%3)*130, plotTop+plotHeight+36+float64(i/3)*15, colours[name], name)
	}
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
