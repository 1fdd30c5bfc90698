# The registry was faster than we.
exception_raised {"exception":{"kind":"jeopardy","reason":"late"}} ->
	porting_state=jeopardy foc=v1 open=jeopardy
	write foc_confirmed -> jeopardy
	page order.jeopardy: order o-1: jeopardy: late
activation_seen ->
	porting_state=jeopardy foc=v1 open=jeopardy
	page order.activated_early: order o-1: 3 of 3 numbers are activated, and the cutover has not flipped; flip now
exception_cleared {"kind":"jeopardy","reason":"wrong"} ->
	porting_state=foc_confirmed foc=v1
	write jeopardy -> foc_confirmed
	tell order.cleared: order o-1: jeopardy is lifted: wrong; it needs to be armed again
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	porting_state=foc_confirmed foc=v1 c-1=arming
arm_committed {"revision":"r1"} ->
	porting_state=armed foc=v1 c-1=armed
	write foc_confirmed -> armed
	tell cutover.armed: cutover c-1 is armed
cutover_flipped {"revision":"r1","at":"2026-03-03T17:00:00Z"} ->
	porting_state=ported foc=v1 c-1=flipped
	write armed -> activating -> ported
	tell cutover.flipped: cutover c-1 flipped at 2026-03-03T17:00:00Z: speakops holds 3 numbers
	tell order.ported: order o-1: all 3 numbers are ported
