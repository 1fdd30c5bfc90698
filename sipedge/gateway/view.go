package gateway

import (
	"net/netip"

	"github.com/speakops/sipedge/sipedge/gateway/health"
	"github.com/speakops/sipedge/sipedge/transport"
)

// view is what calls see of a gateway. It is never changed, only replaced.
type view struct {
	ready   bool // a lookup has ended, well or badly
	alive   bool
	living  int // targets not dark
	servers []server
	targets []Target
	marks   []mark // of targets, one each
}

// server is a run of targets that one SRV record, or the lack of any, stands for.
type server struct {
	rank, weight int
	from, to     int
	living       bool
}

type mark struct{ dark, clean bool }

// append adds the targets in the order to try them: ranks in order, servers of
// one rank drawn by weight, dark addresses left out while others live.
func (v *view) append(dst []Target, draw func() uint64) []Target {
	for from := 0; from < len(v.servers); {
		to := from + 1
		for to < len(v.servers) && v.servers[to].rank == v.servers[from].rank {
			to++
		}
		dst = v.appendRank(dst, from, to, draw)
		from = to
	}
	return dst
}

// appendRank draws without replacement (RFC 2782): each server with a chance in
// proportion to its weight, those of weight 0 with nearly none while others are left.
func (v *view) appendRank(dst []Target, from, to int, draw func() uint64) []Target {
	if to-from == 1 {
		return v.appendServer(dst, from)
	}
	var gone [MaxTargets]bool
	for {
		sum := 0
		for i := from; i < to; i++ {
			if v.wanted(i) && !gone[i] {
				sum += v.servers[i].share()
			}
		}
		if sum == 0 {
			return dst
		}
		left := int(draw() % uint64(sum))
		for i := from; i < to; i++ {
			if !v.wanted(i) || gone[i] {
				continue
			}
			if left -= v.servers[i].share(); left < 0 {
				gone[i] = true
				dst = v.appendServer(dst, i)
				break
			}
		}
	}
}

// share is the weight, with a trace left for weight 0.
func (s *server) share() int { return max(s.weight<<8, 1) }

func (v *view) wanted(server int) bool { return v.living == 0 || v.servers[server].living }

func (v *view) appendServer(dst []Target, i int) []Target {
	for t := v.servers[i].from; t < v.servers[i].to; t++ {
		if v.living == 0 || !v.marks[t].dark {
			dst = append(dst, v.targets[t])
		}
	}
	return dst
}

func (v *view) find(p transport.Proto, at netip.AddrPort) int {
	for i := range v.targets {
		if v.targets[i].Addr == at && v.targets[i].Proto == p {
			return i
		}
	}
	return -1
}

func addrOf(t *Target) health.Addr { return health.Addr{Proto: uint8(t.Proto), At: t.Addr} }
