package testcall

import (
	"time"

	"github.com/pion/rtcp"

	"github.com/speakops/sipedge/sipedge/media/quality"
)

// block is what we report of the other side's stream.
func (e *ear) block(r *quality.Report, now time.Duration) rtcp.ReceptionReport {
	b := rtcp.ReceptionReport{
		SSRC: r.SSRC, TotalLost: uint32(r.Lost), LastSequenceNumber: uint32(e.first) + uint32(r.Expected) - 1,
		Jitter: uint32(r.Jitter * sampleRate / time.Second), LastSenderReport: e.lastSR,
	}
	if e.lastSR != 0 {
		b.Delay = uint32((now - e.lastSRAt) * 65536 / time.Second)
	}
	if expected, lost := r.Expected-e.reported.Expected, int64(r.Lost)-int64(e.reported.Lost); expected > 0 && lost > 0 {
		b.FractionLost = uint8(min(255, lost*256/int64(expected)))
	}
	e.reported = *r
	return b
}

// reports are the RTCP of a call (RFC 3550 section 6): ours to the other side,
// and what it says of our stream.
type reports struct {
	next    time.Duration // when ours is due
	far     *rtcp.ReceptionReport
	gotRTCP bool
}

// reportEvery is how often we report. RFC 3550 section 6.2 asks for 5 s at least
// on the average; a test call is often over by then, and section 6.2 lets a
// profile choose less where the bandwidth allows it.
const reportEvery = time.Second

// report takes a compound packet of the other side.
func (v *voice) report(b []byte, at time.Duration) {
	v.ear.meter.RTCP(b, at)
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	v.gotRTCP = true
	for _, p := range packets {
		var blocks []rtcp.ReceptionReport
		switch p := p.(type) {
		case *rtcp.SenderReport:
			blocks = p.Reports
			v.ear.lastSR, v.ear.lastSRAt = uint32(p.NTPTime>>16), at
		case *rtcp.ReceiverReport:
			blocks = p.Reports
		}
		for _, block := range blocks {
			if block.SSRC == v.mouth.stream.SSRC {
				v.far = &block
			}
		}
	}
}

// sendReport sends ours when it is due.
func (v *voice) sendReport(now time.Duration) {
	_, to := v.target()
	if now < v.next || !to.IsValid() {
		return
	}
	v.next = now + reportEvery
	m := &v.mouth.stream
	sr := &rtcp.SenderReport{
		SSRC: m.SSRC, NTPTime: ntp(time.Now()), RTPTime: m.Now(),
		PacketCount: uint32(m.Packets), OctetCount: uint32(m.Octets),
	}
	if heard := v.ear.meter.Report(); heard.Packets > 0 {
		sr.Reports = []rtcp.ReceptionReport{v.ear.block(&heard, now)}
	}
	name := &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: m.SSRC, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: v.at.String()}},
	}}}
	b, err := rtcp.Marshal([]rtcp.Packet{sr, name})
	if err != nil {
		return
	}
	v.ear.meter.SentRTCP(b, now)
	if v.locks.out != nil {
		if b, err = v.locks.out.EncryptRTCP(nil, b, nil); err != nil {
			return
		}
	}
	from := v.rtcp
	if v.them.mux {
		from = v.rtp
	}
	_, _ = from.WriteToUDPAddrPort(b, to)
}

// ntp is a time as RTCP writes it: seconds since 1900, and fractions of 2^-32.
func ntp(t time.Time) uint64 {
	const since1900 = 2_208_988_800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}
