package fleet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// inside is set where the namespaces are made.
const inside = "SIPEDGE_FLEET_INSIDE"

// TestMain runs the tests in a network of their own: addresses and ports are
// nobody else's, and all of it is gone with the process.
func TestMain(m *testing.M) {
	if os.Getenv(inside) == "" {
		os.Exit(enter())
	}
	if err := ground(); err != nil {
		fmt.Fprintln(os.Stderr, "fleet: no ground to stand on:", err)
		os.Exit(1)
	}
	lab.Main(m)
}

// enter runs this program again, in namespaces.
func enter() int {
	env, done, err := lab.Build() // there is no way to fetch a module from inside
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer done()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(append(os.Environ(), env...), inside+"=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if uid, gid := os.Getuid(), os.Getgid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	runtime.LockOSThread() // the kernel's death signal is of the thread that forked
	err = cmd.Run()
	var ended *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return max(ended.ExitCode(), 1)
	}
	fmt.Fprintf(os.Stderr, "fleet: no network namespace can be made here: %v; run the tests as root, or let users make namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)\n", err)
	return 1
}

// The bridge that everybody hangs on, and the test's own address on it, where
// callers and gateways stand.
const (
	bridge = "town"
	here   = "10.99.0.1"
)

func ground() error {
	// What is mounted here is not seen outside, and names of namespaces live in /run.
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if err := syscall.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	return ip(
		"link set lo up",
		"link add "+bridge+" type bridge",
		"addr add "+here+"/16 dev "+bridge,
		"link set "+bridge+" up",
	)
}

// ip runs commands of iproute2, one after the other.
func ip(commands ...string) error {
	for _, c := range commands {
		if out, err := exec.Command("ip", strings.Fields(c)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s; ./integration/test installs iproute2", c, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// house is one namespace on the bridge.
type house struct {
	t     testing.TB
	name  string
	place lab.Place
}

// newHouse makes a namespace of some town's, with the address 10.99.town.n.
func newHouse(t testing.TB, town int32, name string, n int) *house {
	t.Helper()
	name = fmt.Sprintf("%s-%d", name, town)
	h := &house{t, name, lab.Place{Host: fmt.Sprintf("10.99.%d.%d", town, n), Within: []string{"ip", "netns", "exec", name}}}
	h.ip("netns add "+name,
		"link add v-"+name+" type veth peer name eth0 netns "+name,
		"link set v-"+name+" master "+bridge+" up",
		"-n "+name+" addr add "+h.place.Host+"/16 dev eth0",
		"-n "+name+" link set lo up",
		"-n "+name+" link set eth0 up")
	t.Cleanup(func() { _ = ip("netns del " + name) })
	return h
}

func (h *house) ip(commands ...string) {
	h.t.Helper()
	if err := ip(commands...); err != nil {
		h.t.Fatalf("fleet: %v", err)
	}
}

// mute keeps whatever this house sends from reaching others, without a word:
// what they send still arrives.
func (h *house) mute(others ...*house) {
	for _, o := range others {
		h.ip("-n " + h.name + " route replace blackhole " + o.place.Host + "/32")
	}
}

// speak takes mute back.
func (h *house) speak(others ...*house) {
	for _, o := range others {
		h.ip("-n " + h.name + " route del blackhole " + o.place.Host + "/32")
	}
}

// unplug takes the cable out.
func (h *house) unplug() { h.ip("link set v-" + h.name + " down") }
func (h *house) plug()   { h.ip("link set v-" + h.name + " up") }
