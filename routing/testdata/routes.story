# The way there: the record's own route, the default, or a reason why not.
route other legacy gateways=o1
route lines speakops builtin=testline
route empty legacy
number +12025550143 routing_authority=legacy legacy_route=other
10:00:00 +-0.5ms -> route legacy via=o1 because=record
number +12025550144 routing_authority=speakops speakops_route=lines legacy_route=other
10:00:00 +-0.5ms -> route speakops via=testline because=record
# A name that is not configured is not replaced by the default.
number +12025550145 routing_authority=legacy legacy_route=gone
10:00:00 +-0.5ms -> refuse retry_elsewhere because=no_route
# A route of the other authority never carries the call.
number +12025550146 routing_authority=legacy legacy_route=lines
10:00:00 +-0.5ms -> refuse retry_elsewhere because=wrong_route
number +12025550147 routing_authority=legacy legacy_route=empty
10:00:00 +-0.5ms -> refuse retry_elsewhere because=no_route
default legacy none
number +12025550148 routing_authority=legacy
10:00:00 +-0.5ms -> refuse retry_elsewhere because=no_route
# pstn_same_tn may carry calls while the network still brings the number to the old provider.
route pstn legacy target=pstn_same_tn gateways=p1
default legacy pstn
number +12025550149 porting_state=foc_confirmed routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=p1 because=port_pending
number +12025550149 porting_state=activating routing_authority=legacy
10:00:00 +-0.5ms -> refuse loop because=pstn_comes_back
override +12025550149 force_legacy from=09:00 until=11:00
10:00:00 +-0.5ms -> refuse loop because=pstn_comes_back
10:00:00 +-0.5ms forced=legacy -> refuse loop because=pstn_comes_back
