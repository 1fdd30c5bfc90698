# The desk is late.
now 2026-03-03T16:59:58Z
lint ->
	error flip_too_soon at at: no revision can take force before 2026-03-03T17:00:01Z, and the flip is planned at 2026-03-03T11:00:00 America/Chicago (2026-03-03T17:00:00Z); choose a later instant inside the window
now 2026-03-03T19:59:58Z
lint ->
	error window_over at window_close: the window closes at 2026-03-03T14:00:00 America/Chicago (2026-03-03T20:00:00Z), and no revision can take force before 2026-03-03T20:00:01Z; plan another window
now 2026-03-03T20:00:00Z
lint ->
	error window_over at window_close: the window closes at 2026-03-03T14:00:00 America/Chicago (2026-03-03T20:00:00Z), and no revision can take force before 2026-03-03T20:00:03Z; plan another window
