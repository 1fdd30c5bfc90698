# There and back again, while the numbers are still in the cutover.
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	porting_state=foc_confirmed foc=v1 c-1=arming
activation_seen ->
	porting_state=foc_confirmed foc=v1 c-1=arming
	page order.activated_early: order o-1: 3 of 3 numbers are activated, and the cutover has not flipped; flip now
cutover_flipped {"revision":"r1","at":"2026-03-03T17:00:00Z"} ->
	porting_state=ported foc=v1 c-1=flipped
	write foc_confirmed -> armed -> activating -> ported
	tell cutover.flipped: cutover c-1 flipped at 2026-03-03T17:00:00Z: speakops holds 3 numbers
	tell order.ported: order o-1: all 3 numbers are ported
snapback_asked {"by":"anna","reason":""} ->
	refused: order o-1: snapback_asked: reason: is missing; say why, in a sentence
snapback_asked {"by":"anna","reason":"wrong number ported"} ->
	porting_state=snapback_pending foc=v1 c-1=flipped
	write ported -> snapback_pending
	page order.snapback: order o-1 goes back to north: wrong number ported (anna)
arm_started {"cutover":"c-2","revision":"r2","purpose":"snapback"} ->
	refused: order o-1: arm_started: the numbers are still in cutover c-1; the next step is one of its own, until it is settled
arm_started {"cutover":"c-1","revision":"r2","purpose":"snapback"} ->
	porting_state=snapback_pending foc=v1 c-1=arming
arm_committed {"revision":"r2"} ->
	porting_state=snapback_pending foc=v1 c-1=armed
	tell cutover.armed: cutover c-1 is armed
cutover_cancelled {"revision":"r3","cancels":"r2"} ->
	porting_state=snapback_pending foc=v1 c-1=flipped
	tell cutover.cancelled: cutover c-1 is cancelled
cutover_settled ->
	refused: order o-1: cutover_settled: state snapback_pending is not over: what was not activated has not settled
arm_started {"cutover":"c-1","revision":"r4","purpose":"snapback"} ->
	porting_state=snapback_pending foc=v1 c-1=arming
arm_failed {"revision":"r4","reason":"edge e2 refused"} ->
	porting_state=snapback_pending foc=v1 c-1=flipped
	tell cutover.arm_failed: cutover c-1 was not armed: edge e2 refused
cutover_rolled_back {"revision":"r5","replaces":"r0","at":"2026-03-03T18:00:00Z"} ->
	refused: order o-1: cutover_rolled_back: cutover c-1 is flipped by revision r1; only what has flipped is rolled back
cutover_rolled_back {"revision":"r5","replaces":"r1","at":"2026-03-03T18:00:00Z"} ->
	porting_state=snapback_pending foc=v1 c-1=rolled_back
	tell cutover.rolled_back: cutover c-1 was rolled back at 2026-03-03T18:00:00Z
cutover_rolled_back {"revision":"r5","replaces":"r1","at":"2026-03-03T18:00:00Z"} ->
	refused: order o-1: cutover_rolled_back: cutover c-1 is rolled_back by revision r5; only what has flipped is rolled back
advanced {"to":"snapped_back"} ->
	porting_state=snapped_back foc=v1 c-1=rolled_back
	write snapback_pending -> snapped_back
	tell order.snapped_back: order o-1 is snapped_back
cutover_settled ->
	porting_state=snapped_back foc=v1
	tell order.settled: order o-1: authority is in the number records
