# The fleet.
edge e1 heartbeat=9s error=10s
edge e2 error=600ms table=20m
edge e3 notready=clock_resumed table=never
store unrecovered pending=r9 replicas=0
lint ->
	error store_unrecovered at store: the store is not recovered and accepts no revision; see cutoverctl status for the member it waits for
	error edge_missing at e1~1: last heard of 9s ago, at 2026-03-02T14:59:51Z; bring it back, or declare it off once it is really stopped
	error edge_not_ready at e3~1: clock_resumed; put right what it says
	error edge_clock_wide at e2~1: its clock may be wrong by 600ms, and 250ms is allowed; look at its clock samples and the way to the store
	error edge_table_old at e2~1: its table was last complete 20m0s ago; look at its way to the store
	error edge_table_old at e3~1: its table has not been complete since it started; wait until it has loaded its numbers, or look at its way to the store
	error guard_small at guard: guard is 1s, and the clocks alone need 20s; put the clocks right, or raise guard by a revision
	warning revision_pending at r9: revision r9 has no outcome yet; wait for its outcome, or abort it
	warning no_replica at store: an accepted revision lies in one store only until the edges have journaled it; attach a replica
edge all off
store replicas=1
lint ->
	error store_unrecovered at store: the store is not recovered and accepts no revision; see cutoverctl status for the member it waits for
	error no_edges at fleet: no edge is a member of the fleet; start an edge, and have it join
	warning revision_pending at r9: revision r9 has no outcome yet; wait for its outcome, or abort it
