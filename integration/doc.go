// Package integration answers: does the program, as it is shipped, carry calls
// between real peers?
//
// Its tests run the built binary with a real redis-server between SIPp callers
// and SIPp gateways on the loopback, judge the torture messages of RFC 4475,
// take the edge down in the middle of calls, and read the house's own plan out
// of its imports. ./integration/test runs all of it.
package integration
