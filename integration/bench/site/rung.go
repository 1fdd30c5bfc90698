package site

import (
	"context"
	"slices"
	"time"
)

// Rung is what one load cost a system.
type Rung struct {
	System string `json:"system"`
	Rate   int    `json:"calls_per_second"`
	Calls  int64  `json:"calls"`
	Failed int64  `json:"failed"`
	// Misrouted are calls the wrong gateway took, by their number's last digit.
	Misrouted       int64 `json:"misrouted"`
	Retransmissions int64 `json:"retransmissions"` // of callers and gateways
	Drops           int64 `json:"datagrams_dropped"`

	UserUS      float64 `json:"user_us"`      // of the system, per call
	SystemUS    float64 `json:"system_us"`    //
	GeneratorUS float64 `json:"generator_us"` // of callers and gateways, per call
	RedisUS     float64 `json:"redis_us"`
	Memory      int64   `json:"pss_bytes"` // of the system, at the end

	Trying  Quantiles `json:"invite_to_100_ms"`
	Ringing Quantiles `json:"invite_to_180_ms"`

	// Foreign is the share of the machine that others used meanwhile: above 6 %
	// a rung says little.
	Foreign float64 `json:"foreign"`
}

// CPU is microseconds of the system per call.
func (r Rung) CPU() float64 { return r.UserUS + r.SystemUS }

// XGen is the system's CPU over that of the load generators in the same rung,
// which takes most of the machine's moods out of it.
func (r Rung) XGen() float64 {
	if r.GeneratorUS == 0 {
		return 0
	}
	return r.CPU() / r.GeneratorUS
}

// Clean says that every call went as written, and nothing was sent twice.
func (r Rung) Clean() bool { return r.Failed == 0 && r.Misrouted == 0 && r.Retransmissions == 0 }

// Noisy says that other work took so much of the machine that times mean little.
func (r Rung) Noisy() bool { return r.Foreign > 0.06 }

// Quantiles of the probes' times, in milliseconds.
type Quantiles struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

func quantiles(ms []float64) Quantiles {
	slices.Sort(ms)
	n := len(ms)
	if n == 0 {
		return Quantiles{}
	}
	at := func(q float64) float64 { return ms[min(n-1, int(q*float64(n)))] }
	return Quantiles{N: n, P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: ms[n-1]}
}

// reading is the state of everything that counts, at one moment.
type reading struct {
	user, system, gateways, redis, self time.Duration
	machine                             machine
	taken                               map[string]int64
	again                               int64
}

func (r *Running) read() (now reading) {
	now.machine = readMachine()
	now.user, now.system = cpu(family(r.proxy.PID()))
	redisUser, redisSystem := cpu([]int{r.site.redis.PID()})
	now.redis = redisUser + redisSystem
	selfUser, selfSystem := cpu([]int{self})
	now.self = selfUser + selfSystem
	now.taken = map[string]int64{}
	for _, g := range r.gateways {
		u, s := cpu([]int{g.PID()})
		now.gateways += u + s
		c := counted(g.stats)
		now.taken[g.Name] = c["TotalCallCreated"]
		now.again += c["Retransmissions(C)"]
	}
	return now
}

// Drive puts one load on the system and reads what it cost.
func (r *Running) Drive(ctx context.Context, l Load) (Rung, error) {
	before := r.read()
	began := time.Now()
	probing, stopProbes := context.WithCancel(ctx)
	defer stopProbes()
	var p *probe
	if l.Probes > 0 && (l.Transport == "" || l.Transport == "udp") {
		var err error
		if p, err = newProbe(r.site, l.Probes); err != nil {
			return Rung{}, err
		}
		go p.run(probing)
	}
	to := addr(r.site.Proxy)
	if l.Transport == "tls" {
		p, err := newPipe(to)
		if err != nil {
			return Rung{}, err
		}
		defer p.Close()
		to = p.Addr().String()
	}
	callers, stats, err := r.site.callers(r.dir, l, to)
	if err != nil {
		return Rung{}, err
	}
	longest := time.Duration(l.Calls)*time.Second/time.Duration(l.Rate) + l.Hold + 20*time.Second
	select {
	case <-callers.done:
	case <-time.After(longest):
	case <-ctx.Done():
	}
	callers.Stop()
	stopProbes()
	if p != nil {
		<-p.done
	}
	took := time.Since(began)
	after := r.read()
	memory := r.Memory()
	if err := pause(ctx, 1200*time.Millisecond); err != nil { // the gateways write once a second
		return Rung{}, err
	}
	settled := r.read()

	c := counted(stats)
	out := Rung{
		System: r.Name, Rate: l.Rate, Calls: c["SuccessfulCall(C)"], Failed: int64(l.Calls) - c["SuccessfulCall(C)"], Memory: memory,
		Retransmissions: c["Retransmissions(C)"] + settled.again - before.again, Drops: after.machine.drops - before.machine.drops,
	}
	calls := l.Calls
	if p != nil {
		out.Trying, out.Ringing = quantiles(p.trying), quantiles(p.ringing)
		out.Failed += int64(p.failed())
		calls += p.sent
	}
	out.Misrouted = r.misrouted(l, p, before.taken, settled.taken)
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(max(calls, 1)) }
	out.UserUS, out.SystemUS = each(after.user-before.user), each(after.system-before.system)
	out.GeneratorUS, out.RedisUS = each(after.gateways-before.gateways+callers.Used()), each(after.redis-before.redis)
	ours := after.user - before.user + after.system - before.system + after.gateways - before.gateways + callers.Used() +
		after.redis - before.redis + after.self - before.self
	foreign := after.machine.busy - before.machine.busy - ours + after.machine.stolen - before.machine.stolen
	out.Foreign = max(0, foreign.Seconds()/took.Seconds()/processors)
	return out, ctx.Err()
}

// misrouted compares what each gateway took with what the numbers say.
func (r *Running) misrouted(l Load, p *probe, before, after map[string]int64) (wrong int64) {
	want := map[string]int64{}
	for i := range l.Calls {
		want[r.site.Numbers[i%r.site.called].holder()]++
	}
	if p != nil {
		for i := range p.sent {
			want[p.number(i).holder()]++
		}
	}
	for name, n := range want {
		// Fewer is a failed call, which is counted already.
		wrong += max(0, after[name]-before[name]-n)
	}
	return wrong
}
