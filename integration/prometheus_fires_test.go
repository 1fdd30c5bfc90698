package integration

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

var holdsFor = regexp.MustCompile(`(?m)^( +)for: .*$`)

// atOnce is the alerts but for how long each has to hold before it fires, which
// promtool's tests are about.
func atOnce(t *testing.T, dashboards string) (file string) {
	t.Helper()
	rules := readFile(t, filepath.Join(dashboards, "alerts.yaml"))
	if n := len(holdsFor.FindAll(rules, -1)); n < 10 {
		t.Fatalf("%d alerts that have to hold for a time", n)
	}
	file = filepath.Join(t.TempDir(), "alerts.yaml")
	if err := os.WriteFile(file, holdsFor.ReplaceAll(rules, []byte("${1}for: 0s")), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

var trunkLabel = regexp.MustCompile(`trunk="[^"]*"`)

// yesterday is a Prometheus's memory in which the calls that an edge shows came a day
// ago, by another trunk.
func yesterday(t *testing.T, l *lab.Lab, shown, trunk string) (dir string) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# TYPE sipedge_calls counter\n")
	for line := range strings.Lines(shown) {
		labels, ok := strings.CutPrefix(line, "sipedge_calls_total{")
		labels, _, end := strings.Cut(labels, "}")
		if !ok || !end || !trunkLabel.MatchString(labels) {
			continue
		}
		labels = trunkLabel.ReplaceAllString(labels, fmt.Sprintf("trunk=%q", trunk))
		for i := range 7 {
			at := time.Now().Add(-25*time.Hour + time.Duration(i)*10*time.Minute)
			fmt.Fprintf(&b, "sipedge_calls_total{%s,instance=\"127.0.0.1:%d\",job=\"sipedge\"} %d %d\n", labels, l.Port("8080"), 100*i, at.Unix())
		}
		break // one will do
	}
	b.WriteString("# EOF\n")
	dir = t.TempDir()
	file := filepath.Join(dir, "yesterday.txt")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "tsdb", "create-blocks-from", "openmetrics", file, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s%s", err, out, b.String())
	}
	return dir
}

// alertsFire provokes what can be had within seconds, ending with the edge's end.
func alertsFire(t *testing.T, l *lab.Lab, edge *lab.Edge, prometheus ask) {
	t.Helper()
	fires := func(alert string, words ...string) {
		t.Helper()
		lab.Until(t, 20*time.Second, alert+" to fire", func() bool {
			for one := range strings.SplitSeq(prometheus("alerts", nil), `{"labels":`) {
				ok := strings.Contains(one, `"alertname":"`+alert+`"`) && strings.Contains(one, `"state":"firing"`)
				for _, w := range words {
					ok = ok && strings.Contains(one, w)
				}
				if ok {
					return true
				}
			}
			return false
		})
	}
	fires("SipedgeCertificateExpiry", "the certificate of listener tls ends in 23h") // it is good for a day
	fires("SipedgeTrunkDark", `trunk dark sends no calls, and did at this time yesterday`)

	failed := l.Peer("udp", "127.0.0.1", 0)
	for n := 1; n <= 2; n++ { // no gateway is there any more
		id := lab.Serial()
		failed.Send(failed.Request("INVITE", legacyNumber, id, ""))
		failed.Final(id, 10*time.Second)
		lab.Until(t, 20*time.Second, "Prometheus to have seen the failed call", func() bool {
			answer := prometheus("query", url.Values{"query": {`sum(sipedge_refusals_total{outcome="gateways_failed"})`}})
			return strings.Contains(answer, fmt.Sprintf(`"%d"]`, n))
		})
	}
	fires("SipedgeGatewaysFailed", "found no gateway that took them")
	fires("SipedgeGatewayDark", "gateway legacy-a is dark")

	edge.Kill()
	fires("SipedgeAway", "does not answer")
	if alerts := prometheus("alerts", nil); strings.Contains(alerts, "SipedgeMisrouted") || strings.Contains(alerts, "SipedgePanic") {
		t.Errorf("alerts of what did not happen: %s", alerts)
	}
}
