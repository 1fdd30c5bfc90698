// Package journal answers: what did this edge promise, and is it really on the
// disk?
//
// An edge takes part in the cutover protocol by what its journal holds: it
// acknowledges a revision only once it is durable here, acts on an outcome only
// once that is, and comes back after a crash as exactly who it was. So Append
// returns only after fsync, a failure leaves everything as it was before, and a
// journal that is not what was written is refused by name instead of being
// half believed.
//
// # The file
//
// A head of 64 bytes: magic, the identity nonce made with the file, its CRC. Then
// entries: length, number, CRC-32C over nonce, number and bytes, bytes. The
// numbers count up from the first entry ever and go on through compaction.
//
// What a crash leaves at the end, an entry that was never acknowledged, is cut
// off and reported. Disks write sectors whole: an entry that is there in full
// length, without a sector of zeros, and fails its checksum was not torn but
// changed, and is refused like one in the middle.
package journal
