# A port that goes well.
order porting_state="draft"
order foc=null
order loa=null
order account_validation=null
advanced {"to":"validating"} ->
	porting_state=validating
	write draft -> validating
	tell order.validating: order o-1 is validating
advanced {"to":"submitted"} ->
	refused: order o-1: advanced: the letter of authorisation is missing; send loa_signed
loa_signed {"loa":{"version":"1","signed":"2026-02-18T12:00:00Z"}} ->
	porting_state=validating
advanced {"to":"submitted"} ->
	refused: order o-1: advanced: the account is not validated; send account_checked
account_checked {"state":"validated"} ->
	porting_state=validating
	tell order.account_validated: order o-1: account validation is validated
advanced {"to":"submitted"} ->
	porting_state=submitted
	write validating -> submitted
	tell order.submitted: order o-1 is submitted
advanced {"to":"foc_confirmed"} ->
	refused: order o-1: advanced: foc_confirmed is not entered by hand; send foc_received with the commitment, or exception_cleared
foc_received {"foc":{"version":"v1","due":"2026-03-03T11:00 America/Chicago"}} ->
	porting_state=foc_confirmed foc=v1
	write submitted -> foc_confirmed
	tell order.foc: order o-1: commitment v1 for 2026-03-03T11:00:00 America/Chicago (2026-03-03T17:00:00Z)
foc_received {"foc":{"version":"v1","due":"2026-03-03T11:00 America/Chicago"}} ->
	porting_state=foc_confirmed foc=v1
foc_received {"foc":{"version":"v1","due":"2026-03-03T12:00 America/Chicago"}} ->
	refused: order o-1: foc_received: version v1 commits to 2026-03-03T11:00:00 America/Chicago (2026-03-03T17:00:00Z) already; give a changed commitment a version of its own
foc_received {"foc":{"version":"v2","due":"2026-03-08T02:30 America/Chicago"}} ->
	not an event: line 1: foc.due: clocks in America/Chicago skip 2026-03-08T02:30:00; it would be 2026-03-08T01:30:00-06:00 (2026-03-08T07:30:00Z) or 2026-03-08T03:30:00-05:00 (2026-03-08T08:30:00Z); write the one you mean
advanced {"to":"armed"} ->
	refused: order o-1: advanced: armed is not entered by hand; arm the cutover; the state follows when every edge has journaled it
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v0"} ->
	refused: order o-1: arm_started: the plan is made for commitment "v0", and "v1" is in force; plan again
arm_started {"cutover":"c-1","revision":"r1","purpose":"snapback","foc":"v1"} ->
	refused: order o-1: arm_started: state foc_confirmed is not one to arm a snapback in; what is: snapback_pending
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	porting_state=foc_confirmed foc=v1 c-1=arming
arm_committed {"revision":"r2"} ->
	refused: order o-1: arm_committed: revision r2 is not the one being armed, r1
arm_committed {"revision":"r1"} ->
	porting_state=armed foc=v1 c-1=armed
	write foc_confirmed -> armed
	tell cutover.armed: cutover c-1 is armed
arm_committed {"revision":"r2"} ->
	porting_state=armed foc=v1 c-1=armed
cutover_flipped {"revision":"r2","at":"2026-03-03T17:00:00Z"} ->
	porting_state=activating foc=v1 c-1=flipped
	write armed -> activating
	tell cutover.flipped: cutover c-1 flipped at 2026-03-03T17:00:00Z: speakops holds 3 numbers
cutover_flipped {"revision":"r2","at":"2026-03-03T17:00:00Z"} ->
	refused: order o-1: cutover_flipped: cutover c-1 is flipped already
cutover_settled ->
	refused: order o-1: cutover_settled: state activating is not over: what was not activated has not settled
activation_seen {"numbers":["+12025550100"]} ->
	porting_state=partially_active foc=v1 c-1=flipped
	write activating -> partially_active
	page order.partially_active: order o-1: 2 of 3 numbers are not activated
activation_seen {"numbers":["+12025550199"]} ->
	refused: order o-1: activation_seen: +12025550199 is not in this order
activation_seen ->
	porting_state=ported foc=v1 c-1=flipped
	write partially_active -> ported
	tell order.ported: order o-1: all 3 numbers are ported
cancel_asked {"by":"anna","reason":"the customer left"} ->
	refused: order o-1: cancel_asked: porting_state ported -> cancel_pending: there is no cancelling after activation; going back is a port of its own (snapback_pending)
advanced {"to":"settled"} ->
	refused: order o-1: advanced: settled follows cutover c-1, which is flipped
cutover_settled ->
	porting_state=settled foc=v1
	write ported -> settled
	tell order.settled: order o-1: authority is in the number records
