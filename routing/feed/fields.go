package feed

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/speakops/sipedge/routing"
	"github.com/speakops/sipedge/routing/e164"
)

// The fields of a record, the same words in Redis, CSV and JSON Lines.
const (
	fieldPublicNumber = "public_number"
	fieldRevision     = "revision"
	fieldTombstone    = "tombstone"
	fieldSeq          = "seq"

	fieldNumberType       = "number_type"
	fieldPortingState     = "porting_state"
	fieldRoutingAuthority = "routing_authority"
	fieldCurrentServing   = "current_serving_provider"
	fieldCustomer         = "customer_assignment"
	fieldLRN              = "lrn"
	fieldOverride         = "override"
	fieldOverrideFrom     = "override_from"
	fieldOverrideUntil    = "override_until"
	fieldOverrideReason   = "override_reason"
	fieldOverrideAuthor   = "override_author"
)

// maxValue bounds a value of a record, in bytes.
const maxValue = 256

// field is one word of the vocabulary: how a stored value gets into a Number
// and back. The stored form is text; instants are microseconds since 1970.
type field struct {
	name string
	want string // what may stand there, for people
	read func(n *routing.Number, s string) error
	show func(n *routing.Number) string
}

// vocabulary is every field that may be written, in the order of put.lua.
var vocabulary = []field{
	{fieldNumberType, "local, mobile, toll_free or nothing",
		func(n *routing.Number, s string) (err error) { n.NumberType, err = routing.ParseNumberType(s); return },
		func(n *routing.Number) string { return n.NumberType.String() }},
	{fieldPortingState, "a porting state, or nothing to leave it as it is",
		func(n *routing.Number, s string) (err error) {
			n.PortingState, err = routing.ParsePortingState(s)
			return
		},
		func(n *routing.Number) string { return n.PortingState.String() }},
	{fieldRoutingAuthority, "legacy, speakops or none",
		func(n *routing.Number, s string) (err error) {
			n.RoutingAuthority, err = routing.ParseRoutingAuthority(s)
			return
		},
		func(n *routing.Number) string { return n.RoutingAuthority.String() }},
	text("original_assignee", func(n *routing.Number) *routing.ProviderID { return &n.OriginalAssignee }),
	text(fieldCurrentServing, func(n *routing.Number) *routing.ProviderID { return &n.CurrentServingProvider }),
	text("losing_provider", func(n *routing.Number) *routing.ProviderID { return &n.LosingProvider }),
	text("underlying_carrier", func(n *routing.Number) *routing.CarrierID { return &n.UnderlyingCarrier }),
	text(fieldCustomer, func(n *routing.Number) *routing.CustomerID { return &n.CustomerAssignment }),
	{fieldLRN, "an E.164 number such as +12025550000, or nothing",
		func(n *routing.Number, s string) error {
			if s != "" {
				if _, err := e164.Parse(s); err != nil {
					return err
				}
			}
			n.LRN = s
			return nil
		},
		func(n *routing.Number) string { return n.LRN }},
	text("legacy_route", func(n *routing.Number) *routing.RouteID { return &n.LegacyRoute }),
	text("speakops_route", func(n *routing.Number) *routing.RouteID { return &n.SpeakOpsRoute }),
	{fieldOverride, "force_legacy, force_speakops or block, with override_until, override_reason and override_author; or none",
		func(n *routing.Number, s string) (err error) {
			if s != "" {
				n.Override.Kind, err = routing.ParseOverrideKind(s)
			}
			return
		},
		func(n *routing.Number) string {
			if n.Override.Kind == routing.OverrideNone {
				return ""
			}
			return n.Override.Kind.String()
		}},
	instant(fieldOverrideFrom, func(n *routing.Number) *time.Time { return &n.Override.From }),
	instant(fieldOverrideUntil, func(n *routing.Number) *time.Time { return &n.Override.Until }),
	text(fieldOverrideReason, func(n *routing.Number) *string { return &n.Override.Reason }),
	text(fieldOverrideAuthor, func(n *routing.Number) *string { return &n.Override.Author }),
}

// named finds a field by its word.
var named = func() map[string]*field {
	m := make(map[string]*field, len(vocabulary))
	for i := range vocabulary {
		m[vocabulary[i].name] = &vocabulary[i]
	}
	return m
}()

func text[T ~string](name string, at func(*routing.Number) *T) field {
	return field{name, fmt.Sprintf("at most %d bytes of printable UTF-8", maxValue),
		func(n *routing.Number, s string) error {
			if err := printable(s); err != nil {
				return err
			}
			*at(n) = T(s)
			return nil
		},
		func(n *routing.Number) string { return string(*at(n)) }}
}

func instant(name string, at func(*routing.Number) *time.Time) field {
	return field{name, "an instant such as 2026-03-01T10:00:00Z",
		func(n *routing.Number, s string) error {
			if s == "" {
				*at(n) = time.Time{}
				return nil
			}
			us, err := strconv.ParseInt(s, 10, 64)
			if err != nil || us <= 0 {
				return fmt.Errorf("%.40q is not a count of microseconds since 1970", s)
			}
			*at(n) = time.UnixMicro(us).UTC()
			return nil
		},
		func(n *routing.Number) string {
			if at(n).IsZero() {
				return ""
			}
			return strconv.FormatInt(at(n).UnixMicro(), 10)
		}}
}

// printable keeps control characters, which could forge a line of a log or a
// header, and megabytes out of every record.
func printable(s string) error {
	if len(s) > maxValue {
		return &TextError{fmt.Sprintf("%d bytes", len(s))}
	}
	if !utf8.ValidString(s) {
		return &TextError{quoted(s) + ", which is not UTF-8"}
	}
	for _, r := range s {
		if (r < ' ' || r > '~') && !unicode.IsPrint(r) {
			return &TextError{fmt.Sprintf("%s, which holds a character that cannot be printed (%U)", quoted(s), r)}
		}
	}
	return nil
}

// TextError says what was found where at most maxValue bytes of text that can be
// printed are expected.
type TextError struct{ Found string }

func (e *TextError) Error() string {
	return fmt.Sprintf("%s; at most %d bytes of printable UTF-8 are expected", e.Found, maxValue)
}

var errMissing = errors.New("is missing")

// stored is what one record or stream entry says. A tombstone has only a
// number and a revision.
type stored struct {
	number    routing.Number
	tombstone bool
	seq       uint64 // of a stream entry; 0 in a record
}

// entry is what the table takes.
func (s *stored) entry() routing.Entry {
	e := routing.Entry{PublicNumber: s.number.PublicNumber, Revision: s.number.Revision}
	if !s.tombstone {
		e.Shared, e.Customer = routing.Share(s.number), s.number.CustomerAssignment
	}
	return e
}

// readStored reads the fields of a record or an entry, given as name, value,
// name, value. Fields it does not know are left alone: a newer writer may have
// put them there.
func readStored(pairs func(yield func(name, value string) bool)) (s stored, err error) {
	authority := false
	for name, value := range pairs {
		switch name {
		case fieldPublicNumber:
			s.number.PublicNumber, err = e164.Parse(value)
		case fieldRevision:
			s.number.Revision, err = strconv.ParseUint(value, 10, 63)
		case fieldSeq:
			s.seq, err = strconv.ParseUint(value, 10, 63)
		case fieldTombstone:
			s.tombstone = true
		default:
			f := named[name]
			if f == nil {
				continue
			}
			authority = authority || name == fieldRoutingAuthority
			err = f.read(&s.number, value)
		}
		if err != nil {
			return s, &FieldError{Field: name, Problem: err.Error()}
		}
	}
	switch {
	case s.number.Revision == 0:
		return s, &FieldError{Field: fieldRevision, Problem: errMissing.Error()}
	case s.tombstone:
		return s, nil
	case !authority:
		return s, &FieldError{Field: fieldRoutingAuthority, Problem: errMissing.Error()}
	}
	if err := s.number.Override.Check(); err != nil {
		return s, &FieldError{Field: fieldOverride, Problem: err.Error()}
	}
	return s, nil
}

// FieldError says which field of a record cannot be believed, and why. Problem
// quotes what was found, escaped and cut short.
type FieldError struct{ Field, Problem string }

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }
