package snapshot

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/speakops/sipedge/routing"
)

// BenchmarkLoadSnapshot reads SIZE numbers (default 100,000; 10000000 is a
// national provider) from disk into an empty table, with the collector set as
// an edge sets it for so many. SNAPSHOT_DIR keeps the file for another run, so that the peak of
// memory is that of loading alone.
func BenchmarkLoadSnapshot(b *testing.B) {
	count := 100_000
	if text := os.Getenv("SIZE"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	path := os.Getenv("SNAPSHOT_DIR")
	if path == "" {
		path = b.TempDir()
	}
	d := open(b, path)
	if there, _ := d.names(nameAfter); len(there) == 0 {
		table := new(routing.Table)
		for i := range count {
			n := nth(i)
			n.CustomerAssignment = routing.CustomerID("customer-" + strconv.Itoa(i/100))
			table.Put(n)
		}
		if err := d.Write(head(), table, nil); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	for b.Loop() {
		table := new(routing.Table)
		c, ok, refused := d.Load(prefix, table)
		if !ok || c.Records != count || table.Len() != count {
			b.Fatal(ok, c.Records, table.Len(), refused)
		}
		b.ReportMetric(resident(b, "VmRSS"), "rss-MB")
		b.ReportMetric(resident(b, "VmHWM"), "peak-MB")
		runtime.KeepAlive(table)
	}
	b.ReportMetric(float64(count)*float64(b.N)/b.Elapsed().Seconds(), "numbers/s")
}

// BenchmarkWriteSnapshot is what a snapshot costs to write.
func BenchmarkWriteSnapshot(b *testing.B) {
	count := 100_000
	if text := os.Getenv("SIZE"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	table, d := filled(count), open(b, b.TempDir())
	for b.Loop() {
		if err := d.Write(head(), table, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// resident is a line of /proc/self/status, in MB; 0 where there is none.
func resident(b *testing.B, what string) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, what+":"); ok {
			var kb float64
			if _, err := fmt.Sscan(rest, &kb); err != nil {
				b.Fatal(err)
			}
			return kb / 1024
		}
	}
	return 0
}
