package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/speakops/sipedge/integration/internal/lab"
)

var metricName = regexp.MustCompile(`\b(sipedge|go|process)_[a-z_]+\b`)

// Every metric that the dashboard and the alerts name is one that an edge under
// load shows, a real Prometheus understands what they ask, and alerts fire in it.
func TestDashboardAndAlerts(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is needed; ./integration/test installs what is missing", tool)
		}
	}
	dashboards := filepath.Join(lab.Root(), "configs", "dashboards")
	if out, err := exec.Command("promtool", "test", "rules", filepath.Join(dashboards, "alerts.test.yaml")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}

	if out, err := exec.Command("promtool", "check", "config", "--syntax-only", filepath.Join(dashboards, "prometheus.yaml")).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}

	everyAlertFires(t, dashboards)

	ca := newCA(t)
	cert, key := ca.issue(t, t.TempDir(), "edge.example.com")
	l, edge := lab.Open(t, append([]lab.Edit{{Old: "    - { name: tcp,", New: fmt.Sprintf("    - { name: tls, transport: tls, address: \"127.0.0.1:%d\", cert: %q, key: \"file:%s\" }\n    - { name: tcp,", lab.FreePort(t), cert, key)}}, anchorEdits...)...)
	gateway := l.Gateway("legacy-a", "uas_answered", 20)
	l.Call("uac_answered", legacyNumber, "legacy-a", "-m", "20", "-r", "20").Passed()
	gateway.Passed()
	refused := l.Peer("udp", "127.0.0.1", 0)
	id := lab.Serial()
	refused.Send(refused.Request("INVITE", "+12025559999", id, ""))
	refused.Final(id, 2*time.Second)

	_, shown := edge.Get("/metrics")
	texts := map[string]string{}
	for _, name := range []string{"alerts.yaml", "sipedge.json"} {
		b, err := os.ReadFile(filepath.Join(dashboards, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(b)
		for _, m := range metricName.FindAllString(string(b), -1) {
			if !strings.Contains(shown, "\n"+m+" ") && !strings.Contains(shown, "\n"+m+"{") {
				t.Errorf("%s asks for %s, which the edge does not show", name, m)
			}
		}
	}

	prometheus := startPrometheus(t, l, atOnce(t, dashboards), yesterday(t, l, shown, "dark"))
	lab.Until(t, 20*time.Second, "Prometheus to have scraped the edge", func() bool {
		return strings.Contains(prometheus("query", url.Values{"query": {`sum(sipedge_calls_total{because!="number_unknown"}) == 20`}}), `"20"`)
	})
	if rules := prometheus("rules", nil); strings.Contains(rules, `"health":"err"`) || !strings.Contains(rules, "SipedgeMisrouted") {
		t.Errorf("rules: %s", rules)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(texts["sipedge.json"]), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m").Replace(target.Expr)
			if answer := prometheus("query", url.Values{"query": {expr}}); !strings.Contains(answer, `"status":"success"`) || strings.Contains(answer, `"result":[]`) && !strings.Contains(expr, "rate(") {
				t.Errorf("panel %q: %s", p.Title, answer)
			}
		}
	}
	alertsFire(t, l, edge, prometheus)
}

// everyAlertFires holds the rules against their tests: promtool says that those
// are true, and here each rule is found in one that expects it to fire.
func everyAlertFires(t *testing.T, dashboards string) {
	t.Helper()
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Annotations map[string]string
			}
		}
	}
	var tests struct {
		Tests []struct {
			AlertRuleTest []struct {
				Alertname string
				ExpAlerts []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	for name, into := range map[string]any{"alerts.yaml": &rules, "alerts.test.yaml": &tests} {
		if err := yaml.Unmarshal(readFile(t, filepath.Join(dashboards, name)), into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	fires := map[string]bool{}
	for _, one := range tests.Tests {
		for _, a := range one.AlertRuleTest {
			fires[a.Alertname] = fires[a.Alertname] || len(a.ExpAlerts) > 0
		}
	}
	known := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			known++
			if !fires[r.Alert] {
				t.Errorf("no test shows %s firing", r.Alert)
			}
			if r.Annotations["summary"] == "" || r.Annotations["action"] == "" {
				t.Errorf("%s does not say what is wrong and what to do", r.Alert)
			}
		}
	}
	if known < 10 {
		t.Errorf("%d alerts were read", known)
	}
}

// ask asks a Prometheus.
type ask func(what string, query url.Values) string

// startPrometheus runs one on a folder of data that scrapes the edge each half second.
func startPrometheus(t *testing.T, l *lab.Lab, rules, dir string) ask {
	port := lab.FreePort(t)
	config := fmt.Sprintf("global: { scrape_interval: 500ms, evaluation_interval: 500ms }\nrule_files: [ %q ]\nscrape_configs:\n  - job_name: sipedge\n    static_configs: [ { targets: [ \"127.0.0.1:%d\" ] } ]\n",
		rules, l.Port("8080"))
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+dir, fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port), "--log.level=error")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	client := http.Client{Timeout: 3 * time.Second}
	return func(what string, query url.Values) string {
		resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/api/v1/%s?%s", port, what, query.Encode()))
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
}
