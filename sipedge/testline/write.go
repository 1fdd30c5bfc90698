package testline

import (
	"bytes"
	"net/netip"
	"strconv"

	"github.com/speakops/sipedge/sipedge/message"
)

// say appends a response to a request.
func (c *Call) say(out []Effect, m *message.Message, code int, extra, body []byte) []Effect {
	return append(out, Effect{Kind: Send, Bytes: c.reply(m, code, extra, body)})
}

var empty = []byte("Content-Length: 0\r\n\r\n")

// reply writes a response with our tag and, maybe, a description.
func (c *Call) reply(m *message.Message, code int, extra, body []byte) []byte {
	if code >= 200 && code < 300 || code == 180 || code == 183 {
		extra = append(extra[:len(extra):len(extra)], "Server: sipedge-testline\r\n"...)
	}
	b := m.AppendReply(nil, code, "", []byte(c.o.Tag), netip.AddrPort{}, extra)
	if len(body) == 0 {
		return b
	}
	b = append(bytes.TrimSuffix(b, empty), "Content-Type: application/sdp\r\nContent-Length: "...)
	return append(append(strconv.AppendInt(b, int64(len(body)), 10), "\r\n\r\n"...), body...)
}

// dialogLines are what a response that makes or refreshes a dialog has (section
// 12.1.1): the Record-Routes of its request, and our Contact.
func (c *Call) dialogLines(m *message.Message) (b []byte) {
	for v := range m.Values(message.KRecordRoute) {
		b = append(append(append(b, "Record-Route: "...), v...), "\r\n"...)
	}
	return append(append(b, c.contactLines()...), Allow+abilities...)
}

func (c *Call) contactLines() []byte {
	return append(append([]byte("Contact: "), c.o.Contact...), "\r\n"...)
}

// HeardHeader tells in a BYE, and in the answer to one, what the line has heard.
const HeardHeader = "X-Sipedge-Heard"

func heardLine(heard string) []byte {
	if heard == "" {
		return nil
	}
	return []byte(HeardHeader + ": " + heard + "\r\n")
}
