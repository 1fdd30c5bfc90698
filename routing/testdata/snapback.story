# Going back is a port of its own: speakops until it is seen, legacy for stale callers afterwards, then nobody.
number +12025550143 porting_state=snapback_pending routing_authority=speakops customer_assignment=acme
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=snapback_pending
number +12025550143 porting_state=snapped_back routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=snapped_back
10:00:00 +-0.5ms looped -> refuse loop because=loop_guard
number +12025550143 porting_state=snapped_back routing_authority=none
10:00:00 +-0.5ms -> refuse not_ours because=snapped_back
