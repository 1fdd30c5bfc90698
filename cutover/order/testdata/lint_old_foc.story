# A commitment of last month, on a Sunday.
order foc={"version":"v1","due":{"local":"2026-01-25T11:00:00","zone":"America/Chicago","utc":"2026-01-25T17:00:00Z"}}
lint ->
	error foc_outside_window at foc: committed to 2026-01-25T11:00:00 America/Chicago (2026-01-25T17:00:00Z), and the window is from 2026-03-03T10:00:00 America/Chicago (2026-03-03T16:00:00Z) to 2026-03-03T14:00:00 America/Chicago (2026-03-03T20:00:00Z); plan a window around the commitment, or have it changed
	error foc_expired at foc: due 2026-01-25T11:00:00 America/Chicago (2026-01-25T17:00:00Z); what is pending is purged 30 days later; supplement the order for another date
	warning foc_on_weekend at foc: 2026-01-25T11:00:00 America/Chicago (2026-01-25T17:00:00Z) is a Sunday; ask whether the losing provider works that day, and who can be called
	warning flip_long_after_foc at at: the flip is 888h0m0s after the commitment ends; flip nearer to the commitment, and see that early_disconnect rescues
