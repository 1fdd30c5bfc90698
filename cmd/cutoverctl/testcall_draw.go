package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/speakops/sipedge/sipedge/testcall"
)

func drawTestcall(p *paper, t *tested, messages bool) {
	r := t.Report
	p.line("%s through %s (%s): %s", p.in(bold, r.To), p.in(plain, r.Edge), r.Transport, p.in(outcomeShade(t), outcomeOf(t)))
	if d := r.Decision; d != nil {
		text := orElse(d.RoutingAuthority, "none") + ", because " + orElse(d.Because, "(not told)")
		for _, of := range [][2]string{{"route", d.Route}, {"gateway", d.Gateway}, {"revision", d.Revision}, {"call", d.Call}} {
			if of[1] != "" {
				text += "; " + of[0] + " " + of[1]
			}
		}
		p.line("  decided  %s", p.in(plain, text))
	} else if t.failed == nil {
		p.line("  decided  %s", p.in(faint, "(not told: trust.diagnostics of the trunk, or a --token, would)"))
	}
	if r.Answered() {
		p.line("  answered by  %s  %s", p.in(plain, orElse(r.By.Contact, "(no Contact)")), p.in(faint, strings.TrimSpace(r.By.Server+"  "+r.By.Session)))
		p.line("  rang after %s, answered after %s, talked %s, hung up by the %s", r.PostDialDelay, r.Setup, time.Duration(r.Talked).Round(10*time.Millisecond), r.HungUpBy)
	} else if r.Code != 0 {
		p.line("  after %s", r.Setup)
	}
	if r.Media != nil {
		drawMedia(p, r.Media)
	}
	if messages {
		for _, m := range r.Messages {
			arrow := "<-"
			if m.Out {
				arrow = "->"
			}
			p.line("  %8.1f ms  %s  %s  %s", float64(m.At.Sub(r.Begun))/1e6, arrow, p.in(plain, m.What), p.in(faint, m.Note))
		}
	}
	for _, w := range append(t.Wrong, t.Sounds...) {
		p.line("%s", p.in(bad, w))
	}
	if t.Passed {
		p.line("%s", p.in(good, "as expected"))
	}
}

func outcomeOf(t *tested) string {
	switch {
	case t.failed != nil:
		return t.Error
	case t.Report.Reason != "":
		return fmt.Sprintf("%d %s (%s)", t.Report.Code, t.Report.Phrase, t.Report.Reason)
	}
	return fmt.Sprintf("%d %s", t.Report.Code, t.Report.Phrase)
}

func outcomeShade(t *tested) shade {
	switch {
	case t.failed != nil || len(t.Wrong) > 0:
		return bad
	case len(t.Sounds) > 0:
		return wary
	}
	return good
}

func drawMedia(p *paper, m *testcall.Media) {
	if m.Theirs == "" {
		return
	}
	how := m.Codec
	if m.Secure != "" {
		how += ", SRTP " + m.Secure
	}
	p.line("  media    %s <-> %s  %s", m.Ours, p.in(plain, orElse(m.From, m.Theirs)), p.in(faint, how))
	h := &m.Heard
	heard := []any{"we hear", h.Packets, h.Lost, percent(h.Loss), h.Jitter, "-", "nothing"}
	if h.MOS > 0 {
		heard[5] = fmt.Sprintf("%.2f", h.MOS)
	}
	if h.Packets > 0 {
		heard[6] = fmt.Sprintf("sound %s of the time", percent(h.Sound))
	}
	sent := []any{"they hear", m.Sent.Packets, "-", "-", "-", "-", "they do not report"}
	switch far := m.Sent.Far; {
	case far != nil:
		sent = []any{"they hear", m.Sent.Packets, far.Lost, percent(far.Loss), far.Jitter, "-", "as they report"}
	case m.Echo != nil:
		sent[6] = "our tone comes back"
	case m.Sent.RTCP:
		sent[6] = "they report nothing of us"
	}
	p.table([]string{"  ", "PACKETS", "LOST", "LOSS", "JITTER", "MOS", ""}, [][]any{append([]any{"  " + heard[0].(string)}, heard[1:]...), append([]any{"  " + sent[0].(string)}, sent[1:]...)})
	if m.RoundTrip > 0 {
		p.line("  round trip %s", m.RoundTrip)
	}
	if e := m.Echo; e != nil {
		p.line("  our tone came back, %d of %d marks, after %s", e.Marks, e.Of, e.Delay)
	}
	if t := m.Tone; t != nil {
		p.line("  a tone of %d Hz was heard, %.1f dBm0, %s of the time", t.Hertz, t.Level, percent(t.Share))
	}
	if d := &m.DTMF; d.Pressed+d.Told+d.Dialled != "" {
		p.line("  digits pressed %s; heard as events %s, as tones %s", orElse(d.Pressed, "none"), p.in(plain, orElse(d.Told, "none")), p.in(plain, orElse(d.Dialled, "none")))
	}
}

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }
