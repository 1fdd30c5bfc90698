package testcall

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/speakops/sipedge/sipedge/media/sdp"
)

// Media is what was said and heard.
type Media struct {
	Codec  string `json:"codec,omitempty"`
	Secure string `json:"secure,omitempty"` // suite of SRTP; "" is plain RTP
	Ours   string `json:"ours"`             // address and port
	Theirs string `json:"theirs,omitempty"` // as their SDP says
	From   string `json:"from,omitempty"`   // where it came from

	Heard     Heard        `json:"heard"`
	Sent      Sent         `json:"sent"`
	RoundTrip Milliseconds `json:"round_trip_ms,omitempty"` // by RTCP

	Echo *Echo  `json:"echo,omitempty"` // of our own marked tone; nil: it did not come back
	Tone *Tone  `json:"tone,omitempty"` // the tone heard most; nil: none
	DTMF Digits `json:"dtmf,omitzero"`

	Problem string `json:"problem,omitempty"` // with their SDP
	session string // s= of their SDP
	sends   bool   // it says that they send
	takes   bool   // and that they want to be sent to
}

// Heard is the quality of what came.
type Heard struct {
	Packets    uint64       `json:"packets"`
	Lost       uint64       `json:"lost"`
	Loss       float64      `json:"loss"` // 0 to 1
	Duplicates uint64       `json:"duplicates,omitempty"`
	Reordered  uint64       `json:"reordered,omitempty"`
	Jitter     Milliseconds `json:"jitter_ms"` // mean of RFC 3550's
	MaxJitter  Milliseconds `json:"max_jitter_ms"`
	Gap        Milliseconds `json:"longest_gap_ms"` // between two packets of audio
	MOS        float64      `json:"mos,omitempty"`
	Sound      float64      `json:"sound"` // share of it that was louder than silence, 0 to 1
	SSRCs      int          `json:"ssrcs,omitempty"`
	Sealed     uint64       `json:"undecipherable,omitempty"` // SRTP that no key opened
}

// Sent is what we sent, and how it arrived as far as the other side says so in
// RTCP.
type Sent struct {
	Packets uint64        `json:"packets"`
	Unsent  uint64        `json:"unsent,omitempty"` // refused by this host
	RTCP    bool          `json:"rtcp"`             // the other side sends reports
	Far     *FarReception `json:"far,omitempty"`    // the last report about us
}

// FarReception is how the other side says it hears us.
type FarReception struct {
	Lost   uint32       `json:"lost"`
	Loss   float64      `json:"loss"` // of late, 0 to 1
	Jitter Milliseconds `json:"jitter_ms"`
}

// Echo is our own tone on its way back.
type Echo struct {
	Marks int          `json:"marks"` // seconds of it that were recognised
	Of    int          `json:"of"`    // that were said
	Delay Milliseconds `json:"delay_ms"`
}

// Tone is a steady tone.
type Tone struct {
	Hertz int     `json:"hertz"`
	Level float64 `json:"level_dbm0"`
	Share float64 `json:"share"` // of what was heard
}

// Digits are telephone digits on their way.
type Digits struct {
	Pressed string `json:"pressed,omitempty"`
	Told    string `json:"told,omitempty"`    // heard as telephone events
	Dialled string `json:"dialled,omitempty"` // heard as tones
}

// Echoed says whether what was pressed came back, in either form.
func (d *Digits) Echoed() bool {
	return d.Pressed != "" && (d.Told == d.Pressed || d.Dialled == d.Pressed)
}

// result is what the media came to.
func (v *voice) result() *Media {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, m := &v.ear, &v.mouth
	out := &Media{Ours: netip.AddrPortFrom(v.advertised(), v.at.Port()).String(), Problem: e.problem}
	if !v.agreed {
		if out.Problem == "" {
			return nil
		}
		return out
	}
	r := e.meter.Report()
	out.Codec, out.Secure, out.Theirs = v.law.String(), v.suite, v.them.rtp.String()
	out.session = v.them.session
	out.sends = v.them.direction == sdp.SendRecv || v.them.direction == sdp.SendOnly
	out.takes = v.them.direction == sdp.SendRecv || v.them.direction == sdp.RecvOnly
	if e.from.IsValid() {
		out.From = e.from.String()
	}
	out.Heard = Heard{
		Packets: r.Packets, Lost: r.Lost, Loss: r.LossRate(), Duplicates: r.Duplicates, Reordered: r.Reordered,
		Jitter: Milliseconds(r.MeanJitter), MaxJitter: Milliseconds(r.MaxJitter), Gap: Milliseconds(e.longest), MOS: math.Round(100*r.MOS) / 100, Sealed: e.sealed,
	}
	if all := e.loud + e.quiet; all > 0 {
		out.Heard.Sound = float64(e.loud) / float64(all)
	}
	if r.Packets > 0 {
		out.Heard.SSRCs = 1 + r.SSRCChanges
	}
	out.RoundTrip = Milliseconds(r.RoundTrip)
	out.Sent = Sent{Packets: m.sent, Unsent: m.unsent, RTCP: v.gotRTCP}
	if f := v.far; f != nil {
		out.Sent.Far = &FarReception{Lost: f.TotalLost, Loss: float64(f.FractionLost) / 256, Jitter: Milliseconds(time.Duration(f.Jitter) * time.Second / sampleRate)}
	}
	out.Echo = e.echo(m)
	if out.Echo == nil {
		out.Tone = e.tone()
	}
	out.DTMF = Digits{Pressed: m.pressed, Told: e.told, Dialled: e.dialled}
	return out
}

// echo finds our own marks among those heard. Each is paired with the last one
// that was said before it.
func (e *ear) echo(m *mouth) *Echo {
	var delays []time.Duration
	for _, s := range e.sighted {
		if s.mark != m.mark {
			continue
		}
		i, _ := slices.BinarySearch(m.starts, s.at+frameSlack)
		if i > 0 {
			delays = append(delays, s.at-m.starts[i-1])
		}
	}
	if len(delays) == 0 {
		return nil
	}
	slices.Sort(delays)
	return &Echo{Marks: len(delays), Of: len(m.starts), Delay: Milliseconds(max(0, delays[len(delays)/2]))}
}

// frameSlack is how early a mark may seem to be heard: it is told within 5 ms,
// and by the clock of whoever sends the packets.
const frameSlack = 20 * time.Millisecond

// tone is the frequency heard most, neighbours counted together.
func (e *ear) tone() *Tone {
	looks := map[int]int{}
	for hz, t := range e.tones {
		for other, o := range e.tones {
			if d := hz - other; d >= -10 && d <= 10 {
				looks[hz] += o.looks
			}
		}
		looks[hz] = looks[hz]*1000 + t.looks
	}
	best := 0
	for hz, n := range looks {
		if best == 0 || cmp.Or(cmp.Compare(n, looks[best]), cmp.Compare(best, hz)) > 0 {
			best = hz
		}
	}
	all := e.loud + e.quiet
	if best == 0 || all == 0 || looks[best]/1000 < 2 {
		return nil
	}
	return &Tone{Hertz: best, Level: e.tones[best].level, Share: float64(looks[best]/1000) / float64(all)}
}
