// Package model answers: does the revision protocol keep its promises in every
// order in which things can happen?
//
// cutover.pml says in Promela what package cutover and the store's scripts do;
// Spin visits every state of it, at the sizes the test names. For each rule that
// a promise rests on there is a run with the rule broken, and it must find the
// promise broken too: a model that finds nothing wrong with a wrong protocol
// proves nothing about a right one.
package model
