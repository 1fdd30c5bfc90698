# Another commitment disarms.
arm_started {"cutover":"c-1","revision":"r1","purpose":"port_in","foc":"v1"} ->
	porting_state=foc_confirmed foc=v1 c-1=arming
arm_committed {"revision":"r1"} ->
	porting_state=armed foc=v1 c-1=armed
	write foc_confirmed -> armed
	tell cutover.armed: cutover c-1 is armed
foc_received {"foc":{"version":"v2","due":"2026-03-04T11:00 America/Chicago"}} ->
	porting_state=armed foc=v2 c-1=cancelling
	cancel c-1 because armed on commitment v1, which is not the one in force
	tell order.foc: order o-1: commitment v2 for 2026-03-04T11:00:00 America/Chicago (2026-03-04T17:00:00Z)
cutover_cancelled {"revision":"r2","cancels":"r1"} ->
	porting_state=foc_confirmed foc=v2
	write armed -> foc_confirmed
	tell cutover.cancelled: cutover c-1 is cancelled
arm_started {"cutover":"c-1","revision":"r3","purpose":"port_in","foc":"v1"} ->
	refused: order o-1: arm_started: the plan is made for commitment "v1", and "v2" is in force; plan again
arm_started {"cutover":"c-1","revision":"r3","purpose":"port_in","foc":"v2"} ->
	porting_state=foc_confirmed foc=v2 c-1=arming
account_checked {"state":"failed","detail":"PIN"} ->
	porting_state=foc_confirmed foc=v2 c-1=cancelling
	cancel c-1 because the account is not validated any more
	tell order.account_failed: order o-1: account validation is failed PIN
arm_failed {"revision":"r0","reason":"edge e2 refused"} ->
	refused: order o-1: arm_failed: revision r0 is not being armed
arm_committed {"revision":"r3"} ->
	porting_state=foc_confirmed foc=v2 c-1=cancelling
	cancel c-1 because it was armed while it was being cancelled
cutover_cancelled {"revision":"r4","cancels":"r3"} ->
	porting_state=foc_confirmed foc=v2
	tell cutover.cancelled: cutover c-1 is cancelled
