# Cancelled ports stay with legacy until the grace is over and the record says nobody.
number +12025550143 porting_state=cancel_pending routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_cancelled
number +12025550144 porting_state=cancelled routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_cancelled
number +12025550144 porting_state=cancelled routing_authority=none
10:00:00 +-0.5ms -> refuse not_ours because=port_cancelled
number +12025550145 porting_state=cancel_pending routing_authority=none
10:00:00 +-0.5ms -> refuse not_ours because=no_authority
