package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/redis/go-redis/v9"
)

// A full load asks for millions of records. To make a command, a reply and their
// buffers for each costs more than Redis needs to answer, so a load has a
// connection of its own. The library opens it, with its TLS, its user and its
// Sentinel, and then leaves it alone.

// wireBuffer is how much is read at once, and the most a single reply may take
// up, in bytes. A page of the longest names is 50 kB, a record of nothing but the
// longest values 5 kB.
const wireBuffer = 256 << 10

// wire is a connection to one master, on which questions wait for their answers.
type wire struct {
	conn     net.Conn
	patience time.Duration // for the next bytes of an answer; 0 is no end
	client   *redis.Client // whose pool has the connection
	out      []byte        // asked and not yet sent
	buf      []byte
	left     string // read and not yet taken: a view of buf, good until the next fill
}

// dial opens a wire to where a client goes. Its end is close.
func dial(ctx context.Context, to *redis.Client) (*wire, error) {
	opt := Apart(to)
	w := &wire{patience: opt.ReadTimeout, buf: make([]byte, wireBuffer)}
	opt.PoolSize, opt.MinIdleConns, opt.MaxIdleConns, opt.MaxActiveConns = 1, 0, 0, 0
	open, dialled := opt.Dialer, make(chan net.Conn, 1)
	opt.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := open(ctx, network, addr)
		if err == nil {
			select {
			case <-dialled: // one that did not get as far as its first answer
			default:
			}
			dialled <- c
		}
		return c, err
	}
	w.client = redis.NewClient(&opt)
	if err := w.client.Conn().Ping(ctx).Err(); err != nil { // never put back, so nobody else has it
		w.close()
		return nil, err
	}
	w.conn = <-dialled
	return w, nil
}

// close ends it, and whatever waits for an answer.
func (w *wire) close() { _ = w.client.Close() }

// ask puts a question down; send sends those that were.
func (w *wire) ask(words ...string) {
	w.out = append(strconv.AppendInt(append(w.out, '*'), int64(len(words)), 10), "\r\n"...)
	for _, word := range words {
		w.out = append(strconv.AppendInt(append(w.out, '$'), int64(len(word)), 10), "\r\n"...)
		w.out = append(append(w.out, word...), "\r\n"...)
	}
}

func (w *wire) send() error {
	if err := w.conn.SetDeadline(w.deadline()); err != nil {
		return err
	}
	_, err := w.conn.Write(w.out)
	w.out = w.out[:0]
	return err
}

func (w *wire) deadline() time.Time {
	if w.patience <= 0 {
		return time.Time{}
	}
	return time.Now().Add(w.patience)
}

// full says that what is left is as much as a reply may take up.
func (w *wire) full() bool { return len(w.left) == len(w.buf) }

// fill reads more. Whatever is cut out of left and is to last is copied first:
// to copy all of it costs a tenth of a load.
func (w *wire) fill() error {
	kept := copy(w.buf, w.left)
	if err := w.conn.SetReadDeadline(w.deadline()); err != nil {
		return err
	}
	n, err := w.conn.Read(w.buf[kept:])
	w.left = unsafe.String(unsafe.SliceData(w.buf), kept+n)
	switch {
	case n > 0:
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

// reply takes the next answer, which is good until the next fill; whole is false
// for one that had no room, and was passed over.
func (w *wire) reply() (text string, whole bool, err error) {
	for {
		past := walk{replies: 1}
		rest, done := past.over(w.left)
		if done {
			text, w.left = w.left[:len(w.left)-len(rest)], rest
			return text, true, nil
		}
		if w.full() {
			for w.left = rest; !done; w.left, done = past.over(w.left) {
				if err := w.fill(); err != nil {
					return "", false, err
				}
			}
			return "", false, nil
		}
		if err := w.fill(); err != nil {
			return "", false, err
		}
	}
}

// replyError is an answer that is an error, worded by Redis.
type replyError string

func (e replyError) Error() string { return string(e) }

// RedisError marks it as one, as the library's are.
func (replyError) RedisError() {}

// readError is the error that a reply is; nil for another reply.
func readError(reply string) error {
	if text, is := strings.CutPrefix(reply, "-"); is {
		return replyError(strings.Clone(strings.TrimRight(text, "\r\n")))
	}
	return nil
}

// scanned takes an answer to SCAN: where to go on, "0" for nowhere, and names.
func (w *wire) scanned() (cursor string, names []string, err error) {
	reply, whole, err := w.reply()
	if err != nil {
		return "", nil, err
	}
	if err := readError(reply); err != nil {
		return "", nil, err
	}
	r := resp{left: strings.Clone(reply)} // the names last as long as their page
	kind, parts := r.line()
	cursor, ok := r.text()
	list, count := r.line()
	if !whole || kind != '*' || parts != 2 || !ok || list != '*' {
		return "", nil, fmt.Errorf("an answer to SCAN cannot be read: %.80q", reply)
	}
	for range count {
		name, ok := r.text()
		if !ok {
			return "", nil, fmt.Errorf("a name in an answer to SCAN cannot be read: %.80q", r.left)
		}
		names = append(names, name)
	}
	return cursor, names, nil
}

// walk goes past replies, of whatever kinds, a piece at a time.
type walk struct {
	replies int // still to come
	bytes   int // of the present one
}

// over goes as far as text does; rest is what it could not read yet, or what
// follows once it is done.
func (k *walk) over(text string) (rest string, done bool) {
	for {
		some := min(k.bytes, len(text))
		text, k.bytes = text[some:], k.bytes-some
		if k.bytes > 0 {
			return text, false
		}
		if k.replies == 0 {
			return text, true
		}
		end := strings.IndexByte(text, '\n')
		if end < 0 {
			return text, false
		}
		line := strings.TrimSuffix(text[:end], "\r")
		text = text[end+1:]
		k.replies--
		if line == "" {
			continue
		}
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			continue // a line is all of it, as with an error, or nothing follows
		}
		switch line[0] {
		case '$', '=', '!':
			k.bytes = n + len("\r\n")
		case '*', '~', '>':
			k.replies += n
		case '%':
			k.replies += 2 * n
		}
	}
}

// resp reads a hash as Redis sends it, as an array (RESP2) or a map (RESP3).
type resp struct {
	left  string
	short bool // it ended before what was asked for did
}

// hash says how many fields follow.
func (r *resp) hash() (fields int, ok bool) {
	switch kind, n := r.line(); kind {
	case '%':
		return n, true
	case '*':
		return n / 2, n%2 == 0
	}
	return 0, false
}

func (r *resp) field() (name, value string, ok bool) {
	if name, ok = r.text(); ok {
		value, ok = r.text()
	}
	return name, value, ok
}

func (r *resp) text() (text string, ok bool) {
	kind, n := r.line()
	if kind != '$' {
		return "", false
	}
	if len(r.left) < n+2 {
		r.short = true
		return "", false
	}
	text, r.left = r.left[:n], r.left[n+2:]
	return text, true
}

// maxLength bounds a length that is believed; Redis has none above 512 MB.
const maxLength = 1 << 29

// line is the first byte of a line and the length after it; no kind for another line.
func (r *resp) line() (kind byte, n int) {
	s := r.left
	for i := 1; i < len(s); i++ {
		c := s[i] - '0'
		switch {
		case c <= 9 && n <= maxLength:
			n = n*10 + int(c)
			continue
		case i == 1 || s[i] != '\r':
			return 0, 0
		case i+1 == len(s):
			r.short = true
			return 0, 0
		case s[i+1] != '\n':
			return 0, 0
		}
		r.left = s[i+2:]
		return s[0], n
	}
	r.short = true
	return 0, 0
}
