# A date is confirmed and nothing is armed: the day passes without a flip. Where the route allows it, a carrier
# that lets go too early is covered by speakops.
number +12025550143 porting_state=foc_confirmed routing_authority=legacy
09:59:59 +-0.5ms -> route legacy via=l1,l2 because=port_pending
10:00:01 +-0.5ms -> route legacy via=l1,l2 because=port_pending
route legacy-main legacy gateways=l1,l2 rescue
default legacy legacy-main
10:00:01 +-0.5ms -> route legacy via=l1,l2 because=port_pending rescue=rescue_early_disconnect:s1,s2
