// Package ledger answers: where does the fleet's chain of revisions stand in
// the shared store, and how does it move on without ever being in two places?
//
// A Ledger takes the steps of the cutover protocol that belong to the store,
// each as one Lua script in one hash slot. Every script, those that only read
// included, first asks the server which history it continues (INFO replication:
// role and master_replid) and compares that with the generation that was begun
// on it. A server that was restarted, promoted or emptied is therefore never
// believed: there only Begin, Report, Recover, DeclareOff, Status and the
// heartbeats work, until the edges' own journals have brought the chain back.
//
// # Layout
//
//	{prefix}:chain:{chain}:state       hash    generation, committed, pending, head of the journal
//	{prefix}:chain:{chain}:bodies      hash    revision -> body
//	{prefix}:chain:{chain}:metas       hash    revision -> what scripts need of it
//	{prefix}:chain:{chain}:chain       list    committed revisions, the newest 128
//	{prefix}:chain:{chain}:acks        hash    edge -> when it acknowledged the pending one
//	{prefix}:chain:{chain}:off         hash    edge -> stopped since, declared when and by whom
//	{prefix}:chain:{chain}:aborted     hash    revision -> number, when and why; the newest 65,536,
//	{prefix}:chain:{chain}:aborted_order list  oldest first
//	{prefix}:chain:{chain}:reports     hash    edge -> report to the current generation
//	{prefix}:chain:{chain}:live        hash    cutover -> list, of the committed revision
//	{prefix}:chain:{chain}:coming      hash    the same of the pending one
//	{prefix}:chain:{chain}:claims      hash    cutover -> how much of its list is indexed
//	{prefix}:chain:{chain}:numbers     hash    number -> cutover
//	{prefix}:chain:{chain}:list:SHA256 hash    an immutable list, in parts
//	{prefix}:chain:{chain}:journal     stream  every step, hash-chained
//	{prefix}:chain:{chain}:doc:KIND    hash    orders, approvals and the like
//	{prefix}:chain:{chain}:events      stream  for customer communications
//	{prefix}:chain:{chain}:beats       hash    heartbeats
//	{prefix}:chain:{chain}:answers     hash    first answers to recent operations,
//	{prefix}:chain:{chain}:order       list    oldest first
//
// (The first braces stand for the configured prefix, those around chain are
// written and make the hash tag.)
//
// # Numbers
//
// A hundred thousand numbers must not stop a server that answers thousands of
// others. So the list of a cutover is uploaded part by part beforehand and
// claimed part by part: each claim checks its numbers against every live and
// proposed cutover and refuses an overlap. A proposal then asks only whether
// the claims of its cutovers are whole. A claim without a proposal binds nobody:
// another may take the numbers, and the claim is then whole no longer.
//
// # Journal
//
// Every step writes its entry in the same script. An entry's id is the
// generation and a number within it, so a failover that loses the journal's
// tail never leads to two entries of one name; its hash is the SHA-1 of the one
// before and everything it says. SHA-1 is what a script can compute; here it
// guards against a second text for a given hash, which nobody can make.
package ledger
