# Ported: as activating. The timeline of the cutover still speaks until it is folded into the record.
route speakops-main speakops gateways=s1,s2 rescue
default speakops speakops-main
number +12025550143 porting_state=ported routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=port_active rescue=fallback_after_cut:l1,l2
number +12025550144 porting_state=ported routing_authority=legacy
cutover c-7 revision=1 legacy until 10:00:00 then speakops
10:00:01 +-0.5ms -> route speakops via=s1,s2 because=cut rescue=fallback_after_cut:l1,l2
