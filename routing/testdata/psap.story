# An emergency call-back passes a block, follows the holder, and may use the other side when the first fails.
number +12025550143 porting_state=armed routing_authority=legacy
cutover c-7 revision=1 legacy until 10:00:00 then speakops
09:00:00 +-0.5ms psap -> route legacy via=l1,l2 because=before_cut rescue=psap:s1,s2
10:00:01 +-0.5ms psap -> route speakops via=s1,s2 because=cut rescue=psap:l1,l2
override +12025550143 block from=09:30 until=10:30
09:45:00 +-0.5ms -> refuse blocked because=override_block
09:45:00 +-0.5ms psap -> route legacy via=l1,l2 because=psap rescue=psap:s1,s2
10:29:00 +-0.5ms psap -> route speakops via=s1,s2 because=psap rescue=psap:l1,l2
# The edge of a block that does not matter holds nobody.
10:30:00 +-0.5ms psap -> route speakops via=s1,s2 because=psap rescue=psap:l1,l2
09:30:00 +-0.5ms -> hold until=09:30:00.0005 because=clock_uncertain
# A force is the operator's word that the other side cannot take calls.
override +12025550143 force_speakops from=09:30 until=10:30
09:45:00 +-0.5ms psap -> route speakops via=s1,s2 because=override_force_speakops rescue=psap:l1,l2
# Not over a route that would come back.
route pstn legacy target=pstn_same_tn gateways=p1
number +12025550144 porting_state=settled routing_authority=speakops legacy_route=pstn
10:00:00 +-0.5ms psap -> route speakops via=s1,s2 because=record
