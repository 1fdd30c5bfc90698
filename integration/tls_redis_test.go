package integration

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// tlsRedis is a real server with a port for TLS, certified by a CA of its own.
type tlsRedis struct {
	port                   int
	ca, otherCA, cert, key string // files; otherCA has signed nothing here
}

// startTLSRedis starts one under a name; authClients says whether it wants
// certificates of its clients.
func startTLSRedis(t *testing.T, name, authClients string) tlsRedis {
	t.Helper()
	dir := t.TempDir()
	ours, theirs := newCA(t), newCA(t)
	r := tlsRedis{port: lab.FreePort(t), ca: filepath.Join(dir, "ca.crt"), otherCA: filepath.Join(dir, "other.crt")}
	r.cert, r.key = ours.issue(t, dir, name)
	writePEM(t, r.ca, "CERTIFICATE", ours.der)
	writePEM(t, r.otherCA, "CERTIFICATE", theirs.der)
	lab.NewRedis(t, "--tls-port", fmt.Sprint(r.port), "--tls-cert-file", r.cert, "--tls-key-file", r.key,
		"--tls-ca-cert-file", r.ca, "--tls-auth-clients", authClients)
	return r
}

// A Redis reached by TLS alone, which wants certificates of its clients: the edge
// and the commands follow redis.tls, and a server that the CA has not signed is
// not believed.
func TestRedisOverTLS(t *testing.T) {
	t.Parallel()
	const name = "redis.lab.example"
	r := startTLSRedis(t, name, "yes")
	l := lab.New(t)
	l.Redis.Kill() // the other one, which would take plain TCP
	withCA := func(ca string) string {
		return fmt.Sprintf("  addresses: [ \"127.0.0.1:%d\" ]\n  tls: { ca: %q, cert: %q, key: \"file:%s\", server_name: %s }\n", r.port, ca, r.cert, r.key, name)
	}
	l.Edit("  addresses: [ \"127.0.0.1:6379\" ]\n", withCA(r.ca))
	l.Import()
	edge := l.Serve("edge")
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
	edge.Kill()

	l.Edit(withCA(r.ca), withCA(r.otherCA))
	out, code := l.Run("numbers", "get", legacyNumber, "--config", l.WriteConfig("edge"))
	if code != 3 || !strings.Contains(out, "unknown authority") {
		t.Errorf("a server of another CA: exit code %d\n%s", code, out)
	}
}

// --redis takes a rediss URL: it is TLS alone, and believes a server that an
// authority of the system has signed, under the name it was called by.
func TestRedissURL(t *testing.T) {
	t.Parallel()
	r := startTLSRedis(t, "localhost", "no")
	l := lab.New(t)
	numbers := func(ca, host string, args ...string) (string, int) {
		l.SetEnv("SSL_CERT_FILE="+ca, "SSL_CERT_DIR="+l.Dir+"/none")
		return l.Run(append(append([]string{"numbers"}, args...), "--prefix", "lab", "--redis", fmt.Sprintf("rediss://%s:%d/0", host, r.port))...)
	}
	if out, code := numbers(r.ca, "localhost", "set", legacyNumber, "routing_authority=legacy"); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	if out, code := numbers(r.ca, "localhost", "get", legacyNumber); code != 0 || !strings.Contains(out, `"routing_authority": "legacy"`) {
		t.Errorf("exit code %d\n%s", code, out)
	}
	for _, c := range []struct {
		what, ca, host string
		says           []string
	}{
		{"a server of another CA", r.otherCA, "localhost", []string{fmt.Sprintf("redis at localhost:%d: ", r.port), "its certificate is not believed", "unknown authority", "SSL_CERT_FILE"}},
		{"a server of another name", r.ca, "127.0.0.1", []string{"its certificate is not believed", "127.0.0.1"}},
	} {
		out, code := numbers(c.ca, c.host, "get", legacyNumber)
		if code != 3 || strings.Contains(out, "legacy") {
			t.Errorf("%s: exit code %d\n%s", c.what, code, out)
		}
		for _, says := range c.says {
			if !strings.Contains(out, says) {
				t.Errorf("%s: not said: %s\n%s", c.what, says, out)
			}
		}
	}
}
