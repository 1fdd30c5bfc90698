# A cancellation, withdrawn and confirmed; and one that came too late.
cancel_asked {"by":"anna","reason":"the customer changed its mind"} ->
	porting_state=cancel_pending foc=v1
	write foc_confirmed -> cancel_pending
	tell order.cancel_asked: order o-1: anna asks to cancel: the customer changed its mind
cancel_withdrawn ->
	porting_state=foc_confirmed foc=v1
	write cancel_pending -> foc_confirmed
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	porting_state=foc_confirmed foc=v1 c-1=arming
arm_committed {"revision":"r1"} ->
	porting_state=armed foc=v1 c-1=armed
	write foc_confirmed -> armed
	tell cutover.armed: cutover c-1 is armed
cancel_asked {"by":"anna","reason":"the customer changed its mind"} ->
	porting_state=armed foc=v1 c-1=cancelling
	cancel c-1 because the order is to be cancelled: the customer changed its mind
	tell order.cancel_asked: order o-1: anna asks to cancel: the customer changed its mind
cancel_asked {"by":"bo","reason":"again"} ->
	refused: order o-1: cancel_asked: asked already by anna
cutover_cancelled {"revision":"r2","cancels":"r1"} ->
	porting_state=cancel_pending foc=v1
	write armed -> foc_confirmed -> cancel_pending
	tell cutover.cancelled: cutover c-1 is cancelled
cancel_withdrawn ->
	porting_state=foc_confirmed foc=v1
	write cancel_pending -> foc_confirmed
arm_started {"cutover":"c-1","revision":"r3","purpose":"port_in","foc":"v1"} ->
	porting_state=foc_confirmed foc=v1 c-1=arming
arm_failed {"revision":"r3","reason":"edge e2 refused"} ->
	porting_state=foc_confirmed foc=v1
	tell cutover.arm_failed: cutover c-1 was not armed: edge e2 refused
arm_started {"cutover":"c-1","revision":"r4","purpose":"port_in","foc":"v1"} ->
	porting_state=foc_confirmed foc=v1 c-1=arming
arm_committed {"revision":"r4"} ->
	porting_state=armed foc=v1 c-1=armed
	write foc_confirmed -> armed
	tell cutover.armed: cutover c-1 is armed
cancel_asked {"by":"anna","reason":"after all"} ->
	porting_state=armed foc=v1 c-1=cancelling
	cancel c-1 because the order is to be cancelled: after all
	tell order.cancel_asked: order o-1: anna asks to cancel: after all
cutover_flipped {"revision":"r4","at":"2026-03-03T17:00:00Z"} ->
	porting_state=activating foc=v1 c-1=flipped
	write armed -> activating
	page cutover.flipped_despite: cutover c-1 flipped at 2026-03-03T17:00:00Z before it could be cancelled (the order is to be cancelled: after all); decide whether to roll back
	tell cutover.flipped: cutover c-1 flipped at 2026-03-03T17:00:00Z: speakops holds 3 numbers
cutover_cancelled {"revision":"r5","cancels":"r4"} ->
	refused: order o-1: cutover_cancelled: cutover c-1 is flipped; there is nothing to cancel
cutover_rolled_back {"revision":"r9","replaces":"r4","at":"2026-03-03T17:05:00Z"} ->
	porting_state=activating foc=v1 c-1=rolled_back
	tell cutover.rolled_back: cutover c-1 was rolled back at 2026-03-03T17:05:00Z
