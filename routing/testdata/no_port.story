# Most numbers have no port in flight: the record decides.
number +12025550143 routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=record
number +12025550144 routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=record
number +12025550145 routing_authority=none
10:00:00 +-0.5ms -> refuse not_ours because=no_authority
# The interval plays no part.
10:00:00 +-1h to=+12025550144 -> route speakops via=s1,s2 because=record
