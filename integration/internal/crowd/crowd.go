// Package crowd answers: how do ten million numbers come into a Redis within a
// minute or two?
//
// An import asks a script for each row. This speaks RESP and writes what the
// script would have left behind, by its own reading of the layout that package
// routing/feed describes: an edge that loads it compares the digests, and says so
// if the two readings differ.
package crowd

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/feed"
)

// First is the lowest number; the others follow without a gap.
const First = 12_000_000_000

// Number is the i-th of them, in E.164.
func Number(i int) string { return "+" + strconv.Itoa(First+i) }

// Authority is who holds the i-th.
func Authority(i int) string {
	if i%3 == 0 {
		return "speakops"
	}
	return "legacy"
}

// partition is what the meta of one of them comes to.
type partition struct {
	count     uint64
	high, low uint64
}

// Pour writes count numbers below prefix into the empty Redis at addr: 40
// providers, a thousand routing numbers, a hundred numbers to a customer.
func Pour(addr, prefix string, count int) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	p := &pourer{to: bufio.NewWriterSize(c, 1<<20), parts: make([]partition, feed.Partitions)}
	answers := make(chan error, 1)
	go func() { answers <- taken(c, count+feed.Partitions) }()
	revision := time.Now().Add(-time.Hour).UnixMicro()
	for i := range count {
		p.number(prefix, i, strconv.FormatInt(revision+int64(i), 10))
	}
	for at, of := range p.parts {
		p.command("HSET", fmt.Sprintf("%s:n:{p%02d}:meta", prefix, at), "incarnation", fmt.Sprintf("crowd-%d", at), "seq", strconv.FormatUint(of.count, 10),
			"digest", fmt.Sprintf("%d:%d", of.high, of.low), "count", strconv.FormatUint(of.count, 10), "refreshed", "0")
	}
	if err := p.to.Flush(); err != nil {
		return err
	}
	return <-answers
}

type pourer struct {
	to    *bufio.Writer
	parts []partition
	buf   []byte
}

func (p *pourer) number(prefix string, i int, revision string) {
	number := Number(i)
	at := feed.Partition(routing.PublicNumber(First + i))
	state := "draft"
	if i%3 == 0 {
		state = "settled"
	}
	p.command("HSET", fmt.Sprintf("%s:n:{p%02d}:%s", prefix, at, number), "public_number", number, "revision", revision,
		"number_type", "local", "porting_state", state, "routing_authority", Authority(i), "original_assignee", "provider-"+strconv.Itoa(i/1000%40),
		"current_serving_provider", "north", "underlying_carrier", "carrier-"+strconv.Itoa(i/1000%20),
		"customer_assignment", "customer-"+strconv.Itoa(i/100), "lrn", "+1"+strconv.Itoa(2025550000+i/10000%1000))
	p.buf = append(append(append(p.buf[:0], number...), ':'), revision...)
	sum := sha1.Sum(p.buf)
	of := &p.parts[at]
	of.count++
	of.high = (of.high + binary.BigEndian.Uint64(sum[:8])>>16) % (1 << 48)
	of.low = (of.low + binary.BigEndian.Uint64(sum[4:12])%(1<<48)) % (1 << 48) // bytes 6 to 11
}

// command writes one; errors stay in the writer, and Flush tells them.
func (p *pourer) command(words ...string) {
	p.buf = append(strconv.AppendInt(append(p.buf[:0], '*'), int64(len(words)), 10), "\r\n"...)
	for _, w := range words {
		p.buf = append(strconv.AppendInt(append(p.buf, '$'), int64(len(w)), 10), "\r\n"...)
		p.buf = append(append(p.buf, w...), "\r\n"...)
	}
	_, _ = p.to.Write(p.buf)
}

// taken reads the answers to so many commands.
func taken(c net.Conn, commands int) error {
	from := bufio.NewReaderSize(c, 1<<20)
	for range commands {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line[0] != ':' {
			return fmt.Errorf("crowd: redis answers %.100q", line)
		}
	}
	return nil
}
