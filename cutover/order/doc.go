// Package order answers: which numbers change hands, on whose word, when, and
// what must still be put right before they may?
//
// An Order is the port as the world sees it: numbers, papers, exceptions, and a
// porting state that moves by Step. A Plan is the cutover that follows from it:
// a mode, a window, an instant. Lint holds both against what the fleet knows; a
// Proposal is what two people agree on, and its Digest is what their approval is
// bound to; a Tally counts the evidence that a port has happened.
//
// The package is quiet: a state, an event and an instant go in, a new state and
// effects come out. The world may say at any time that a port is off; but a
// state that suspends a flip is entered only after the revision that cancels the
// flip is committed, because until then the edges are going to flip.
package order
