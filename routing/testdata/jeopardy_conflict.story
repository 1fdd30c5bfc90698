# The port is in doubt. Its flip was taken off the timeline before the state was written; calls stay where they are.
route legacy-main legacy gateways=l1,l2 rescue
default legacy legacy-main
number +12025550143 porting_state=jeopardy routing_authority=legacy
09:59:59 +-0.5ms -> route legacy via=l1,l2 because=port_suspended rescue=rescue_early_disconnect:s1,s2
10:00:01 +-0.5ms -> route legacy via=l1,l2 because=port_suspended rescue=rescue_early_disconnect:s1,s2
number +12025550144 porting_state=conflict routing_authority=legacy
10:00:01 +-0.5ms -> route legacy via=l1,l2 because=port_suspended rescue=rescue_early_disconnect:s1,s2
# Were the flip still on the timeline, the timeline would hold: the state never decides.
number +12025550145 porting_state=jeopardy routing_authority=legacy
cutover c-7 revision=1 legacy until 10:00:00 then speakops
10:00:01 +-0.5ms -> route speakops via=s1,s2 because=cut
