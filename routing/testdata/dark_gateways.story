# Alive gateways first; dark ones still stand behind them, and never the other authority.
number +12025550143 routing_authority=speakops
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=record
dark s1
10:00:00 +-0.5ms -> route speakops via=s2,s1 because=record
dark s2
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=record
alive s1,s2
10:00:00 +-0.5ms -> route speakops via=s1,s2 because=record
