# Our own legacy leg comes back. Speakops takes the call where a customer is assigned, else the loop is named.
number +12025550143 porting_state=foc_confirmed routing_authority=legacy customer_assignment=acme
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
10:00:00 +-0.5ms looped -> route speakops via=s1,s2 because=loop_guard
number +12025550144 porting_state=foc_confirmed routing_authority=legacy
10:00:00 +-0.5ms looped -> refuse loop because=loop_guard
10:00:00 +-0.5ms looped forced=legacy -> refuse loop because=loop_guard
# A call that goes to speakops anyway cannot loop.
number +12025550145 porting_state=ported routing_authority=speakops
10:00:00 +-0.5ms looped -> route speakops via=s1,s2 because=port_active
# After the guard spoke, legacy is no rescue.
route speakops-main speakops gateways=s1,s2 rescue
default speakops speakops-main
number +12025550146 porting_state=armed routing_authority=legacy customer_assignment=acme
10:00:00 +-0.5ms looped -> route speakops via=s1,s2 because=loop_guard
10:00:00 +-0.5ms looped psap -> route speakops via=s1,s2 because=loop_guard
# A fallback that comes back is not sent there again.
number +12025550147 porting_state=activating routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=port_active rescue=fallback_after_cut:l1,l2
10:00:00 +-0.5ms looped -> route speakops via=s1,s2 because=port_active
