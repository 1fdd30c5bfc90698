package site

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// gateway is a SIPp that answers every call after 20 ms of ringing.
type gateway struct {
	*Process
	stats string
}

// common are SIPp's arguments of caller and gateway alike. SIPp looks for its
// control and media ports from aside on.
func (s *Site) common(stats string, port, aside int) []string {
	return []string{"-i", "127.0.0.1", "-p", strconv.Itoa(port), "-ci", "127.0.0.1", "-cp", strconv.Itoa(aside), "-mp", strconv.Itoa(aside + 100),
		"-nostdin", "-default_behaviors", "all,-bye", "-buff_size", "8388608", "-trace_stat", "-stf", stats, "-fd", "1", "-trace_err"}
}

func (s *Site) gateway(ctx context.Context, dir, name string, port int) (*gateway, error) {
	g := &gateway{stats: filepath.Join(dir, name+".csv")}
	aside := 34_000 + port%1000*4
	argv := append([]string{"sipp", "-sf", filepath.Join(s.Dir, "uas.xml"), "-key", "gateway", name, "-error_file", filepath.Join(dir, name+".err")},
		s.common(g.stats, port, aside)...)
	var err error
	if g.Process, err = Start(name, dir, nil, argv...); err != nil {
		return nil, err
	}
	return g, until(ctx, 5*time.Second, "the "+name+" gateway", func() bool { return bound(port) })
}

// Load is one run of callers against a system.
type Load struct {
	Rate      int           // calls per second
	Calls     int           // then it ends
	Hold      time.Duration // between ACK and BYE
	Transport string        // "udp" (or ""), "tcp", "tls"
	Open      int           // calls at once at most; 0 is three seconds' worth
	Probes    float64       // latency probes per second, beside the load
}

func (s *Site) callers(dir string, l Load, to string) (*Process, string, error) {
	s.runs++
	stats := filepath.Join(dir, fmt.Sprintf("caller-%02d.csv", s.runs))
	open := l.Open
	if open == 0 {
		open = min(15_000, max(200, 3*l.Rate))
	}
	mode := map[string]string{"": "u1", "udp": "u1", "tcp": "t1", "tls": "t1"}[l.Transport]
	longest := time.Duration(l.Calls)*time.Second/time.Duration(l.Rate) + l.Hold + 10*time.Second
	argv := []string{"sipp", to, "-sf", filepath.Join(s.Dir, "uac.xml"), "-inf", s.Called, "-t", mode,
		"-r", strconv.Itoa(l.Rate), "-m", strconv.Itoa(l.Calls), "-l", strconv.Itoa(open), "-d", strconv.Itoa(int(l.Hold.Milliseconds())),
		"-timer_resol", "2", "-recv_timeout", "8000", "-timeout", strconv.Itoa(int(longest.Seconds())) + "s",
		"-error_file", stats + ".err"}
	p, err := Start(filepath.Base(stats), dir, nil, append(argv, s.common(stats, s.caller, 39_000+s.caller%500*2)...)...)
	return p, stats, err
}

// counted is the last line of a SIPp statistics file by column.
func counted(name string) map[string]int64 {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
	rows, _ := r.ReadAll()
	if len(rows) < 2 {
		return nil
	}
	last := map[string]int64{}
	for i, column := range rows[0] {
		if i < len(rows[len(rows)-1]) {
			last[column], _ = strconv.ParseInt(rows[len(rows)-1][i], 10, 64)
		}
	}
	return last
}
