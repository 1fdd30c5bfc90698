# Paper is moving, calls are not. The record decides; what the old provider cannot take is tried elsewhere, not here.
route legacy-main legacy gateways=l1,l2 rescue
default legacy legacy-main
number +12025550101 porting_state=draft routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
number +12025550102 porting_state=validating routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
number +12025550103 porting_state=submitted routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
number +12025550104 porting_state=rejected routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
