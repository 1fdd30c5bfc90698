# A cutover is over and folded into the records. The revision that drops it changes no answer, resolved or not.
number +12025550143 porting_state=ported routing_authority=speakops
cutover c-7 revision=1 legacy until 10:00:00 then speakops
prepared nothing
12:00:00 +-0.5ms -> route speakops via=s1,s2 because=cut
# A record that contradicts it, from an older store: then two answers are possible, and none is given.
number +12025550143 porting_state=armed routing_authority=legacy
12:00:00 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
# Settled: what the cutover came to is a floor that no record may contradict.
settled speakops
12:00:00 +-0.5ms -> route speakops via=s1,s2 because=settled_over_record
number +12025550143 porting_state=ported routing_authority=speakops
settled speakops
12:00:00 +-0.5ms -> route speakops via=s1,s2 because=port_active
# The next port of the same number begins from the floor.
number +12025550143 porting_state=armed routing_authority=legacy
settled speakops
prepared c-8 revision=4 speakops until 14:00:00 then legacy
12:00:00 +-0.5ms -> route speakops via=s1,s2 because=settled_over_record
14:00:01 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
number +12025550144 routing_authority=legacy
settled none
12:00:00 +-0.5ms -> refuse not_ours because=settled_over_record
