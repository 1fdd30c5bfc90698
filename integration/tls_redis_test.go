package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// A Redis reached by TLS alone, which wants certificates of its clients: the edge
// and the commands follow redis.tls, and a server that the CA has not signed is
// not believed.
func TestRedisOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ours, theirs := newCA(t), newCA(t)
	const name = "redis.lab.example"
	cert, key := ours.issue(t, dir, name)
	ca, otherCA := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "other.crt")
	writePEM(t, ca, "CERTIFICATE", ours.der)
	writePEM(t, otherCA, "CERTIFICATE", theirs.der)

	port := lab.FreePort(t)
	lab.NewRedis(t, "--tls-port", fmt.Sprint(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca, "--tls-auth-clients", "yes")
	l := lab.New(t)
	l.Redis.Kill() // the other one, which would take plain TCP
	withCA := func(ca string) string {
		return fmt.Sprintf("  addresses: [ \"127.0.0.1:%d\" ]\n  tls: { ca: %q, cert: %q, key: \"file:%s\", server_name: %s }\n", port, ca, cert, key, name)
	}
	l.Edit("  addresses: [ \"127.0.0.1:6379\" ]\n", withCA(ca))
	l.Import()
	edge := l.Serve("edge")
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
	edge.Kill()

	l.Edit(withCA(ca), withCA(otherCA))
	out, code := l.Run("numbers", "get", legacyNumber, "--config", l.WriteConfig("edge"))
	if code != 3 || !strings.Contains(out, "unknown authority") {
		t.Errorf("a server of another CA: exit code %d\n%s", code, out)
	}
}
