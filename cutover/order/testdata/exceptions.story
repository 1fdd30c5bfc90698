# The world calls an armed port off: the flip is cancelled first.
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	porting_state=foc_confirmed foc=v1 c-1=arming
arm_committed {"revision":"r1"} ->
	porting_state=armed foc=v1 c-1=armed
	write foc_confirmed -> armed
	tell cutover.armed: cutover c-1 is armed
exception_raised {"exception":{"kind":"jeopardy","reason":"facility not ready"}} ->
	porting_state=armed foc=v1 open=jeopardy c-1=cancelling
	cancel c-1 because jeopardy: facility not ready
	page order.jeopardy: order o-1: jeopardy: facility not ready
exception_raised {"exception":{"kind":"conflict","reason":"disputed","side":"losing"}} ->
	porting_state=armed foc=v1 open=jeopardy open=conflict c-1=cancelling
	page order.conflict: order o-1: conflict: disputed
arm_started {"cutover":"c-1","revision":"r2","purpose":"port_in","foc":"v1"} ->
	refused: order o-1: arm_started: cutover c-1 is cancelling; move or cancel it
cancel_failed {"reason":"edge e2 is missing"} ->
	porting_state=armed foc=v1 open=jeopardy open=conflict c-1=cancelling
	page cutover.cancel_failed: cutover c-1 is still going to flip: edge e2 is missing
cutover_cancelled {"revision":"r2","cancels":"r1"} ->
	porting_state=conflict foc=v1 open=jeopardy open=conflict
	write armed -> foc_confirmed -> conflict
	tell cutover.cancelled: cutover c-1 is cancelled
arm_started {"cutover":"c-1","revision":"r3","purpose":"port_in","foc":"v1"} ->
	refused: order o-1: arm_started: state conflict is not one to arm a port_in in; what is: foc_confirmed
exception_cleared {"kind":"conflict","side":"gaining","reason":"sorted out"} ->
	refused: order o-1: exception_cleared: before 2026-03-02T21:00:00Z only the losing provider lifts a conflict; send side: losing when it did
now 2026-03-02T21:00:00Z
exception_cleared {"kind":"conflict","side":"gaining","reason":"sorted out"} ->
	porting_state=jeopardy foc=v1 open=jeopardy
	write conflict -> foc_confirmed -> jeopardy
	tell order.cleared: order o-1: conflict is lifted: sorted out; it needs to be armed again
exception_cleared {"kind":"conflict","side":"gaining","reason":"again"} ->
	refused: order o-1: exception_cleared: no conflict is open
exception_cleared {"kind":"jeopardy","reason":"facility ready"} ->
	porting_state=foc_confirmed foc=v1
	write jeopardy -> foc_confirmed
	tell order.cleared: order o-1: jeopardy is lifted: facility ready; it needs to be armed again
exception_raised {"exception":{"kind":"rejected","reason":"wrong PIN"}} ->
	porting_state=rejected open=rejected
	write foc_confirmed -> rejected
	page order.rejected: order o-1: rejected: wrong PIN
arm_started {"cutover":"c-1","revision":"r3","purpose":"port_in","foc":"v1"} ->
	refused: order o-1: arm_started: state rejected is not one to arm a port_in in; what is: foc_confirmed
exception_cleared {"kind":"rejected","reason":"right PIN"} ->
	refused: order o-1: exception_cleared: a rejection is answered by a supplement: advance the order to submitted, or roc_submitted
advanced {"to":"submitted"} ->
	porting_state=submitted
	write rejected -> submitted
	tell order.submitted: order o-1 is submitted
