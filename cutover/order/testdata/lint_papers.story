# What a plan rests on.
order foc=null
lint ->
	error foc_missing at foc: the losing provider has committed to nothing; wait for the commitment, and plan for it
order foc={"version":"v2","due":{"local":"2026-03-05T11:00:00","zone":"America/Chicago","utc":"2026-03-05T17:00:00Z"}}
lint ->
	error foc_changed at foc: the plan was made for version "v1", and "v2" is in force; look at the commitment in force and plan again
	error foc_outside_window at foc: committed to 2026-03-05T11:00:00 America/Chicago (2026-03-05T17:00:00Z), and the window is from 2026-03-03T10:00:00 America/Chicago (2026-03-03T16:00:00Z) to 2026-03-03T14:00:00 America/Chicago (2026-03-03T20:00:00Z); plan a window around the commitment, or have it changed
	warning flip_before_foc at at: the flip is 48h0m0s before the commitment 2026-03-05T11:00:00 America/Chicago (2026-03-05T17:00:00Z): calls reach speakops that nobody has ported yet; flip at the commitment or after it
plan foc="v2"
lint ->
	error foc_outside_window at foc: committed to 2026-03-05T11:00:00 America/Chicago (2026-03-05T17:00:00Z), and the window is from 2026-03-03T10:00:00 America/Chicago (2026-03-03T16:00:00Z) to 2026-03-03T14:00:00 America/Chicago (2026-03-03T20:00:00Z); plan a window around the commitment, or have it changed
	warning flip_before_foc at at: the flip is 48h0m0s before the commitment 2026-03-05T11:00:00 America/Chicago (2026-03-05T17:00:00Z): calls reach speakops that nobody has ported yet; flip at the commitment or after it
order foc={"version":"v2","due":{"local":"2026-03-03T08:00:00","zone":"America/Chicago","utc":"2026-03-03T14:00:00Z"},"until":{"local":"2026-03-03T10:15:00","zone":"America/Chicago","utc":"2026-03-03T16:15:00Z"}}
lint ->
	warning foc_partly_outside at foc: the port may activate between 2026-03-03T14:00:00Z and 2026-03-03T16:15:00Z, and the window is from 2026-03-03T10:00:00 America/Chicago (2026-03-03T16:00:00Z) to 2026-03-03T14:00:00 America/Chicago (2026-03-03T20:00:00Z); widen the window, or have somebody there outside it
	warning flip_long_after_foc at at: the flip is 45m0s after the commitment ends; flip nearer to the commitment, and see that early_disconnect rescues
order foc={"version":"v2","due":{"local":"2026-03-03T12:00:00","zone":"America/Chicago","utc":"2026-03-03T18:00:00Z"}}
lint ->
	warning flip_before_foc at at: the flip is 1h0m0s before the commitment 2026-03-03T12:00:00 America/Chicago (2026-03-03T18:00:00Z): calls reach speakops that nobody has ported yet; flip at the commitment or after it
order account_validation={"state":"pending"}
order loa=null
lint ->
	error account_not_validated at account_validation: account validation is pending; have name, address, account and PIN checked
	error loa_missing at loa: there is no letter of authorisation; have the customer sign one
	warning flip_before_foc at at: the flip is 1h0m0s before the commitment 2026-03-03T12:00:00 America/Chicago (2026-03-03T18:00:00Z): calls reach speakops that nobody has ported yet; flip at the commitment or after it
order account_validation={"state":"validated"}
order loa={"version":"1","signed":"2026-01-02T00:00:00Z"}
order exceptions=[{"kind":"jeopardy","reason":"facility not ready","since":"2026-03-01T00:00:00Z"}]
order porting_state="jeopardy"
order checklist={"e911":"open","messaging":"done"}
lint ->
	error state_not_armable at porting_state: jeopardy is not a state in which a cutover for port_in is armed; bring the order there first: foc_confirmed
	error exception_open at jeopardy: jeopardy since 2026-03-01T00:00:00Z: facility not ready; have it cleared, or supplement the order
	error state_contradicts at foc_confirmed: its record says porting_state foc_confirmed, and the order jeopardy (3: +12025550100, +12025550101, +12025550102); wait until the state is written, or find out which other order moves it
	warning loa_old at loa: signed 2026-01-02, more than 30 days ago; have it signed again, or ask the losing provider
	warning flip_before_foc at at: the flip is 1h0m0s before the commitment 2026-03-03T12:00:00 America/Chicago (2026-03-03T18:00:00Z): calls reach speakops that nobody has ported yet; flip at the commitment or after it
	warning emergency_open at checklist.e911: emergency calls of these numbers may still send help by the old provider's record; register the addresses and mark it done
	warning checklist_open at checklist: open: cnam, directory, forwarding; mark each done or not_needed
# A plan of something else.
plan order="o-2"
plan mode="manual"
lint ->
	error document_invalid at at: mode manual has no fixed instant; remove it, or write mode: scheduled
	error document_invalid at on_close: is missing; write one of flip, page
	error document_invalid at order: the plan is for order o-2, not for o-1; plan a cutover of this order
	error state_not_armable at porting_state: jeopardy is not a state in which a cutover for port_in is armed; bring the order there first: foc_confirmed
	error exception_open at jeopardy: jeopardy since 2026-03-01T00:00:00Z: facility not ready; have it cleared, or supplement the order
	error state_contradicts at foc_confirmed: its record says porting_state foc_confirmed, and the order jeopardy (3: +12025550100, +12025550101, +12025550102); wait until the state is written, or find out which other order moves it
	warning loa_old at loa: signed 2026-01-02, more than 30 days ago; have it signed again, or ask the losing provider
	warning emergency_open at checklist.e911: emergency calls of these numbers may still send help by the old provider's record; register the addresses and mark it done
	warning checklist_open at checklist: open: cnam, directory, forwarding; mark each done or not_needed
