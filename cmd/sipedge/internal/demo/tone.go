package demo

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/speakops/sipedge/sipedge/media/sound"
)

// note is a sine of so many hertz, 0 for silence.
type note struct {
	hertz float64
	long  time.Duration
}

// The tunes, so that an ear knows who answered.
var (
	legacyTune   = []note{{220, 600 * time.Millisecond}, {0, 400 * time.Millisecond}}
	speakopsTune = []note{{523.25, 200 * time.Millisecond}, {659.25, 200 * time.Millisecond}, {783.99, 400 * time.Millisecond}, {0, 700 * time.Millisecond}}
)

const (
	frameSize = sound.Rate / 50 // samples, and bytes, of a frame
	loudness  = 6000            // of 32767
)

// speaker plays a tune over RTP (RFC 3550) to wherever the call's SDP says now.
type speaker struct {
	conn *net.UDPConn
	to   atomic.Pointer[netip.AddrPort] // nil: nobody listens
}

func (s *speaker) aim(m media) {
	if !m.to.IsValid() {
		s.to.Store(nil)
		return
	}
	s.to.Store(&m.to)
}

// play sends a frame every 20 ms until ctx ends.
func (s *speaker) play(ctx context.Context, tune []note) {
	head := rtp.Header{Version: 2, Marker: true, PayloadType: pcmu, SSRC: rand.Uint32(), SequenceNumber: uint16(rand.Uint32()), Timestamp: rand.Uint32()}
	tick := time.NewTicker(sound.Frame)
	defer tick.Stop()
	frames := compose(tune)
	for at := 0; ; at = (at + 1) % len(frames) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		packet := rtp.Packet{Header: head, Payload: frames[at]}
		head.Marker = false
		head.SequenceNumber++
		head.Timestamp += frameSize
		raw, err := packet.Marshal()
		if to := s.to.Load(); to != nil && err == nil {
			_, _ = s.conn.WriteToUDPAddrPort(raw, *to) // a phone that hears nothing hears nothing
		}
	}
}

// compose renders a tune once, in frames.
func compose(tune []note) (frames [][]byte) {
	for _, n := range tune {
		phase := 0.0
		for range n.long / sound.Frame {
			frame := make([]int16, frameSize)
			for i := range frame {
				frame[i] = int16(loudness * math.Sin(phase))
				phase += 2 * math.Pi * n.hertz / sound.Rate
			}
			frames = append(frames, sound.PCMU.Encode(nil, frame))
		}
	}
	return frames
}
