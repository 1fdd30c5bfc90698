# Clocks in Chicago skip an hour on 2026-03-08 and show one twice on 2026-11-01.
entered plan.at 2026-03-08 02:30 America/Chicago ->
	clocks in America/Chicago skip 2026-03-08T02:30:00; it would be 2026-03-08T01:30:00-06:00 (2026-03-08T07:30:00Z) or 2026-03-08T03:30:00-05:00 (2026-03-08T08:30:00Z); write the one you mean
entered plan.at 2026-11-01T01:30 America/Chicago ->
	clocks in America/Chicago show 2026-11-01T01:30:00 twice; write 2026-11-01T01:30:00-05:00 (2026-11-01T06:30:00Z) or 2026-11-01T01:30:00-06:00 (2026-11-01T07:30:00Z)
entered plan.at 2026-11-01T01:30:00-06:00 America/Chicago ->
	2026-11-01T01:30:00-06:00 America/Chicago (2026-11-01T07:30:00Z)
entered plan.at 2026-11-01T01:30:00-07:00 America/Chicago ->
	2026-11-01T01:30:00-07:00 is not what clocks in America/Chicago show; leave the offset away, or write 2026-11-01T01:30:00-05:00 (2026-11-01T06:30:00Z) or 2026-11-01T01:30:00-06:00 (2026-11-01T07:30:00Z)
entered plan.at 2026-11-01T01:30 America/Chicgo ->
	the time zone "America/Chicgo" is not known here; write an IANA name such as America/Chicago, and see that this machine has tz data
entered plan.at 2026-11-01T01:30 ->
	2026-11-01T01:30 has no time zone; write the IANA name of the place behind it: America/Chicago, Europe/Berlin, UTC
entered plan.at 2026-11-31T01:30 America/Chicago ->
	"2026-11-31T01:30" is no time of day on a date; write 2026-03-03T10:00 or 2026-03-03T10:00:00, and the zone behind it: America/Chicago
entered plan.at 2026-11-01 ->
	"2026-11-01" is no time of day on a date; write 2026-03-03T10:00 or 2026-03-03T10:00:00, and the zone behind it: America/Chicago
# Lord Howe moves by half an hour, and Samoa left out a day.
entered plan.at 2026-10-04T02:15 Australia/Lord_Howe ->
	clocks in Australia/Lord_Howe skip 2026-10-04T02:15:00; it would be 2026-10-04T01:45:00+10:30 (2026-10-03T15:15:00Z) or 2026-10-04T02:45:00+11:00 (2026-10-03T15:45:00Z); write the one you mean
entered plan.at 2011-12-30T12:00 Pacific/Apia ->
	clocks in Pacific/Apia skip 2011-12-30T12:00:00; it would be 2011-12-29T12:00:00-10:00 (2011-12-29T22:00:00Z) or 2011-12-31T12:00:00+14:00 (2011-12-30T22:00:00Z); write the one you mean
entered plan.at 2026-03-03 11:00 America/Chicago ->
	2026-03-03T11:00:00 America/Chicago (2026-03-03T17:00:00Z)
lint ->
	nothing
# Chicago's rules change overnight.
zone America/Chicago is America/New_York
lint ->
	error wall_time_moved at window_open: 2026-03-03T10:00:00 America/Chicago was 2026-03-03T16:00:00Z when it was entered and is 2026-03-03T15:00:00Z by today's rules; enter it again, and tell everybody which instant it is
	error wall_time_moved at window_close: 2026-03-03T14:00:00 America/Chicago was 2026-03-03T20:00:00Z when it was entered and is 2026-03-03T19:00:00Z by today's rules; enter it again, and tell everybody which instant it is
	error wall_time_moved at at: 2026-03-03T11:00:00 America/Chicago was 2026-03-03T17:00:00Z when it was entered and is 2026-03-03T16:00:00Z by today's rules; enter it again, and tell everybody which instant it is
	error wall_time_moved at foc.due: 2026-03-03T11:00:00 America/Chicago was 2026-03-03T17:00:00Z when it was entered and is 2026-03-03T16:00:00Z by today's rules; enter it again, and tell everybody which instant it is
zone America/Chicago is America/Chicago
plan window_close={"local":"2026-03-08T02:30:00","zone":"America/Chicago","utc":"2026-03-08T08:30:00Z"}
lint ->
	error wall_time_wrong at window_close: clocks in America/Chicago skip 2026-03-08T02:30:00; it would be 2026-03-08T01:30:00-06:00 (2026-03-08T07:30:00Z) or 2026-03-08T03:30:00-05:00 (2026-03-08T08:30:00Z); write the one you mean
	warning window_long at window_close: the window is open for 112h30m0s; narrow the window to when people are there
