package site

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// throttlePeriod is how often a throttled system gets its share anew: short, so
// that its messages do not wait long for that alone.
const throttlePeriod = 2 * time.Millisecond

// Throttle leaves the system a share of one processor, through a control group of
// its own: so slow a system can be overloaded by callers on the same machine. It
// needs root. undo takes the bound off.
func (r *Running) Throttle(share float64) (undo func(), err error) {
	quota, period := int64(share*float64(throttlePeriod.Microseconds())), throttlePeriod.Microseconds()
	if quota < 1000 {
		period = period * 1000 / quota // the kernel wants a quota of a millisecond at least
		quota = 1000
	}
	name := fmt.Sprintf("sipedge-bench-%d", r.proxy.PID())
	type setting struct{ file, value string }
	for root, set := range map[string][]setting{
		"/sys/fs/cgroup/cpu": {{"cpu.cfs_period_us", strconv.FormatInt(period, 10)}, {"cpu.cfs_quota_us", strconv.FormatInt(quota, 10)}},
		"/sys/fs/cgroup":     {{"cpu.max", fmt.Sprintf("%d %d", quota, period)}},
	} {
		dir := filepath.Join(root, name)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		failed := error(nil)
		for _, s := range append(set, setting{"cgroup.procs", strconv.Itoa(r.proxy.PID())}) {
			failed = errors.Join(failed, os.WriteFile(filepath.Join(dir, s.file), []byte(s.value), 0o644))
		}
		if failed == nil {
			return func() {
				_ = os.WriteFile(filepath.Join(root, "cgroup.procs"), []byte(strconv.Itoa(r.proxy.PID())), 0o644)
				_ = os.Remove(dir)
			}, nil
		}
		_ = os.Remove(dir)
		err = errors.Join(err, failed)
	}
	if err == nil {
		err = errors.New("no control group can be made below /sys/fs/cgroup")
	}
	return nil, fmt.Errorf("throttle the system to %s of a processor: %w; run as root where control groups of cpu can be written",
		strings.TrimSuffix(strconv.FormatFloat(share*100, 'f', 0, 64), ".0")+" %", err)
}
