// Package storm answers: does the fleet keep its promises when everything else
// breaks?
//
// One evening is one seed: three to five edges with their disks and clocks, a
// store that fails over to an older copy of itself while its zombie still
// answers, and a network that loses, delays, doubles and misdelivers, all in one
// testing/synctest bubble. The edges are the real ones: runner, clock, ledger
// with its scripts, journal, number table and Decide; the store is miniredis.
// Operators plan, move, cancel, flip and take back at the same time, and calls
// are decided all the while, most of them around the flips. What was answered,
// and what true time it was, goes to a verdict that knows nothing of how any of
// it works (see package verdict).
//
// What takes five rare things in a row is told instead of waited for: a story
// says what happens, in the same bubble and for the same verdict. Every rule has a
// switch that breaks it in builds with the tag broken, and an evening or a story
// that goes wrong by it.
//
// The same seed gives the same evening, message for message: whatever happens to
// a message is drawn from the seed, the edge, the instant and the kind of the
// message, and no two things happen at one nanosecond.
package storm
