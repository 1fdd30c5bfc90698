package frame

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func message(method string, body string) string {
	return method + " sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\n" +
		"Call-ID: 1@c\r\nCSeq: 1 " + method + "\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body
}

// feed gives b in pieces of at most n bytes and tells what was found.
func feed(f *Buffer, b []byte, n int) (found []string) {
	for len(b) > 0 {
		k := copy(f.Space(), b[:min(n, len(b))])
		f.Wrote(k)
		b = b[k:]
		for {
			it := f.Next()
			if it.Kind == More {
				break
			}
			switch it.Kind {
			case Ping:
				found = append(found, "ping")
			case Message:
				found = append(found, fmt.Sprintf("%s body=%q %v", bytes.Fields(it.Bytes)[0], it.Bytes[it.Verdict.Body:], it.Verdict.Reason))
			case Fatal:
				found = append(found, "fatal "+it.Verdict.Reason.String())
			}
		}
	}
	return found
}

func TestPiecesOfAnySizeGiveTheSame(t *testing.T) {
	bad := strings.Replace(message("INFO", "bad"), "To:", "t:x\r\nTo:", 1)
	stream := "\r\n" + message("INVITE", strings.Repeat("x", 9000)) + "\r\n\r\n" + message("ACK", "") + message("BYE", "\r\n\r\n\x00") + bad + "\r\n\r\n\r\n\r\n" + message("INFO", "z")
	want := []string{`INVITE body="` + strings.Repeat("x", 9000) + `" none`, "ping", `ACK body="" none`, `BYE body="\r\n\r\n\x00" none`,
		`INFO body="bad" duplicate`, "ping", "ping", `INFO body="z" none`}
	for _, n := range []int{1, 2, 3, 7, 100, 4096, 1 << 20} {
		f := Buffer{Max: 65535}
		if got := feed(&f, []byte(stream), n); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("in pieces of %d:\n%.200q\nwant\n%.200q", n, got, want)
		}
		if f.Partial() {
			t.Errorf("in pieces of %d: something is left", n)
		}
	}
}

func TestFatalIsForEver(t *testing.T) {
	for name, c := range map[string]struct{ stream, want string }{
		"no length":    {strings.Replace(message("INFO", ""), "Content-Length", "X", 1), "fatal no_length"},
		"too large":    {strings.Replace(message("INFO", ""), "Length: 0", "Length: 5000", 1), "fatal too_large"},
		"endless head": {message("INFO", "")[:60] + strings.Repeat("a", 6000), "fatal no_end"},
		"binary":       {"\x16\x03\x01", "fatal not_sip"},
		"http":         {"GET / HTTP/1.1\r\n\r\n", "fatal not_sip"},
		"bare CR":      {"\rINFO", "fatal not_sip"},
	} {
		f := Buffer{Max: 4500}
		got := feed(&f, []byte(c.stream+message("BYE", "")), 10)
		if len(got) != 1 || got[0] != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestMemoryFollowsBytesNotPromises(t *testing.T) {
	f := Buffer{Max: 65535}
	head := strings.Replace(message("INFO", ""), "Length: 0", "Length: 65000", 1)
	feed(&f, []byte(head), 100)
	if len(f.buf) != small || !f.Partial() {
		t.Errorf("%d bytes held for a promise", len(f.buf))
	}
	feed(&f, bytes.Repeat([]byte("x"), 65000), 1000)
	if len(f.buf) > 65535+small {
		t.Errorf("%d bytes held for one message", len(f.buf))
	}
	f.Space()
	if len(f.buf) != small {
		t.Errorf("%d bytes held after it", len(f.buf))
	}
}

// FuzzFrame: however a stream is cut into reads, the same is found, and what is
// found is bounded.
func FuzzFrame(f *testing.F) {
	f.Add([]byte(message("INVITE", "v=0")+"\r\n\r\n"+message("ACK", "")), byte(3))
	f.Add([]byte("\r\r\n"+message("BYE", "x")), byte(1))
	f.Fuzz(func(t *testing.T, b []byte, n byte) {
		one, two := Buffer{Max: 8000}, Buffer{Max: 8000}
		x, y := feed(&one, b, 1<<20), feed(&two, b, int(n)+1)
		// Where a stream dies of not ending, the piece decides how much was seen.
		if last := len(x) - 1; last >= 0 && strings.HasPrefix(x[last], "fatal") && len(y) == len(x) {
			x, y = x[:last], y[:last]
		}
		if strings.Join(x, "|") != strings.Join(y, "|") {
			t.Fatalf("at once %q\nin pieces of %d %q", x, int(n)+1, y)
		}
		if len(one.buf) > 8000+small+small {
			t.Fatalf("%d bytes held", len(one.buf))
		}
	})
}
