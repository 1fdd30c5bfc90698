// Package snapshot answers: what did this edge know about every number when it
// last wrote that down?
//
// A snapshot is one file with all records of a routing.Table, the place in the
// change streams from which to go on, and the instant at which the store had
// last confirmed it all. An edge that starts reads it instead of the store, and
// serves from it when the store is away.
//
// # Layout
//
// A file is a row of frames:
//
//	kind     1 byte
//	length   4 bytes, little-endian, at most 1 MiB
//	payload  so many bytes
//	check    4 bytes: CRC-32C of the three above, continued from the check before
//
// so that a frame that was torn, changed, moved or taken from another file is
// noticed. Numbers in a payload are varints, texts have their length before
// them. The first frame is the head, the last the end; nothing follows it:
//
//	H  magic, version, prefix of the store, taken at, fresh at, and for each
//	   partition: incarnation, seq, position, known
//	S  what neighbours share (routing.Shared), each in the order of its number, from 1
//	R  records: number, revision, number of its Shared (0: a tombstone), customer
//	L  numbers that the store has lost
//	E  how many records there were
//
// Files are named by their generation. One is written beside the others, synced
// and only then given its name; the generation before stays.
package snapshot

import "time"

// Version of the layout. A file of another version is refused.
const Version = 1

// Partitions is how many positions a head has.
const Partitions = 64

// Position is how far one partition of the store had been followed.
type Position struct {
	Incarnation string
	Seq         uint64
	Stream      string // ID of the last entry read
	Known       bool   // false: only a scan can tell what is there
}

// Head is everything in a snapshot that is not about single numbers.
type Head struct {
	Prefix    string    // of the store's keys: whose numbers these are
	Taken     time.Time // when writing began
	Fresh     time.Time // when the table was last known to hold all that the store held
	Positions [Partitions]Position
}
