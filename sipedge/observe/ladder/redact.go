package ladder

import "bytes"

// What nobody may read in a ladder: header values that authenticate somebody,
// and lines of SDP that open media. They are overwritten in place, byte for byte,
// so that every length in the message stays true.
var (
	secretHeaders = [][]byte{[]byte("authorization"), []byte("proxy-authorization"), []byte("authentication-info"), []byte("proxy-authentication-info")}
	secretLines   = [][]byte{[]byte("a=crypto:"), []byte("a=ice-pwd:"), []byte("k=")}
)

// redact overwrites the secrets of one message.
func redact(b []byte) {
	head := true
	secret := false
	for len(b) > 0 {
		line := b
		if n := bytes.IndexByte(b, '\n'); n >= 0 {
			line, b = b[:n], b[n+1:]
		} else {
			b = nil
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		switch {
		case len(line) == 0:
			head = false
		case !head:
			for _, s := range secretLines {
				if len(line) >= len(s) && bytes.EqualFold(line[:len(s)], s) {
					blot(line[len(s):])
				}
			}
		case line[0] == ' ' || line[0] == '\t': // a folded line goes on
			if secret {
				blot(line[1:])
			}
		default:
			secret = false
			name, value, _ := bytes.Cut(line, []byte(":"))
			for _, s := range secretHeaders {
				if bytes.EqualFold(bytes.TrimSpace(name), s) {
					secret = true
					_, credentials, _ := bytes.Cut(bytes.TrimLeft(value, " \t"), []byte(" ")) // the scheme stays
					blot(credentials)
				}
			}
		}
	}
}

func blot(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}

// Redact overwrites in b, in place, what nobody may read of one message.
func Redact(b []byte) { redact(b) }
