//go:build homer

package integration

import (
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
)

//go:embed testdata/homer.cfg
var homerConfig string

// kamailio is a capture server that is not ours: Kamailio with its module
// sipcapture, which writes a line with all it has read of each packet.
type kamailio struct {
	address, dir string
}

func newKamailio(t *testing.T) *kamailio {
	k := &kamailio{address: fmt.Sprintf("127.0.0.1:%d", lab.FreePort(t)), dir: t.TempDir()}
	file := filepath.Join(k.dir, "homer.cfg")
	if err := os.WriteFile(file, []byte(strings.NewReplacer("ADDRESS", k.address, "FOLDER", k.dir).Replace(homerConfig)), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("kamailio", "-f", file, "-DD", "-E", "-m", "32", "-M", "4", "-Y", k.dir)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: apt-get install kamailio", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // its children too
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	lab.Until(t, 20*time.Second, "Kamailio to listen", func() bool {
		c, err := net.ListenPacket("udp4", k.address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	return k
}

// captured is one line of Kamailio's table sip_capture.
type captured struct {
	at       int64 // microseconds
	from, to string
	tcp      bool
	agent    string
	call     string
	text     string
}

// Fields of the lines that db_flatstore writes, in the order of sipcapture.c.
const (
	fieldMicros = 1
	fieldFrom   = 22 // address, port, and the same of the target
	fieldProto  = 30 // 1 is UDP, 2 is TCP
	fieldNode   = 34
	fieldCall   = 35
	fieldText   = 40
	fieldsAfter = 3 // it
)

func (k *kamailio) lines(t *testing.T) (list []captured) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(k.dir, "sip_capture*"))
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Split(strings.TrimSuffix(line, "\n"), "|")
			if len(f) < fieldText+1+fieldsAfter {
				continue // being written
			}
			at, err := strconv.ParseInt(f[fieldMicros], 10, 64)
			if err != nil {
				t.Fatalf("%v in %q", err, line)
			}
			list = append(list, captured{
				at: at, from: net.JoinHostPort(f[fieldFrom], f[fieldFrom+1]), to: net.JoinHostPort(f[fieldFrom+2], f[fieldFrom+3]),
				tcp: f[fieldProto] == "2", agent: f[fieldNode], call: f[fieldCall],
				text: strings.NewReplacer(`\x0D`, "\r", `\x0A`, "\n").Replace(strings.Join(f[fieldText:len(f)-fieldsAfter], "|")),
			})
		}
	}
	return list
}

// What Homer gets is read by a decoder that is not ours, over UDP as it comes and
// over a stream packet by packet, since Kamailio takes none: addresses, ports,
// times, the call's name and each message are what the ladder says.
func TestKamailioReadsHEP(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream=%v", stream), func(t *testing.T) {
			k := newKamailio(t)
			h := newHomer(t)
			address := k.address
			if stream {
				address = "tcp://" + h.Addr().String()
			}
			call, steps := mirrored(t, address)
			if stream {
				lab.Until(t, 10*time.Second, "the stream", func() bool { return len(h.packets()) >= len(steps) })
				c, err := net.Dial("udp4", k.address)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				for _, packet := range h.packets() {
					if _, err := c.Write(packet); err != nil {
						t.Fatal(err)
					}
				}
			}
			lab.Until(t, 20*time.Second, fmt.Sprintf("%d lines of Kamailio", len(steps)), func() bool { return len(k.lines(t)) >= len(steps) })
			lines := k.lines(t)
			if len(lines) != len(steps) {
				t.Fatalf("%d lines of %d messages", len(lines), len(steps))
			}
			for i, s := range steps {
				want := captured{at: s.At.UnixMicro(), from: s.Peer, to: s.Local, agent: "homer01:1", call: call, text: s.Text}
				if s.Out {
					want.from, want.to = want.to, want.from
				}
				if lines[i] != want {
					t.Errorf("message %d:\n%+v\nwant\n%+v", i, lines[i], want)
				}
			}
		})
	}
}
