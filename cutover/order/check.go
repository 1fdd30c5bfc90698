package order

import (
	"fmt"
	"strings"

	"github.com/speakops/sipedge/routing"
)

// Bounds of texts in a document, in bytes.
const (
	maxName = 64
	maxText = 1000
)

// Check says everything that is wrong with an order in itself, whatever the
// fleet knows: the error is Mistakes. Numbers must be in order, as the decoders
// and Sorted leave them.
func (o *Order) Check() error {
	r := newReport()
	o.check(r)
	return r.err()
}

func (o *Order) check(r report) {
	name(r, "id", string(o.ID))
	word(r, "kind", o.Kind)
	word(r, "scope", o.Scope)
	name(r, "losing_provider", string(o.LosingProvider))
	name(r, "gaining_provider", string(o.GainingProvider))
	if o.LosingProvider != "" && o.LosingProvider == o.GainingProvider {
		r.addf("gaining_provider", "name the provider the numbers go to", "is the losing provider too: %s", o.GainingProvider)
	}
	if o.Kind == PortIn {
		name(r, "customer_assignment", string(o.CustomerAssignment))
	}
	if o.NumberType == routing.NumberTypeUnknown {
		r.add("number_type", "is missing", "write local, mobile or toll_free: it decides which process the port follows")
	}
	texts(r, "note", o.Note)
	o.Numbers.check(r.under("numbers"), o.NumberType)
	o.checkBilling(r)
	o.checkList(r.under("checklist"))
	o.Standing.check(r)
}

// checkBilling is about the number an account is kept under.
func (o *Order) checkBilling(r report) {
	for key, n := range map[string]routing.PublicNumber{"billing_number": o.BillingNumber, "new_billing_number": o.NewBillingNumber} {
		if n != 0 && !n.Valid() {
			r.add(key, "is no E.164 number", "write it as +12025550100")
		}
	}
	switch {
	case o.NewBillingNumber == 0:
	case o.Scope == Full:
		r.add("new_billing_number", "nothing stays behind in a full port", "remove it, or make this a partial port")
	case o.Numbers.Has(o.NewBillingNumber):
		r.addf("new_billing_number", "choose a number that stays with the losing provider", "%s leaves with this order", o.NewBillingNumber)
	}
}

func (o *Order) checkList(r report) {
	c := &o.Checklist
	for key, s := range map[string]TaskState{"e911": c.Emergency, "cnam": c.CallerName, "messaging": c.Messaging, "directory": c.Directory, "forwarding": c.Forwarding} {
		if s != "" {
			word(r, key, s)
		}
	}
}

// check holds a list against its bounds, its order and its kind. Mixed lists are
// refused here: carriers split them, and every part gets a commitment of its own.
func (l Numbers) check(r report, kind routing.NumberType) {
	switch {
	case len(l) == 0:
		r.add("", "is empty", "an order has at least one number")
		return
	case len(l) > MaxNumbers:
		r.addf("", "make several orders", "%d numbers; an order has at most %d", len(l), MaxNumbers)
		return
	}
	var mixed, foreign int
	country := l[0].CountryCode()
	for i, n := range l {
		if !n.Valid() {
			r.addf(fmt.Sprintf("[%d]", i), "write it as +12025550100", "%d is no E.164 number", uint64(n))
			continue
		}
		if i > 0 && n <= l[i-1] {
			r.addf(fmt.Sprintf("[%d]", i), "sort the list, each number once", "%s does not come after %s", n, l[i-1])
		}
		if n.TollFree() != (kind == routing.TollFree) && kind != routing.NumberTypeUnknown {
			if mixed++; mixed <= 3 {
				l.misplaced(r.under(fmt.Sprintf("[%d]", i)), n, kind)
			}
		}
		if n.CountryCode() != country {
			if foreign++; foreign == 1 {
				r.addf(fmt.Sprintf("[%d]", i), "make an order for each country: each has its own process and its own commitment",
					"%s and %s belong to different countries", l[0], n)
			}
		}
	}
	if mixed > 3 {
		r.addf("", "make an order of their own for them", "%d numbers of %d do not belong to number_type %s", mixed, len(l), kind)
	}
}

func (l Numbers) misplaced(r report, n routing.PublicNumber, kind routing.NumberType) {
	if kind == routing.TollFree {
		r.addf("", "make another order for it: it moves by number portability, a toll-free number by its responsible organisation",
			"%s is no toll-free number", n)
		return
	}
	r.addf("", "make another order for it: it moves by its responsible organisation, not by number portability",
		"%s is a toll-free number in an order of %s numbers", n, kind)
}

func (s *Standing) check(r report) {
	if s.Validation.State != "" {
		word(r.under("account_validation"), "state", s.Validation.State)
		texts(r.under("account_validation"), "detail", s.Validation.Detail)
	}
	if s.LOA != nil {
		s.LOA.check(r.under("loa"))
	}
	if s.FOC != nil {
		s.FOC.check(r.under("foc"))
	}
	for i := range s.Exceptions {
		e, at := &s.Exceptions[i], r.under(fmt.Sprintf("exceptions[%d]", i))
		e.check(at)
		if s.exception(e.Kind) < i {
			at.add("kind", "given twice", "keep one exception of each kind")
		}
	}
	if s.Cancel != nil {
		s.Cancel.check(r.under("cancel"))
	}
	if s.Live != nil {
		s.Live.check(r.under("live"))
	}
	switch armed := s.PortingState == routing.Armed; {
	case s.suspended() && s.Live.flips():
		r.addf("porting_state", "cancel the armed revision first", "%s suspends a flip that the edges are going to make", s.PortingState)
	case armed && (!s.Live.flips() || s.Live.Phase == Arming):
		r.add("porting_state", "nothing is armed", "the state is foc_confirmed until the cutover is")
	case s.Previous == routing.Armed:
		r.add("previous", "is armed, and a pending cancellation is not", "write foc_confirmed")
	}
}

// suspended says that the state itself promises that nothing flips.
func (s *Standing) suspended() bool {
	switch s.PortingState {
	case routing.Rejected, routing.Jeopardy, routing.Conflict, routing.CancelPending, routing.Cancelled, routing.ROCDeclined:
		return true
	}
	return false
}

func (l *LOA) check(r report) {
	name(r, "version", l.Version)
	texts(r, "signer", l.Signer)
	if l.Signed.IsZero() {
		r.add("signed", "is missing", "write when it was signed: 2026-02-01T00:00:00Z")
	}
}

func (f *FOC) check(r report) {
	name(r, "version", f.Version)
	if f.Due.IsZero() {
		r.add("due", "is missing", "write the date and time the losing provider committed to, and its zone")
	}
	if !f.Until.IsZero() && !f.Due.UTC.IsZero() && !f.Until.UTC.IsZero() && !f.Until.UTC.After(f.Due.UTC) {
		r.add("until", "is not after due", "write the end of the commitment's window, or leave it away")
	}
}

func (e *Exception) check(r report) {
	word(r, "kind", e.Kind)
	if e.Side != "" {
		word(r, "side", e.Side)
	}
	needText(r, "reason", e.Reason)
}

func (q *Request) check(r report) {
	name(r, "by", q.By)
	needText(r, "reason", q.Reason)
}

func (l *Live) check(r report) {
	name(r, "cutover", string(l.Cutover))
	word(r, "purpose", l.Purpose)
	word(r, "phase", l.Phase)
	if b := l.Before; b != nil {
		if b.Before != nil || b.flips() || !l.flips() {
			r.add("before", "is no cutover that has flipped", "remove it")
		}
	}
}

// name wants a short word of letters, digits and - _ . : / @ ~, which can stand
// in a key, a path and a log line as it is.
func name(r report, key, s string) {
	switch {
	case s == "":
		r.add(key, "is missing", "give one")
	case len(s) > maxName:
		r.addf(key, "shorten it", "has %d letters; at most %d fit", len(s), maxName)
	case strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.:/@~+", c))
	}):
		r.addf(key, "use letters, digits and - _ . : / @ ~ +", "%s has a character that cannot stand in a name", quote(s))
	}
}

func word[W interface {
	~string
	worded
}](r report, key string, w W) {
	switch {
	case w == "":
		r.add(key, "is missing", oneOf(w))
	case !known(w, string(w)):
		r.add(key, quote(string(w))+" is not known", oneOf(w))
	}
}

func texts(r report, key, s string) {
	if len(s) > maxText {
		r.addf(key, "shorten it", "has %d bytes; at most %d fit", len(s), maxText)
	}
}

func needText(r report, key, s string) {
	if strings.TrimSpace(s) == "" {
		r.add(key, "is missing", "say why, in a sentence")
	}
	texts(r, key, s)
}
