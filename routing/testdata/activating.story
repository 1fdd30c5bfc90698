# The cut is behind. The old provider may help out, unless reaching it means dialling the same number.
route speakops-main speakops gateways=s1,s2 rescue
default speakops speakops-main
number +12025550143 porting_state=activating routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=port_active rescue=fallback_after_cut:l1,l2
number +12025550144 porting_state=partially_active routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=port_active rescue=fallback_after_cut:l1,l2
route pstn legacy target=pstn_same_tn gateways=p1
default legacy pstn
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=port_active
# A record still naming legacy is followed, by a route that cannot come back.
number +12025550145 porting_state=activating routing_authority=legacy
10:00:00 +-0.5ms -> refuse loop because=pstn_comes_back
number +12025550146 porting_state=activating routing_authority=legacy legacy_route=legacy-main
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=record_over_state
