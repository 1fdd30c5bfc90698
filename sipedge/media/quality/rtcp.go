package quality

import (
	"time"

	"github.com/pion/rtcp"
)

// asked remembers the last sender reports that travelled towards the end whose
// stream this is: its report blocks name them (LSR), and tell how long they lay
// there (DLSR).
type asked struct {
	at   [8]sent
	next int
}

type sent struct {
	ntp uint32 // the middle of the NTP timestamp
	at  time.Duration
}

// RTCP reads a compound packet that came from the end whose stream this is.
// Encrypted or broken packets say nothing and are no error.
func (m *Meter) RTCP(b []byte, at time.Duration) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			m.far(p.Reports, at)
		case *rtcp.ReceiverReport:
			m.far(p.Reports, at)
		}
	}
}

// SentRTCP reads a compound packet that travelled on to the end whose stream
// this is, so that the round trip can be told when it is reported back.
func (m *Meter) SentRTCP(b []byte, at time.Duration) {
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		return
	}
	for _, p := range packets {
		if sr, ok := p.(*rtcp.SenderReport); ok {
			m.asked.at[m.asked.next%len(m.asked.at)] = sent{uint32(sr.NTPTime >> 16), at}
			m.asked.next++
		}
	}
}

func (m *Meter) far(reports []rtcp.ReceptionReport, at time.Duration) {
	for _, r := range reports {
		m.farReports++
		m.farLost = float64(r.FractionLost) / 256
		m.farJitter = r.Jitter
		if r.LastSenderReport != 0 {
			m.trip(r.LastSenderReport, r.Delay, at)
		}
	}
}

// trip is the round trip of RFC 3550 section 6.4.1, A - LSR - DLSR, with our own
// clock in place of the sender's: nobody's clock needs to be right.
func (m *Meter) trip(lsr, delay uint32, at time.Duration) {
	for _, s := range m.asked.at {
		if s.ntp != lsr || s.ntp == 0 {
			continue
		}
		lay := time.Duration(float64(delay) / 65536 * float64(time.Second))
		if trip := at - s.at - lay; trip >= 0 && trip < maxTrip {
			m.roundTrip = max(trip, time.Microsecond)
		}
	}
}

// maxTrip is more than any path takes; a report that claims it is wrong.
const maxTrip = 30 * time.Second
