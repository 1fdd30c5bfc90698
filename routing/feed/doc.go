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
//
// # A full load
//
// Where the stream does not tell the whole story, every record is read: the
// position of each stream is noted, then each master is asked for names (SCAN) and
// records (HGETALL) on one connection, with the next page always asked for before
// the last one is taken. What came meanwhile is replayed from the streams.
//
// Redis works with one thread, and is what a load waits for. On two cores, with
// four million records of ten fields in 240 bytes, a record takes 4.4 to 4.8 us, in
// which Redis works 4.0 and the edge beside it 2.6. A client that throws the answers
// away took 5.0 in the same run. Ten million took 65.0 and 57.6 s in two runs, that
// client 53.5 in the first. Measure anew with
//
//	SIZE=4000000 go test -run '^$' -bench 'Load|Floor' -benchtime 1x ./integration/internal/crowd
//
// What was tried, in us of Redis for each record, a million of them, on a machine
// busy with other things (HGETALL there: 3.6 to 4.1):
//
//	HVALS                                    3.2   but nothing promises the order of fields
//	DUMP                                     4.9   it compresses and signs
//	HMGET of every field                     5.4   it seeks each of them
//	EVAL_RO of 50 records, joined or packed  7.6 to 8.7
//	EVAL_RO of 50 DUMPs                      6.7
//
// Both sides mostly wait for memory, and what one fetches pushes out what the
// other has:
//
//	pipelines of the client library, two of them   8.0 us of the edge at two million, half of
//	                                               it for a command, a reply and its copy
//	a copy of every read, instead of a view        3.9 of the edge; without, and with what
//	                                               follows, 3.2
//	a look at the places of a page in the table    the search of the table from 0.8 to 0.6,
//	before they are written                        waiting once and not for each
//	that look in chunks of 64, and hashes in       at ten million, 4.4 of the edge and 6.8 of
//	place of the bytes of records met before       Redis before, whose floor was 5.1
//	pages of 250, 500, 1000 and 2000 names         3.8, 4.3, 4.9 and 4.8 of Redis at four million,
//	                                               which meets its keys again while they are at
//	                                               hand; but below 500 it runs dry, and load and
//	                                               floor take longer
package feed
