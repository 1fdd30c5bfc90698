package integration

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/speakops/sipedge/integration/internal/lab"
	"github.com/speakops/sipedge/sipedge/observe/ladder"
)

// homer takes HEP packets over a stream and keeps them.
type homer struct {
	net.Listener
	mu   sync.Mutex
	list [][]byte
}

func newHomer(t *testing.T) *homer {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &homer{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go h.read(c)
		}
	}()
	return h
}

// read splits a stream by what each packet says of its length.
func (h *homer) read(c net.Conn) {
	defer c.Close()
	for {
		head := make([]byte, 6)
		if _, err := io.ReadFull(c, head); err != nil || string(head[:4]) != "HEP3" {
			return
		}
		packet := append(head, make([]byte, int(binary.BigEndian.Uint16(head[4:]))-len(head))...)
		if _, err := io.ReadFull(c, packet[len(head):]); err != nil {
			return
		}
		h.mu.Lock()
		h.list = append(h.list, packet)
		h.mu.Unlock()
	}
}

func (h *homer) packets() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.list[:len(h.list):len(h.list)]
}

// mirrored carries one call through an edge that shows its messages at an address,
// and returns the call's name and the messages of its ladder.
func mirrored(t *testing.T, address string) (call string, list []ladder.Step) {
	t.Helper()
	l := lab.New(t, lab.Edit{Old: "telemetry:\n", New: fmt.Sprintf("telemetry:\n  hep: { address: %q }\n", address)})
	token := admitted(l, map[string]string{"anna": "operator"})["anna"]
	l.Import()
	l.Serve("edge")
	gateway := l.Gateway("legacy-a", "uas_answered", 1)
	l.Call("uac_answered", legacyNumber, "legacy-a").Passed()
	gateway.Passed()
	out, code := l.CutoverctlAs(token, "ladder", "--number", legacyNumber, "--bodies", "--json")
	var one ladder.Ladder
	if err := json.Unmarshal([]byte(out), &one); err != nil || code != 0 {
		t.Fatalf("cutoverctl ladder: exit code %d, %v\n%s", code, err, out)
	}
	for _, s := range one.Steps {
		if s.Text != "" {
			list = append(list, s)
		}
	}
	if len(list) < 12 {
		t.Fatalf("a ladder of %d messages\n%s", len(list), out)
	}
	return one.Call.Call, list
}

// Every message of a call reaches Homer, byte for byte as its ladder has it, once.
// What the rest of a packet says is read by somebody else: see TestKamailioReadsHEP.
func TestHomerGetsEveryMessage(t *testing.T) {
	t.Parallel()
	h := newHomer(t)
	_, steps := mirrored(t, "tcp://"+h.Addr().String())
	lab.Until(t, 10*time.Second, fmt.Sprintf("%d packets", len(steps)), func() bool { return len(h.packets()) >= len(steps) })
	packets := h.packets()
	if len(packets) != len(steps) {
		t.Errorf("%d packets of %d messages", len(packets), len(steps))
	}
	for i, s := range steps {
		if i < len(packets) && !strings.HasSuffix(string(packets[i]), s.Text) {
			t.Errorf("packet %d is %q\nand not %q", i, packets[i], s.Text)
		}
	}
}
