package routing

// Brief is what most decisions need of a Number, as it stands in the table: a
// call that asks no more waits for one place of memory and not for three. The
// rest is fetched when somebody asks. Four words travel in registers.
type Brief struct {
	key      uint64 // number and label
	revision uint64
	said     said
	terms    *terms
}

// PublicNumber is whose record it is.
func (b Brief) PublicNumber() PublicNumber { return PublicNumber(b.key & keyMask) }

// Revision is that of the record.
func (b Brief) Revision() uint64 { return b.revision }

// PortingState is the record's.
func (b Brief) PortingState() PortingState { return PortingState(b.key >> labelState & (1<<5 - 1)) }

// RoutingAuthority is the record's.
func (b Brief) RoutingAuthority() RoutingAuthority {
	return RoutingAuthority(b.key >> labelHolder & (1<<2 - 1))
}

// Assigned says that a customer holds the number.
func (b Brief) Assigned() bool { return label(b.key)&labelAssigned != 0 }

// plain says that the record has no override and no routes of its own.
func (b Brief) plain() bool { return label(b.key)&labelPlain != 0 }

// Number is everything about it.
func (b Brief) Number() Number {
	return b.terms.unpack(b.PublicNumber(), record{revision: b.revision, said: b.said}).Number()
}

// override is the zero Override when there is none.
func (b Brief) override() Override {
	if b.plain() {
		return Override{}
	}
	return b.terms.shared.at(b.said.shared()).override()
}

// route is the record's own route for an authority, "" for the default.
func (b Brief) route(a RoutingAuthority) RouteID {
	if b.plain() {
		return ""
	}
	return b.terms.shared.at(b.said.shared()).route(a)
}

// label is a Brief in the bits of a key that no number needs: numbers have at
// most 15 digits, which are less than 50 bits.
//
//	50..54 porting_state, 55..56 routing_authority, 57 assigned, 58 plain
type label uint64

const (
	keyBits             = 50
	keyMask             = 1<<keyBits - 1
	labelState          = keyBits
	labelHolder         = labelState + 5
	labelAssigned label = 1 << (labelHolder + 2)
	labelPlain    label = labelAssigned << 1
	_                   = uint(1<<5 - portingStates) // each state fits
	_                   = uint(1<<2 - 1 - SpeakOps)  // and each authority
)

func (e *Entry) label() label {
	if e.Shared.Deleted() {
		return 0
	}
	l := e.Shared.label()
	if e.Customer != "" {
		l |= labelAssigned
	}
	return l
}
