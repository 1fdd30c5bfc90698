package message

// Kind numbers the headers the edge looks at; long and compact names share one.
type Kind uint8

const (
	Other Kind = iota
	KVia
	KRoute
	KRecordRoute
	KFrom
	KTo
	KCallID
	KCSeq
	KContact
	KMaxForwards
	KContentLength
	KContentType
	KRequire
	KProxyRequire
	KSupported
	KSessionExpires
	KMinSE
	KMaxBreadth
	KReason
	KRetryAfter
	KPAI
	KPPI
	KPrivacy
	KIdentity
	KDiversion
	KHistoryInfo
	KPCalledPartyID
	KRSeq
	KRAck
	KReferTo
	KUserAgent
	KServer
	KWarning
	KPriority
	KResourcePriority
	KTimestamp
	KDate
	KAllow
	KAuthorization
	KProxyAuthorization
	KUnsupported
	KExpires
	KSubject
	KContentEncoding
	KEvent
	KAllowEvents
	KReferredBy
	KRequestDisposition
	KAcceptContact
	KRejectContact
	KIdentityInfo
	kinds
)

// names holds the long name of every Kind.
var names = [kinds]string{
	KVia: "Via", KRoute: "Route", KRecordRoute: "Record-Route", KFrom: "From", KTo: "To",
	KCallID: "Call-ID", KCSeq: "CSeq", KContact: "Contact", KMaxForwards: "Max-Forwards",
	KContentLength: "Content-Length", KContentType: "Content-Type", KRequire: "Require",
	KProxyRequire: "Proxy-Require", KSupported: "Supported", KSessionExpires: "Session-Expires",
	KMinSE: "Min-SE", KMaxBreadth: "Max-Breadth", KReason: "Reason", KRetryAfter: "Retry-After",
	KPAI: "P-Asserted-Identity", KPPI: "P-Preferred-Identity", KPrivacy: "Privacy",
	KIdentity: "Identity", KDiversion: "Diversion", KHistoryInfo: "History-Info",
	KPCalledPartyID: "P-Called-Party-ID", KRSeq: "RSeq", KRAck: "RAck", KReferTo: "Refer-To",
	KUserAgent: "User-Agent", KServer: "Server", KWarning: "Warning", KPriority: "Priority",
	KResourcePriority: "Resource-Priority", KTimestamp: "Timestamp", KDate: "Date", KAllow: "Allow",
	KAuthorization: "Authorization", KProxyAuthorization: "Proxy-Authorization",
	KUnsupported: "Unsupported", KExpires: "Expires", KSubject: "Subject",
	KContentEncoding: "Content-Encoding", KEvent: "Event", KAllowEvents: "Allow-Events",
	KReferredBy: "Referred-By", KRequestDisposition: "Request-Disposition",
	KAcceptContact: "Accept-Contact", KRejectContact: "Reject-Contact", KIdentityInfo: "Identity-Info",
}

// compact holds the one-letter names in force (IANA registry; RFC 3261 7.3.3).
var compact = [128]Kind{
	'a': KAcceptContact, 'b': KReferredBy, 'c': KContentType, 'd': KRequestDisposition,
	'e': KContentEncoding, 'f': KFrom, 'i': KCallID, 'j': KRejectContact, 'k': KSupported,
	'l': KContentLength, 'm': KContact, 'n': KIdentityInfo, 'o': KEvent, 'r': KReferTo,
	's': KSubject, 't': KTo, 'u': KAllowEvents, 'v': KVia, 'x': KSessionExpires, 'y': KIdentity,
}

// listed says which headers are comma lists. A comma in the others is text
// (Date, Authorization), so they are never split.
var listed = [kinds]bool{
	KVia: true, KRoute: true, KRecordRoute: true, KContact: true, KRequire: true,
	KProxyRequire: true, KSupported: true, KUnsupported: true, KReason: true, KPAI: true,
	KPPI: true, KIdentity: true, KDiversion: true, KHistoryInfo: true, KWarning: true,
	KResourcePriority: true, KAllow: true, KAllowEvents: true, KContentEncoding: true,
	KAcceptContact: true, KRejectContact: true, KRequestDisposition: true,
}

// String is the long name of the header, "" for Other.
func (k Kind) String() string {
	if k < kinds {
		return names[k]
	}
	return ""
}

// Factors found by trial, under which no two long names share a slot.
const (
	slotLen   = 1
	slotFirst = 9
	slotLast  = 189
)

// slots is a perfect hash over length, first and last letter of the long names.
var slots = fillSlots()

func slot(length int, first, last byte) uint8 {
	return uint8(length)*slotLen + (first|0x20)*slotFirst + (last|0x20)*slotLast
}

func fillSlots() (t [256]Kind) {
	for k := Other + 1; k < kinds; k++ {
		n := names[k]
		s := slot(len(n), n[0], n[len(n)-1])
		if t[s] != Other {
			panic("message: " + n + " and " + names[t[s]] + " share a slot, choose other factors")
		}
		t[s] = k
	}
	return t
}

// kindOf recognises a header name, which must be a token.
func kindOf(name []byte) Kind {
	n := len(name)
	if n < 2 {
		if n == 1 && name[0] < 128 {
			return compact[name[0]|0x20]
		}
		return Other
	}
	k := slots[slot(n, name[0], name[n-1])]
	if k != Other && (string(name) == names[k] || equalFold(name, names[k])) {
		return k
	}
	return Other
}
