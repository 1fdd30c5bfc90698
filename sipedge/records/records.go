// Package records answers: what was decided, what became of it, and which
// dialogs are up, even after the process is gone?
//
// A Decision is one line per INVITE, a CDR one line per call, both JSON Lines
// whose every byte is printable ASCII. A Log carries lines to disk without ever
// making a caller wait. A Dialog is the small record beside a route token, for
// accounting and hang-up; a Journal keeps those that are up, so that a
// restarted edge takes its calls' limits and CDRs over again.
package records

import "encoding/hex"

// Schema is the version written into every line. A field may be added under
// the same version; a changed meaning needs the next one.
const Schema = 1

// CallID is the edge's own name of a call, sealed in its route tokens and the
// key of its CDR. Two edges that serve one call use the same one.
type CallID [12]byte

// String is the id as records and logs show it: 24 hex digits.
func (c CallID) String() string { return hex.EncodeToString(c[:]) }
