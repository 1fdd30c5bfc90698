# Toll-free: released moves control, not calls. The routing record moves the calls.
route legacy-main legacy gateways=l1,l2 rescue
default legacy legacy-main
route speakops-main speakops gateways=s1,s2 rescue
default speakops speakops-main
number +18005550101 number_type=toll_free porting_state=loa_ready routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
number +18005550102 number_type=toll_free porting_state=roc_submitted routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
number +18005550103 number_type=toll_free porting_state=roc_declined routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending
number +18005550104 number_type=toll_free porting_state=released routing_authority=legacy
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=port_pending rescue=rescue_early_disconnect:s1,s2
number +18005550105 number_type=toll_free porting_state=cpr_scheduled routing_authority=legacy
cutover c-8 revision=2 legacy until 13:00:00 then speakops
12:59:59 +-0.5ms -> route legacy via=l1,l2 because=before_cut rescue=rescue_early_disconnect:s1,s2
13:00:01 +-0.5ms -> route speakops via=s1,s2 because=cut rescue=fallback_after_cut:l1,l2
number +18005550106 number_type=toll_free porting_state=cpr_active routing_authority=speakops
13:00:01 +-0.5ms -> route speakops via=s1,s2 because=port_active rescue=fallback_after_cut:l1,l2
number +18005550107 number_type=toll_free porting_state=settled routing_authority=speakops
13:00:01 +-0.5ms -> route speakops via=s1,s2 because=record
number +18005550108 number_type=toll_free porting_state=roc_reversed routing_authority=legacy
13:00:01 +-0.5ms -> route legacy via=l1,l2 because=snapped_back
