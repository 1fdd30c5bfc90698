package admin

import (
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxRates bounds how many are counted one by one; those beyond share a bucket.
const maxRates = 1024

// What a bucket belongs to is a token or, of those without one, a host.
const (
	ofToken = "token "
	ofHost  = "host "
)

// rates is a bucket of requests for everyone who asks.
type rates struct {
	limit rate.Limit
	burst int

	mu     sync.Mutex
	each   map[string]*rate.Limiter
	others *rate.Limiter
}

func newRates(perSecond float64, burst int) *rates {
	limit := rate.Limit(perSecond)
	return &rates{limit: limit, burst: burst, each: make(map[string]*rate.Limiter), others: rate.NewLimiter(limit, burst)}
}

// spend takes one request from the bucket of who; when it is empty, wait is how
// long until it is not.
func (r *rates) spend(who string) (wait time.Duration, ok bool) {
	now := time.Now()
	b := r.bucket(who, now)
	if b.AllowN(now, 1) {
		return 0, true
	}
	return time.Duration(float64(time.Second) * (1 - b.TokensAt(now)) / float64(r.limit)), false
}

func (r *rates) bucket(who string, now time.Time) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b := r.each[who]; b != nil {
		return b
	}
	if len(r.each) >= maxRates {
		for name, b := range r.each { // a full bucket is as good as none
			if b.TokensAt(now) >= float64(r.burst) {
				delete(r.each, name)
			}
		}
	}
	if len(r.each) >= maxRates && !strings.HasPrefix(who, ofToken) {
		return r.others // who has a token is never crowded out: tokens are configured
	}
	b := rate.NewLimiter(r.limit, r.burst)
	r.each[who] = b
	return b
}
