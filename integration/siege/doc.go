// Package siege answers: does a trusted trunk notice an attack next door?
//
// One edge carries the calls of a trunk that is trusted, by SIPp, first alone and
// then beside each attack: not one call may fail, and memory comes back to what it
// was. TestSiege plays 500 trusted calls a second and attacks of 20,000 messages,
// and in a long run (SIEGE_TIME=15s and more) wants the 99th percentile at most
// doubled; it needs a machine that has nothing else to do.
// TestTrustedCallsBesideAttacks plays a tenth of that anywhere.
package siege
