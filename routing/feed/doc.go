// Package feed answers: what does the shared store say about every number, and
// how does this edge come to know it?
//
// Redis is the shared store. A Store writes number records to it, each by one
// script in one hash slot; a Feed follows it into a routing.Table, so that no
// call ever waits for Redis. When Redis is away the table stays, and the Feed
// says how old it is.
//
// # Layout
//
// Numbers are spread over 64 partitions, p00 to p63: the CRC16 of Redis Cluster
// over the E.164 form, modulo 64. The partition is the hash tag, so all keys of
// one write share a slot:
//
//	{prefix}:n:{p07}:+12025550143  hash    one record; its fields are the vocabulary
//	{prefix}:n:{p07}:changes       stream  every write: seq and the whole record after it
//	{prefix}:n:{p07}:meta          hash    incarnation, seq, digest, count, refreshed (expiry of answers)
//	{prefix}:n:{p07}:answers       hash    first answers to recent operations
//	{prefix}:n:{p07}:order         list    those operations, oldest first
//
// (The outer braces stand for the configured prefix, the inner ones are
// written.) Every key, number record or not, is written by put.lua alone.
//
// seq grows by exactly one with every write of a partition, so a reader knows
// that it missed nothing. The incarnation is drawn when a partition is written
// for the first time; another one means that the store was emptied or replaced.
// The digest is the sum, in two words of 48 bits, over all live records of
// SHA-1("number:revision"): two stores with equal digests hold equal records. A
// revision is the microsecond of store time at which it was written, or one
// more than the one before if the clock did not advance. A deleted number
// leaves a tombstone: a record with nothing but its revision.
package feed
