package message

// Method is a request method the edge knows by number.
type Method uint8

const (
	MethodOther Method = iota
	INVITE
	ACK
	CANCEL
	BYE
	OPTIONS
	PRACK
	UPDATE
	INFO
	REFER
	NOTIFY
	SUBSCRIBE
	PUBLISH
	REGISTER
	MESSAGE
	methods
)

var methodNames = [methods]string{
	INVITE: "INVITE", ACK: "ACK", CANCEL: "CANCEL", BYE: "BYE", OPTIONS: "OPTIONS", PRACK: "PRACK",
	UPDATE: "UPDATE", INFO: "INFO", REFER: "REFER", NOTIFY: "NOTIFY", SUBSCRIBE: "SUBSCRIBE",
	PUBLISH: "PUBLISH", REGISTER: "REGISTER", MESSAGE: "MESSAGE",
}

// String is the method's name on the wire, "" for MethodOther.
func (m Method) String() string {
	if m < methods {
		return methodNames[m]
	}
	return ""
}

// MethodOf numbers a method name; case counts (RFC 3261 7.1).
func MethodOf(name []byte) Method {
	switch string(name) {
	case "INVITE":
		return INVITE
	case "ACK":
		return ACK
	case "CANCEL":
		return CANCEL
	case "BYE":
		return BYE
	case "OPTIONS":
		return OPTIONS
	case "PRACK":
		return PRACK
	case "UPDATE":
		return UPDATE
	case "INFO":
		return INFO
	case "REFER":
		return REFER
	case "NOTIFY":
		return NOTIFY
	case "SUBSCRIBE":
		return SUBSCRIBE
	case "PUBLISH":
		return PUBLISH
	case "REGISTER":
		return REGISTER
	case "MESSAGE":
		return MESSAGE
	}
	return MethodOther
}

// ReasonPhrase is the usual phrase of a status code (RFC 3261 21 and the RFCs
// that added to it); an unknown code gets the phrase of its class.
func ReasonPhrase(code int) string {
	switch code {
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 181:
		return "Call Is Being Forwarded"
	case 182:
		return "Queued"
	case 183:
		return "Session Progress"
	case 199:
		return "Early Dialog Terminated"
	case 200:
		return "OK"
	case 202:
		return "Accepted"
	case 300:
		return "Multiple Choices"
	case 301:
		return "Moved Permanently"
	case 302:
		return "Moved Temporarily"
	case 305:
		return "Use Proxy"
	case 380:
		return "Alternative Service"
	}
	if s := refusal(code); s != "" {
		return s
	}
	switch code / 100 {
	case 1:
		return "Session Progress"
	case 2:
		return "OK"
	case 3:
		return "Moved"
	case 4:
		return "Request Failure"
	case 5:
		return "Server Failure"
	}
	return "Global Failure"
}

func refusal(code int) string {
	switch code {
	case 400:
		return "Bad Request"
	case 401:
		return "Unauthorized"
	case 403:
		return "Forbidden"
	case 404:
		return "Not Found"
	case 405:
		return "Method Not Allowed"
	case 406:
		return "Not Acceptable"
	case 407:
		return "Proxy Authentication Required"
	case 408:
		return "Request Timeout"
	case 410:
		return "Gone"
	case 413:
		return "Request Entity Too Large"
	case 414:
		return "Request-URI Too Long"
	case 415:
		return "Unsupported Media Type"
	case 416:
		return "Unsupported URI Scheme"
	case 420:
		return "Bad Extension"
	case 421:
		return "Extension Required"
	case 422:
		return "Session Interval Too Small"
	case 423:
		return "Interval Too Brief"
	case 428:
		return "Use Identity Header"
	case 433:
		return "Anonymity Disallowed"
	case 438:
		return "Invalid Identity Header"
	case 440:
		return "Max-Breadth Exceeded"
	case 480:
		return "Temporarily Unavailable"
	case 481:
		return "Call/Transaction Does Not Exist"
	case 482:
		return "Loop Detected"
	case 483:
		return "Too Many Hops"
	case 484:
		return "Address Incomplete"
	case 485:
		return "Ambiguous"
	case 486:
		return "Busy Here"
	case 487:
		return "Request Terminated"
	case 488:
		return "Not Acceptable Here"
	case 491:
		return "Request Pending"
	case 493:
		return "Undecipherable"
	case 500:
		return "Server Internal Error"
	case 501:
		return "Not Implemented"
	case 502:
		return "Bad Gateway"
	case 503:
		return "Service Unavailable"
	case 504:
		return "Server Time-out"
	case 505:
		return "Version Not Supported"
	case 513:
		return "Message Too Large"
	case 580:
		return "Precondition Failure"
	case 600:
		return "Busy Everywhere"
	case 603:
		return "Decline"
	case 604:
		return "Does Not Exist Anywhere"
	case 606:
		return "Not Acceptable"
	case 607:
		return "Unwanted"
	case 608:
		return "Rejected"
	}
	return ""
}
