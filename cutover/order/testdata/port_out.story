# A number leaves; it is served until its grace ends.
order kind="port_out"
order porting_state="settled"
order foc=null
advanced {"to":"port_out_pending"} ->
	porting_state=port_out_pending
	write settled -> port_out_pending
	tell order.port_out_pending: order o-1 is port_out_pending
foc_received {"foc":{"version":"v1","due":"2026-03-03T11:00 America/Chicago"}} ->
	porting_state=port_out_pending foc=v1
	tell order.foc: order o-1: commitment v1 for 2026-03-03T11:00:00 America/Chicago (2026-03-03T17:00:00Z)
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	refused: order o-1: arm_started: a cutover for port_in does not fit an order of kind port_out
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_out","foc":"v1"} ->
	porting_state=port_out_pending foc=v1 c-1=arming
arm_committed {"revision":"r1"} ->
	porting_state=port_out_pending foc=v1 c-1=armed
	tell cutover.armed: cutover c-1 is armed
advanced {"to":"settled"} ->
	refused: order o-1: advanced: cutover c-1 is armed; cancel it first, or raise an exception, which cancels it
advanced {"to":"ported_out"} ->
	porting_state=ported_out foc=v1 c-1=armed
	write port_out_pending -> ported_out
	tell order.ported_out: order o-1 is ported_out
cutover_flipped {"revision":"r1","at":"2026-03-13T17:00:00Z"} ->
	porting_state=ported_out foc=v1 c-1=flipped
	tell cutover.flipped: cutover c-1 flipped at 2026-03-13T17:00:00Z: none holds 3 numbers
cutover_settled ->
	porting_state=ported_out foc=v1
	tell order.settled: order o-1: authority is in the number records
