# An order whose numbers have flipped is still in its cutover.
order porting_state="ported"
order live={"cutover":"c-0","purpose":"port_in","revision":"r1","phase":"flipped","foc":"v1"}
lint ->
	error number_in_cutover at c-0: the whole order is still in cutover c-0; make it a step of that cutover, or wait until it is settled
	error state_contradicts at foc_confirmed: its record says porting_state foc_confirmed, and the order ported (3: +12025550100, +12025550101, +12025550102); wait until the state is written, or find out which other order moves it
