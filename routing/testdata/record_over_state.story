# Record and state disagree. The record holds; the reason tells the porting desk.
number +12025550143 porting_state=submitted routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=record_over_state
number +12025550144 porting_state=ported routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=record_over_state
number +12025550145 porting_state=ported routing_authority=none
10:00:00 +-0.5ms -> refuse not_ours because=no_authority
