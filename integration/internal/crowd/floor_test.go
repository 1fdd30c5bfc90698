package crowd

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// BenchmarkFloor asks a real Redis for what a full load asks for, in the same
// pipelines on as many connections, and throws the answers away: no load is faster.
func BenchmarkFloor(b *testing.B) {
	count, r := size(b), lab.NewRedis(b)
	if err := Pour(r.Addr(), "p", count); err != nil {
		b.Fatal(err)
	}
	before := cpuOf(b, r)
	for b.Loop() {
		if n, err := drain(r.Addr()); err != nil || n < count {
			b.Fatal(n, err)
		}
	}
	all := float64(count) * float64(b.N)
	b.ReportMetric(all/b.Elapsed().Seconds(), "numbers/s")
	b.ReportMetric((cpuOf(b, r)-before)*1e6/all, "redis-us/number")
}

// drain reads every record of the crowd and says how many.
func drain(addr string) (records int, err error) {
	pages := make(chan []string, 2)
	var g errgroup.Group
	for range 2 {
		g.Go(func() error { return discard(addr, pages) })
	}
	g.Go(func() error {
		defer close(pages)
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		defer c.Close()
		in := bufio.NewReader(c)
		for cursor := "0"; ; {
			fmt.Fprintf(c, "SCAN %s MATCH p:n:{p??}:+* COUNT 1000\r\n", cursor)
			var names []string
			if cursor, names, err = scanned(in); err != nil {
				return err
			}
			records += len(names)
			pages <- names
			if cursor == "0" {
				return nil
			}
		}
	})
	return records, g.Wait()
}

// scanned reads an answer to SCAN.
func scanned(in *bufio.Reader) (cursor string, names []string, err error) {
	line := func() string {
		text, e := in.ReadString('\n')
		if e != nil {
			err = e
		}
		return strings.TrimRight(text, "\r\n")
	}
	line() // *2
	line() // the length of the cursor
	cursor = line()
	count, _ := strconv.Atoi(strings.TrimPrefix(line(), "*"))
	for range count {
		line()
		names = append(names, line())
	}
	return cursor, names, err
}

// discard asks for pages of records. One is an array of ten names and ten values,
// which is 41 lines.
func discard(addr string, pages <-chan []string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	out, buf := bufio.NewWriterSize(c, 1<<16), make([]byte, 1<<16)
	for names := range pages {
		for _, name := range names {
			fmt.Fprintf(out, "*2\r\n$7\r\nHGETALL\r\n$%d\r\n%s\r\n", len(name), name)
		}
		if err := out.Flush(); err != nil {
			return err
		}
		for left := 41 * len(names); left > 0; {
			n, err := c.Read(buf)
			if err != nil {
				return io.ErrUnexpectedEOF
			}
			left -= bytes.Count(buf[:n], []byte("\n"))
		}
	}
	return nil
}
