# Settled: speakops, and no way back to the old provider even if speakops is down.
route speakops-main speakops gateways=s1,s2 rescue
default speakops speakops-main
number +12025550143 porting_state=settled routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=record
# A number that is settled and yet legacy's may not be dialled over the public network.
route pstn legacy target=pstn_same_tn gateways=p1
number +12025550144 porting_state=settled routing_authority=legacy legacy_route=pstn
10:00:00 +-0.5ms -> refuse loop because=pstn_comes_back
