package crowd

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/speakops/sipedge/integration/internal/lab"
)

// BenchmarkFloor asks a real Redis for what a full load asks for, on one connection
// that never runs dry, and throws the answers away.
func BenchmarkFloor(b *testing.B) {
	reading(b, "own-us/number", func(r *lab.Redis, count int) {
		if n, err := drain(r.Addr()); err != nil || n < count {
			b.Fatal(n, err)
		}
	})
}

// drain reads every record of the crowd and says how many. A record is an array of
// ten names and ten values, which is 41 lines.
func drain(addr string) (records int, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	in, out := bufio.NewReaderSize(c, 256<<10), bufio.NewWriterSize(c, 256<<10)
	scan := func(cursor string) { fmt.Fprintf(out, "SCAN %s MATCH p:n:{p??}:+* COUNT 500\r\n", cursor) }
	scan("0")
	if err := out.Flush(); err != nil {
		return 0, err
	}
	asked := 0
	for more := true; more || asked > 0; {
		var names []string
		if more {
			var cursor string
			if cursor, names, err = scanned(in); err != nil {
				return records, err
			}
			if more = cursor != "0"; more {
				scan(cursor)
			}
			for _, name := range names {
				fmt.Fprintf(out, "*2\r\n$7\r\nHGETALL\r\n$%d\r\n%s\r\n", len(name), name)
			}
			if err := out.Flush(); err != nil {
				return records, err
			}
		}
		for range 41 * asked {
			if _, err := in.ReadSlice('\n'); err != nil {
				return records, err
			}
		}
		records += asked
		asked = len(names)
	}
	return records, nil
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
