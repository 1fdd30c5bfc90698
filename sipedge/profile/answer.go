package profile

import (
	"strconv"
	"time"

	"github.com/speakops/sipedge/routing"
)

// Answer is a final response of ours.
type Answer struct {
	Code       int
	Reason     string        // the phrase behind the code
	Cause      int           // Q.850, 0 for none
	RetryAfter time.Duration // whole seconds, 0 for none
}

// AppendReason appends a Reason header line (RFC 3326) and returns the extended
// slice. because goes out in its text, so it is given only for trunks trusted
// with diagnostics; otherwise the text is the cause's own name. Without a cause
// and without a because there is nothing to say and no header.
func AppendReason(dst []byte, a Answer, because routing.Because) []byte {
	text := string(because)
	switch {
	case a.Cause != 0:
		dst = append(dst, "Reason: Q.850;cause="...)
		dst = strconv.AppendInt(dst, int64(a.Cause), 10)
		if text == "" {
			text = causes[a.Cause]
		}
	case text != "":
		dst = append(dst, "Reason: SIP;cause="...)
		dst = strconv.AppendInt(dst, int64(a.Code), 10)
	default:
		return dst
	}
	if text != "" {
		dst = append(dst, `;text="`...)
		dst = appendQuoted(dst, text)
		dst = append(dst, '"')
	}
	return append(dst, "\r\n"...)
}

// appendQuoted writes the inside of a quoted-string (RFC 3261 section 25.1).
// Bytes that no header may hold are dropped, not escaped: an escaped line end
// is still a line end to a careless parser.
func appendQuoted(dst []byte, s string) []byte {
	for i := range len(s) {
		switch b := s[i]; {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b >= ' ' && b != 0x7f:
			dst = append(dst, b)
		}
	}
	return dst
}

// AppendRetryAfter appends a Retry-After line when the answer has one.
func AppendRetryAfter(dst []byte, a Answer) []byte {
	if a.RetryAfter <= 0 {
		return dst
	}
	dst = append(dst, "Retry-After: "...)
	dst = strconv.AppendInt(dst, int64((a.RetryAfter+time.Second-1)/time.Second), 10)
	return append(dst, "\r\n"...)
}

// Phrase is the usual reason phrase of a final code, never empty.
func Phrase(code int) string {
	if p, ok := phrases[code]; ok {
		return p
	}
	switch code / 100 {
	case 3:
		return "Redirection"
	case 5:
		return "Server Failure"
	case 6:
		return "Global Failure"
	}
	return "Request Failure"
}

var phrases = map[int]string{
	400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
	408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large", 415: "Unsupported Media Type",
	416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small",
	433: "Anonymity Disallowed", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist",
	482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here",
	487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
	504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large", 580: "Precondition Failure",
	600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable", 607: "Unwanted", 608: "Rejected",
}

// causes names the Q.850 causes that the shipped profiles use.
var causes = map[int]string{
	1: "Unallocated number", 3: "No route to destination", 16: "Normal call clearing", 17: "User busy",
	18: "No user responding", 19: "No answer from user", 20: "Subscriber absent", 21: "Call rejected",
	25: "Exchange routing error", 27: "Destination out of order", 31: "Normal, unspecified",
	34: "No circuit/channel available", 38: "Network out of order", 41: "Temporary failure",
	42: "Switching equipment congestion", 44: "Requested circuit/channel not available", 47: "Resource unavailable, unspecified",
}
