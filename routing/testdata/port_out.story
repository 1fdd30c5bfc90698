# The customer leaves: speakops until the grace is over, then the number is not ours.
number +12025550143 porting_state=port_out_pending routing_authority=speakops customer_assignment=acme
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=port_out
number +12025550143 porting_state=ported_out routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=port_out
number +12025550143 porting_state=ported_out routing_authority=none
10:00:00 +-0.5ms -> refuse not_ours because=port_out
