package media

import (
	"math/rand/v2"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/speakops/sipedge/sipedge/media/quality"
)

// reporter makes the RTCP of the edge's own end of a stream (RFC 3550 section 6.4).
type reporter struct {
	due time.Duration

	packets, octets uint32 // said
	stamp           uint32 // of the last packet said, and when
	at              time.Duration

	begun  bool // something was heard
	source uint32
	high   uint32 // extended sequence number
	before quality.Report
	sr     uint32 // the middle of the last sender report's time, and when it came
	srAt   time.Duration
}

// reportEvery is the mean interval; each is random within half of it either way
// (section 6.3.1), so that reports of many calls do not march in step.
const reportEvery = 5 * time.Second

func (r *reporter) said(p *rtp.Packet, at time.Duration) {
	r.packets++
	r.octets += uint32(len(p.Payload))
	r.stamp, r.at = p.Timestamp, at
}

// heard follows the extended highest sequence number (appendix A.1).
func (r *reporter) heard(h *rtp.Header) {
	if !r.begun || h.SSRC != r.source {
		r.begun, r.source, r.high = true, h.SSRC, uint32(h.SequenceNumber)
		return
	}
	if ahead := int16(h.SequenceNumber - uint16(r.high)); ahead > 0 {
		r.high += uint32(ahead)
	}
}

// came notes when a sender report came, to be named in ours.
func (r *reporter) came(b []byte, at time.Duration) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	for _, p := range packets {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			r.sr, r.srAt = uint32(sr.NTPTime>>16), at
		}
	}
}

// sayRTCP sends a compound report when it is due.
func (st *stream) sayRTCP(now time.Duration) {
	e := st.end
	r := &e.report
	if now < r.due {
		return
	}
	if r.due != 0 {
		st.report(now, false)
	}
	r.due = now + reportEvery/2 + rand.N(reportEvery)
}

func (st *stream) report(now time.Duration, bye bool) {
	e := st.end
	r := &e.report
	var blocks []rtcp.ReceptionReport
	if r.begun {
		blocks = append(blocks, r.block(st.watch.End[quality.Caller].Report(), now))
	}
	var packets []rtcp.Packet
	if r.packets > 0 {
		packets = append(packets, &rtcp.SenderReport{
			SSRC: e.ssrc, NTPTime: ntp(st.relay.epoch.Add(now)), RTPTime: r.stamp + uint32((now-r.at)*8000/time.Second),
			PacketCount: r.packets, OctetCount: r.octets, Reports: blocks,
		})
	} else {
		packets = append(packets, &rtcp.ReceiverReport{SSRC: e.ssrc, Reports: blocks})
	}
	packets = append(packets, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: e.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: "testline@" + st.side[quality.Caller].rtp.wire.local().Addr().String()}},
	}}})
	if bye {
		packets = append(packets, &rtcp.Goodbye{Sources: []uint32{e.ssrc}})
	}
	b, err := rtcp.Marshal(packets)
	if err != nil {
		return
	}
	p := &st.side[quality.Caller].rtcp
	if e.mux {
		p = &st.side[quality.Caller].rtp
	}
	if st.send(p, b) {
		st.watch.End[quality.Callee].RTCP(b, now)
		st.watch.End[quality.Caller].SentRTCP(b, now)
	}
}

// block is what we say of the caller's stream; the lost fraction is since the
// report before.
func (r *reporter) block(now quality.Report, at time.Duration) rtcp.ReceptionReport {
	expected, lost := now.Expected-r.before.Expected, int64(now.Lost)-int64(r.before.Lost)
	r.before = now
	b := rtcp.ReceptionReport{
		SSRC: r.source, TotalLost: uint32(min(now.Lost, 0x7fffff)), LastSequenceNumber: r.high,
		Jitter: uint32(now.Jitter * 8000 / time.Second),
	}
	if expected > 0 && lost > 0 {
		b.FractionLost = uint8(min(255, uint64(lost)*256/expected))
	}
	if r.sr != 0 {
		b.LastSenderReport, b.Delay = r.sr, uint32((at-r.srAt)*65536/time.Second)
	}
	return b
}

// ntp is a time as RTCP writes it: seconds since 1900, and their fraction.
func ntp(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}
