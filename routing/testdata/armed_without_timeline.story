# Armed on paper, but no timeline has reached this edge: the record alone speaks, and nothing flips by the state.
number +12025550143 porting_state=armed routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
