package routing

import (
	"fmt"
	"strings"
)

// words is one list of the vocabulary: the spelling of each value of an
// enumeration, the same in Go's String, YAML, JSON, the store and the logs.
type words[T ~uint8] struct {
	what string
	of   []string
}

func (w *words[T]) name(x T) string {
	if int(x) < len(w.of) {
		return w.of[x]
	}
	return fmt.Sprintf("%s(%d)", w.what, uint8(x))
}

// append refuses values outside the vocabulary: written down, such a value
// would be read back by nobody.
func (w *words[T]) append(dst []byte, x T) ([]byte, error) {
	if int(x) >= len(w.of) {
		return dst, fmt.Errorf("%s %d has no spelling", w.what, uint8(x))
	}
	return append(dst, w.of[x]...), nil
}

func (w *words[T]) parse(s string) (T, error) {
	for i, word := range w.of {
		if word == s {
			return T(i), nil
		}
	}
	known := make([]string, 0, len(w.of))
	for _, word := range w.of {
		if word != "" {
			known = append(known, word)
		}
	}
	return 0, &WordError{w.what, s, known}
}

// WordError says that something is no word of the vocabulary, and which are.
type WordError struct {
	What, Found string
	Known       []string
}

func (e *WordError) Error() string {
	return fmt.Sprintf("%s %.40q is not one of %s", e.What, e.Found, strings.Join(e.Known, ", "))
}

var (
	authorityWords  = words[RoutingAuthority]{"routing_authority", []string{"none", "legacy", "speakops"}}
	overrideWords   = words[OverrideKind]{"override", []string{"none", "force_legacy", "force_speakops", "block"}}
	numberTypeWords = words[NumberType]{"number_type", []string{"", "local", "mobile", "toll_free"}}
	targetWords     = words[LegacyTarget]{"target", []string{"direct_sip", "shadow_did", "rn_pinned", "pstn_same_tn"}}
	kindWords       = words[Kind]{"kind", []string{"refuse", "route", "hold"}}
	intentWords     = words[Intent]{"intent", []string{"none", "not_ours", "retry_elsewhere", "busy", "blocked", "loop"}}
)

// ParseRoutingAuthority reads "legacy", "speakops" or "none".
func ParseRoutingAuthority(s string) (RoutingAuthority, error) { return authorityWords.parse(s) }

// ParseOverrideKind reads "force_legacy", "force_speakops", "block" or "none".
func ParseOverrideKind(s string) (OverrideKind, error) { return overrideWords.parse(s) }

// ParseNumberType reads "local", "mobile" or "toll_free"; "" is unknown.
func ParseNumberType(s string) (NumberType, error) { return numberTypeWords.parse(s) }

// ParsePortingState reads a state's spelling; "" is no port on record.
func ParsePortingState(s string) (PortingState, error) { return stateWords.parse(s) }

// ParseLegacyTarget reads "direct_sip", "shadow_did", "rn_pinned" or "pstn_same_tn".
func ParseLegacyTarget(s string) (LegacyTarget, error) { return targetWords.parse(s) }

func (a RoutingAuthority) String() string { return authorityWords.name(a) }
func (k OverrideKind) String() string     { return overrideWords.name(k) }
func (t NumberType) String() string       { return numberTypeWords.name(t) }
func (s PortingState) String() string     { return stateWords.name(s) }
func (t LegacyTarget) String() string     { return targetWords.name(t) }
func (k Kind) String() string             { return kindWords.name(k) }
func (i Intent) String() string           { return intentWords.name(i) }

// The text forms make every noun fit for JSON, YAML and flags as it is.

func (a RoutingAuthority) MarshalText() ([]byte, error) { return authorityWords.append(nil, a) }
func (k OverrideKind) MarshalText() ([]byte, error)     { return overrideWords.append(nil, k) }
func (t NumberType) MarshalText() ([]byte, error)       { return numberTypeWords.append(nil, t) }
func (s PortingState) MarshalText() ([]byte, error)     { return stateWords.append(nil, s) }
func (t LegacyTarget) MarshalText() ([]byte, error)     { return targetWords.append(nil, t) }
func (k Kind) MarshalText() ([]byte, error)             { return kindWords.append(nil, k) }
func (i Intent) MarshalText() ([]byte, error)           { return intentWords.append(nil, i) }

func (a *RoutingAuthority) UnmarshalText(b []byte) error { return read(&authorityWords, a, b) }
func (k *OverrideKind) UnmarshalText(b []byte) error     { return read(&overrideWords, k, b) }
func (t *NumberType) UnmarshalText(b []byte) error       { return read(&numberTypeWords, t, b) }
func (s *PortingState) UnmarshalText(b []byte) error     { return read(&stateWords, s, b) }
func (t *LegacyTarget) UnmarshalText(b []byte) error     { return read(&targetWords, t, b) }
func (k *Kind) UnmarshalText(b []byte) error             { return read(&kindWords, k, b) }
func (i *Intent) UnmarshalText(b []byte) error           { return read(&intentWords, i, b) }

// read leaves *x alone when b is no word of the vocabulary.
func read[T ~uint8](w *words[T], x *T, b []byte) error {
	v, err := w.parse(string(b))
	if err == nil {
		*x = v
	}
	return err
}
