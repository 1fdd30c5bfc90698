// Package mutants answers: does a test go red when a rule of the security checklist
// is taken away?
//
// Each Break of the checklist is laid over the source for one run of its test (go
// test -overlay): nothing in the working copy is touched. It takes some seconds for
// each rule, and comes at night.
package mutants
