package transport

import (
	"testing"
	"time"

	"github.com/speakops/sipedge/sipedge/message"
)

func TestKernelDropsAreSeen(t *testing.T) {
	hold := make(chan struct{})
	r := &recorder{receive: func(Flow, *message.Message) { <-hold }}
	l := start(t, Options{Listeners: listeners("udp 127.0.0.1:0")}, r)
	defer close(hold)
	c := dialUDP(t, l.Addr(0))
	big := request("INFO", 60000)
	for began := time.Now(); l.KernelDrops(0) == 0; { // 4 MB fit, nobody reads
		if c.Write(big); time.Since(began) > 5*time.Second {
			t.Fatal("no drops seen")
		}
	}
}
