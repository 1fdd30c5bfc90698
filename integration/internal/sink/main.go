// Command sink answers: what would a telemetry backend have got? It takes OTLP
// over HTTP and HEP over UDP, throws it away, and prints how much it was, each
// second.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "sink: name two addresses: for OTLP over HTTP, and for HEP over UDP")
		os.Exit(2)
	}
	var posts, bytes, packets atomic.Int64
	c, err := net.ListenPacket("udp", os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "sink:", err)
		os.Exit(1)
	}
	go func() {
		buf := make([]byte, 1<<16)
		for {
			if _, _, err := c.ReadFrom(buf); err == nil {
				packets.Add(1)
			}
		}
	}()
	go func() {
		for range time.Tick(time.Second) {
			fmt.Printf("the backends got %d OTLP posts with %d bytes, and %d HEP packets\n", posts.Load(), bytes.Load(), packets.Load())
		}
	}()
	err = http.ListenAndServe(os.Args[1], http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		posts.Add(1)
		bytes.Add(n)
	}))
	fmt.Fprintln(os.Stderr, "sink:", err)
	os.Exit(1)
}
