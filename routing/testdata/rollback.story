# The cutover was taken back an hour later: two steps, each with its own edge.
number +12025550143 porting_state=activating routing_authority=legacy
cutover c-7 revision=3 legacy until 10:00:00 then speakops until 11:00:00 then legacy
09:30:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut
10:30:00 +-0.5ms -> route speakops via=s1,s2 because=cut
11:00:00 +-0.5ms -> hold until=11:00:00.0005 because=clock_uncertain
11:30:00 +-0.5ms -> route legacy via=l1,l2 because=rolled_back
# Both steps within the clock's error: wait for the last of them.
10:30:00 +-40m -> hold until=11:40:00 because=clock_uncertain
# The network still brings the number to us: dialling it out again would come back.
route pstn legacy target=pstn_same_tn gateways=p1
default legacy pstn
09:30:00 +-0.5ms -> refuse loop because=pstn_comes_back
11:30:00 +-0.5ms -> refuse loop because=pstn_comes_back
# Once rolled back, a failing legacy is no early disconnect: the number had left it.
route legacy-main legacy gateways=l1,l2 rescue
default legacy legacy-main
number +12025550144 porting_state=armed routing_authority=legacy
cutover c-8 revision=4 legacy until 10:00:00 then speakops until 11:00:00 then legacy
09:30:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut rescue=rescue_early_disconnect:s1,s2
11:30:00 +-0.5ms -> route legacy via=l1,l2 because=rolled_back
