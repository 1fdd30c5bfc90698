# A long window, and a way back while the network still brings the calls to us.
plan window_close={"local":"2026-03-05T14:00:00","zone":"America/Chicago","utc":"2026-03-05T20:00:00Z"}
plan acknowledged=[{"warning":"window_long","by":"anna","because":"the provider activates when it likes"}]
lint ->
	warning window_long at window_close: the window is open for 52h0m0s; narrow the window to when people are there
plan window_close={"local":"2026-03-03T14:00:00","zone":"America/Chicago","utc":"2026-03-03T20:00:00Z"}
plan at={"local":"2026-03-03T13:00:00","zone":"America/Chicago","utc":"2026-03-03T19:00:00Z"}
lint ->
	warning flip_long_after_foc at at: the flip is 2h0m0s after the commitment ends; flip nearer to the commitment, and see that early_disconnect rescues
plan at={"local":"2026-03-03T10:30:00","zone":"America/Chicago","utc":"2026-03-03T16:30:00Z"}
lint ->
	warning flip_before_foc at at: the flip is 30m0s before the commitment 2026-03-03T11:00:00 America/Chicago (2026-03-03T17:00:00Z): calls reach speakops that nobody has ported yet; flip at the commitment or after it
plan purpose="snapback"
order porting_state="snapback_pending"
record +12025550100 porting_state=snapback_pending routing_authority=speakops
record +12025550101 porting_state=snapback_pending routing_authority=speakops
record +12025550102 porting_state=snapback_pending routing_authority=speakops
route legacy-main target=pstn_same_tn
lint ->
	error legacy_target_unsafe at legacy-main: pstn_same_tn dials the number itself, which still comes to us in state snapback_pending; give these numbers a legacy route of type direct_sip, shadow_did or rn_pinned
