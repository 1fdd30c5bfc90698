package gate

// Reason is why a message did not pass: a small number to count by, a stable
// word for labels and logs, a sentence for the peer.
type Reason uint8

const (
	None Reason = iota
	KeepAlive
	STUN
	NotSIP
	BadStartLine
	URITooLong
	Version
	BareNewline
	Control
	BadHeader
	TooManyHeaders
	TooManyParams
	LineTooLong
	Duplicate
	BadCSeq
	CSeqMethod
	Missing
	NoEnd
	BadLength
	NoLength
	ShortBody
	TooLarge
	Reasons // how many there are
)

var reasons = [Reasons]struct {
	code int
	name string
	text string
}{
	None:           {0, "none", ""},
	KeepAlive:      {0, "keep_alive", "nothing but line ends"},
	STUN:           {0, "stun", "looks like STUN"},
	NotSIP:         {0, "not_sip", "not a SIP message"},
	BadStartLine:   {400, "bad_start_line", "Malformed start line"},
	URITooLong:     {414, "uri_too_long", "Request-URI Too Long"},
	Version:        {505, "version", "Version Not Supported"},
	BareNewline:    {400, "bare_newline", "CR or LF alone in a header"},
	Control:        {400, "control", "Control character in a header"},
	BadHeader:      {400, "bad_header", "Malformed header line"},
	TooManyHeaders: {400, "too_many_headers", "Too many headers"},
	TooManyParams:  {400, "too_many_params", "Too many parameters in a header"},
	LineTooLong:    {400, "line_too_long", "Header too long"},
	Duplicate:      {400, "duplicate", "Header present twice that may be present once"},
	BadCSeq:        {400, "bad_cseq", "Malformed CSeq"},
	CSeqMethod:     {400, "cseq_method", "CSeq names another method"},
	Missing:        {400, "missing", "Mandatory header missing"},
	NoEnd:          {400, "no_end", "Headers do not end"},
	BadLength:      {400, "bad_length", "Malformed or contradictory Content-Length"},
	NoLength:       {400, "no_length", "Content-Length missing"},
	ShortBody:      {400, "short_body", "Body shorter than Content-Length"},
	TooLarge:       {513, "too_large", "Message Too Large"},
}

// Code is the response this reason deserves, 0 when silence is the answer.
func (r Reason) Code() int { return reasons[r%Reasons].code }

// String is a stable word, fit for a metric label.
func (r Reason) String() string { return reasons[r%Reasons].name }

// Text is one sentence for a reason phrase; it never holds bytes from the wire.
func (r Reason) Text() string { return reasons[r%Reasons].text }
