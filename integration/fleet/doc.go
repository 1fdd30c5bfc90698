// Package fleet answers: do real edges keep the promises of a cutover when
// everything around them breaks?
//
// Three edges, two Redis with Sentinel, SIPp on both sides and two people with
// cutoverctl stand in network namespaces of their own. A nemesis, drawn by a seed
// that is printed, kills Redis around the instant of a flip, loses its last write,
// lets an old master come back, cuts edges off and restarts them; a judge then
// reads what callers and gateways wrote down, the edges' decision records and the
// journal. TestMain makes the namespaces: nothing here touches the network of the
// machine, and where namespaces cannot be made the tests fail and say so.
//
// FLEET_SEED repeats a run's draws, FLEET_TIME is how long the nemesis goes on in
// each of FLEET_ROUNDS, FLEET_ONLY a part of the names of the faults it draws from.
// FLEET_NUMBERS is how many numbers flip at once, FLEET_RATE the calls a second
// meanwhile, FLEET_DEAD how long there is no Redis after the flip. FLEET_KEEP names
// a folder for everything that was written down.
package fleet
