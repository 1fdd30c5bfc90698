package configs

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

// redacted is all that a Secret ever shows of itself.
const redacted = "(secret)"

// Secret is a value that is used and never shown: printing, logging and dumping
// it give the same word whatever it holds.
//
// The value lies behind a pointer, because fmt, when a verb does not fit, prints
// the fields of nested structs without asking their methods.
type Secret struct{ value *string }

// NewSecret wraps a value that did not come from a file, as in dev and tests.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal is the value itself, for the one place that needs it. Line ends behind
// it, as editors and echo leave them in files, are not part of it.
func (s Secret) Reveal() string { return strings.TrimRight(s.raw(), "\r\n") }

func (s Secret) raw() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero says that no secret was given.
func (s Secret) IsZero() bool { return s.raw() == "" }

// String is what fmt prints for every verb that asks for text.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// GoString keeps %#v from printing the field.
func (s Secret) GoString() string { return s.String() }

// MarshalYAML keeps a dump of the configuration clean.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// MarshalText does the same for JSON and every other text encoding.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue does the same for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// keyLen is the length of a token key in bytes.
const keyLen = 32

// Key reads the value as a 32-byte key: raw, as 64 hex digits or as base64 of
// either alphabet. A line end behind it is not part of it. The error never
// shows the value.
func (s Secret) Key() (key [32]byte, err error) {
	text := s.Reveal()
	switch {
	case len(s.raw()) == keyLen:
		text = s.raw() // raw bytes may end in what looks like a line end
	case len(text) == keyLen:
	case len(text) == 2*keyLen && decodes(&text, hex.DecodeString):
	case decodes(&text, base64.StdEncoding.DecodeString), decodes(&text, base64.RawStdEncoding.DecodeString),
		decodes(&text, base64.URLEncoding.DecodeString), decodes(&text, base64.RawURLEncoding.DecodeString):
	}
	if len(text) != keyLen {
		return key, fmt.Errorf("is not a key of 32 bytes (raw, hex or base64), but %d characters long", len(s.raw()))
	}
	copy(key[:], text)
	return key, nil
}

func decodes(text *string, decode func(string) ([]byte, error)) bool {
	raw, err := decode(*text)
	if err != nil || len(raw) != keyLen {
		return false
	}
	*text = string(raw)
	return true
}

// Keys are the token keys as bytes, the sealing one first. After Load they
// cannot fail.
func (i Identity) Keys() ([][32]byte, error) {
	keys := make([][32]byte, len(i.TokenKeys))
	for n, s := range i.TokenKeys {
		var err error
		if keys[n], err = s.Key(); err != nil {
			return nil, fmt.Errorf("configs: edge.token_keys[%d] %w", n, err)
		}
	}
	return keys, nil
}
