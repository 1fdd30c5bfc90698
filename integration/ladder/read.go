package ladder

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/emiago/sipgo/sip"
)

func wait() { synctest.Wait() }

// headersOf are the values of a header as they were written, comma lists cut.
func headersOf(m sip.Message, name string) (values []string) {
	for _, h := range headersNamed(m, name) {
		if name == "Record-Route" || name == "Via" {
			for v := range strings.SplitSeq(h, ",") {
				values = append(values, strings.TrimSpace(v))
			}
			continue
		}
		values = append(values, h)
	}
	return values
}

func headersNamed(m sip.Message, name string) (values []string) {
	head, _, _ := strings.Cut(m.String(), "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		n, v, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(strings.TrimSpace(n), name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

// Header is the first value of a header, "" when there is none.
func Header(m sip.Message, name string) string {
	if v := headersNamed(m, name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func tagOf(m sip.Message, name string) string {
	_, tag, _ := strings.Cut(Header(m, name), ";tag=")
	tag, _, _ = strings.Cut(tag, ";")
	return tag
}

func contactOf(m sip.Message) string {
	_, uri, _ := strings.Cut(Header(m, "Contact"), "<")
	uri, _, _ = strings.Cut(uri, ">")
	return uri
}

// topBranch is the branch of the topmost Via.
func topBranch(m sip.Message) string {
	_, branch, _ := strings.Cut(headersOf(m, "Via")[0], "branch=")
	branch, _, _ = strings.Cut(branch, ";")
	return branch
}

// routeToken is the user part of the Record-Route value that has a token.
func routeToken(t testing.TB, m sip.Message) string {
	t.Helper()
	for _, v := range headersOf(m, "Record-Route") {
		user, _, ok := strings.Cut(strings.TrimPrefix(v, "<sip:"), "@")
		if ok && len(user) > 16 {
			return user
		}
	}
	return ""
}
