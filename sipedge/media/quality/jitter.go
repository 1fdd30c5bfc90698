package quality

import "time"

// jitter is the estimator of RFC 3550 section 6.4.1 and appendix A.8, in clock
// ticks with a fraction.
type jitter struct {
	estimate float64
	sum      float64 // of estimates, in nanoseconds
	count    uint64
	max      time.Duration
	rate     uint32
	begun    bool
	stamp    uint32
	at       time.Duration
}

func (j *jitter) note(stamp, rate uint32, at time.Duration) {
	if !j.begun || rate != j.rate {
		// Ticks of two clocks do not compare.
		if j.begun {
			j.estimate *= float64(rate) / float64(j.rate)
		}
		j.begun, j.rate, j.stamp, j.at = true, rate, stamp, at
		return
	}
	sent := float64(int32(stamp - j.stamp))
	took := (at - j.at).Seconds() * float64(rate)
	j.stamp, j.at = stamp, at
	d := took - sent
	if d < 0 {
		d = -d
	}
	if d > maxStep*float64(rate) {
		return // a sender that began its clock anew, not a network
	}
	j.estimate += (d - j.estimate) / 16
	now := j.now()
	j.max = max(j.max, now)
	j.sum += float64(now)
	j.count++
}

// maxStep is the transit difference, in seconds, over which timestamps are
// taken to have jumped.
const maxStep = 10

func (j *jitter) restart() { j.begun, j.estimate = false, 0 }

func (j *jitter) now() time.Duration { return ticks(j.estimate, j.rate) }

func (j *jitter) mean() time.Duration {
	if j.count == 0 {
		return 0
	}
	return time.Duration(j.sum / float64(j.count))
}

func ticks(n float64, rate uint32) time.Duration {
	if rate == 0 {
		return 0
	}
	return time.Duration(n / float64(rate) * float64(time.Second))
}
