// Package cutover answers: how does routing authority change hands, so that
// every edge changes it at the same instant and nobody can prove otherwise?
//
// Authority over a set of numbers is a step function of store time, and every
// change to it is a new Revision of the one chain the fleet shares. A revision
// is accepted by unanimous prepare: there is no leader, and the last
// acknowledgement commits. History is never rewritten: a revision may differ
// from its predecessor only from an instant that still lies a guard ahead, so
// nothing has to happen at that instant itself: no write, no message, no clock
// but the edge's own.
//
// The package is quiet. An edge's part is Edge.Step: state, event and clock
// interval in, new state and wishes out; cutover/runner grants the wishes. The
// store's part is written twice: as Redis scripts in cutover/ledger, which
// serve, and as Store here, which is what the scripts are compared with.
package cutover
