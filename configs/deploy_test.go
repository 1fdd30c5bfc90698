package configs

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The unit gives the edge no right that it does not need. Each of these lines has
// a row in what systemd-analyze security asks for.
func TestUnitIsHardened(t *testing.T) {
	b, err := os.ReadFile("deploy/sipedge.service")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			said[key] += value + ";"
		}
	}
	for key, want := range map[string]string{
		"User": "sipedge;", "NoNewPrivileges": "yes;", "ProtectSystem": "strict;", "ProtectHome": "yes;", "PrivateTmp": "yes;", "PrivateDevices": "yes;",
		"CapabilityBoundingSet": "CAP_NET_BIND_SERVICE;", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX;", "MemoryDenyWriteExecute": "yes;",
		"SystemCallArchitectures": "native;", "RestrictNamespaces": "yes;", "LockPersonality": "yes;", "ProtectKernelModules": "yes;",
		"ProtectKernelTunables": "yes;", "ProtectControlGroups": "yes;", "RestrictSUIDSGID": "yes;", "UMask": "0077;", "LimitCORE": "0;",
		"ExecStart": "/usr/bin/sipedge serve --config /etc/sipedge/edge.yaml;", "ExecReload": "/bin/kill -HUP $MAINPID;",
	} {
		if said[key] != want {
			t.Errorf("%s is %q, want %q", key, said[key], want)
		}
	}
	if !strings.Contains(said["Environment"], "GOMEMLIMIT=") || said["LimitNOFILE"] == "" || !strings.Contains(said["SystemCallFilter"], "~@privileged") {
		t.Errorf("memory, descriptors or system calls have no bound: %v", said)
	}
}

// The kernel's own reader of rules must understand ours. It reads them for root only,
// and only where the kernel has nftables; systemd's reader comes with systemd, and is
// asked where it is.
func TestDeployFilesAreUnderstood(t *testing.T) {
	b, err := os.ReadFile("deploy/sipedge.nft")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{"set known4", "udp dport 5060 counter drop", "policy accept", "notrack"} {
		if !strings.Contains(string(b), rule) {
			t.Errorf("the rules lack %q", rule)
		}
	}
	if nft, err := exec.LookPath("nft"); err == nil && os.Getuid() == 0 {
		if out, err := exec.Command(nft, "-c", "-f", "deploy/sipedge.nft").CombinedOutput(); err != nil && !strings.Contains(string(out), "not permitted") && !strings.Contains(string(out), "not supported") {
			t.Errorf("nft: %v\n%s", err, out)
		}
	}
	if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
		// 1.6 of 10 today: what is left is the network, which an edge is for.
		out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", "deploy/sipedge.service").CombinedOutput()
		if err != nil && strings.Contains(string(out), "Overall exposure level") {
			t.Errorf("systemd-analyze: %v\n%s", err, out)
		}
	}
}
