// Package conformance answers: does the edge keep the rules that an outside
// tester of proxies would hold it to?
//
// Its tests run the real program with a real Redis. They play the callers and
// the gateways themselves, on raw UDP, TCP and TLS sockets: what they send is
// written by hand, and what they get is read by a small reader of their own and
// by sipgo, never by the edge's. Each case names the paragraph it comes from:
// RFC 3261 where nothing else is said.
package conformance
