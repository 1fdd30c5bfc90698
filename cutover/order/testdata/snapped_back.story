order porting_state="ported"
order live={"cutover":"c-1","purpose":"port_in","revision":"r1","phase":"flipped","foc":"v1"}
snapback_asked {"by":"anna","reason":"wrong number ported"} ->
	porting_state=snapback_pending foc=v1 c-1=flipped
	write ported -> snapback_pending
	page order.snapback: order o-1 goes back to north: wrong number ported (anna)
advanced {"to":"snapped_back"} ->
	refused: order o-1: advanced: snapped_back follows cutover c-1, which is flipped
arm_started {"cutover":"c-1","revision":"r2","purpose":"snapback"} ->
	porting_state=snapback_pending foc=v1 c-1=arming
arm_committed {"revision":"r2"} ->
	porting_state=snapback_pending foc=v1 c-1=armed
	tell cutover.armed: cutover c-1 is armed
exception_raised {"exception":{"kind":"jeopardy","reason":"late"}} ->
	refused: order o-1: exception_raised: the numbers are activated, and an exception stops nothing any more; going back is snapback_asked
cutover_flipped {"revision":"r2","at":"2026-03-04T17:00:00Z"} ->
	porting_state=snapped_back foc=v1 c-1=flipped
	write snapback_pending -> snapped_back
	tell cutover.flipped: cutover c-1 flipped at 2026-03-04T17:00:00Z: legacy holds 3 numbers
cutover_settled ->
	porting_state=snapped_back foc=v1
	tell order.settled: order o-1: authority is in the number records
advanced {"to":"draft"} ->
	porting_state=draft
	write snapped_back -> draft
	tell order.draft: order o-1 is draft
