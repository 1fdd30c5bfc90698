# A trusted test trunk chooses the side, whatever holds, at any instant.
number +12025550143 porting_state=armed routing_authority=legacy
cutover c-7 revision=1 legacy until 10:00:00 then speakops
09:00:00 +-0.5ms forced=speakops -> route speakops via=s1,s2 because=test_override
10:00:00 +-0.5ms forced=speakops -> route speakops via=s1,s2 because=test_override
10:00:01 +-0.5ms forced=legacy -> route legacy via=l1,l2 because=test_override
# Also against an operator's force, whose edges it does not wait for; a block's edges it does.
override +12025550143 force_legacy from=09:30 until=10:30
09:45:00 +-0.5ms forced=speakops -> route speakops via=s1,s2 because=test_override
09:30:00 +-0.5ms forced=speakops -> route speakops via=s1,s2 because=test_override
override +12025550143 block from=09:30 until=10:30
09:30:00 +-0.5ms forced=speakops -> hold until=09:30:00.0005 because=clock_uncertain
# A number of nobody's can be tested too.
number +12025550144 routing_authority=none
09:00:00 +-0.5ms forced=legacy -> route legacy via=l1,l2 because=test_override
# What was forced is not rescued.
route legacy-main legacy gateways=l1,l2 rescue
default legacy legacy-main
number +12025550145 porting_state=foc_confirmed routing_authority=legacy
09:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending rescue=rescue_early_disconnect:s1,s2
09:00:00 +-0.5ms forced=legacy -> route legacy via=l1,l2 because=test_override
override +12025550145 force_legacy from=08:00 until=10:00
09:00:00 +-0.5ms -> route legacy via=l1,l2 because=override_force_legacy
