# Released moves control, not calls.
order number_type="toll_free"
order numbers=["+18005550100","+18005550101"]
order billing_number=null
order porting_state="draft"
order foc=null
advanced {"to":"loa_ready"} ->
	porting_state=loa_ready
	write draft -> loa_ready
	tell order.loa_ready: order o-1 is loa_ready
advanced {"to":"roc_submitted"} ->
	porting_state=roc_submitted
	write loa_ready -> roc_submitted
	tell order.roc_submitted: order o-1 is roc_submitted
exception_raised {"exception":{"kind":"rejected","reason":"not our RespOrg"}} ->
	porting_state=roc_declined open=rejected
	write roc_submitted -> roc_declined
	page order.rejected: order o-1: rejected: not our RespOrg
advanced {"to":"roc_submitted"} ->
	porting_state=roc_submitted
	write roc_declined -> roc_submitted
	tell order.roc_submitted: order o-1 is roc_submitted
foc_received {"foc":{"version":"v1","due":"2026-03-03T11:00 America/Chicago"}} ->
	porting_state=roc_submitted foc=v1
	tell order.foc: order o-1: commitment v1 for 2026-03-03T11:00:00 America/Chicago (2026-03-03T17:00:00Z)
advanced {"to":"released"} ->
	porting_state=released foc=v1
	write roc_submitted -> released
	tell order.released: order o-1 is released
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	refused: order o-1: arm_started: state released is not one to arm a port_in in; what is: cpr_scheduled
advanced {"to":"cpr_scheduled"} ->
	porting_state=cpr_scheduled foc=v1
	write released -> cpr_scheduled
	tell order.cpr_scheduled: order o-1 is cpr_scheduled
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	porting_state=cpr_scheduled foc=v1 c-1=arming
arm_committed {"revision":"r1"} ->
	porting_state=cpr_scheduled foc=v1 c-1=armed
	tell cutover.armed: cutover c-1 is armed
advanced {"to":"released"} ->
	refused: order o-1: advanced: cutover c-1 is armed; cancel it first, or raise an exception, which cancels it
exception_raised {"exception":{"kind":"jeopardy","reason":"record not loaded"}} ->
	porting_state=cpr_scheduled foc=v1 open=jeopardy c-1=cancelling
	cancel c-1 because jeopardy: record not loaded
	page order.jeopardy: order o-1: jeopardy: record not loaded
cutover_cancelled {"revision":"r2","cancels":"r1"} ->
	porting_state=cpr_scheduled foc=v1 open=jeopardy
	tell cutover.cancelled: cutover c-1 is cancelled
advanced {"to":"released"} ->
	porting_state=released foc=v1 open=jeopardy
	write cpr_scheduled -> released
	tell order.released: order o-1 is released
advanced {"to":"cpr_scheduled"} ->
	porting_state=cpr_scheduled foc=v1 open=jeopardy
	write released -> cpr_scheduled
	tell order.cpr_scheduled: order o-1 is cpr_scheduled
arm_started {"cutover":"c-1","revision":"r3","purpose":"port_in","foc":"v1"} ->
	refused: order o-1: arm_started: jeopardy is open: record not loaded
exception_cleared {"kind":"jeopardy","reason":"loaded"} ->
	porting_state=cpr_scheduled foc=v1
	tell order.cleared: order o-1: jeopardy is lifted: loaded; it needs to be armed again
arm_started {"cutover":"c-1","revision":"r3","purpose":"port_in","foc":"v1"} ->
	porting_state=cpr_scheduled foc=v1 c-1=arming
arm_committed {"revision":"r3"} ->
	porting_state=cpr_scheduled foc=v1 c-1=armed
	tell cutover.armed: cutover c-1 is armed
cutover_flipped {"revision":"r3","at":"2026-03-03T17:00:00Z"} ->
	porting_state=cpr_active foc=v1 c-1=flipped
	write cpr_scheduled -> cpr_active
	tell cutover.flipped: cutover c-1 flipped at 2026-03-03T17:00:00Z: speakops holds 2 numbers
cancel_asked {"by":"anna","reason":"late"} ->
	refused: order o-1: cancel_asked: porting_state cpr_active -> cancel_pending: there is no cancelling after activation; going back is a change of the responsible organisation (roc_reversed)
snapback_asked {"by":"anna","reason":"wrong record"} ->
	porting_state=roc_reversed foc=v1 c-1=flipped
	write cpr_active -> roc_reversed
	page order.snapback: order o-1 goes back to north: wrong record (anna)
