# A number whose cutover is armed: legacy until T, speakops from T, and nobody guesses in between.
route legacy-main legacy gateways=l1,l2 rescue
default legacy legacy-main
route speakops-main speakops gateways=s1,s2 rescue
default speakops speakops-main
number +12025550143 porting_state=armed routing_authority=legacy current_serving_provider=north customer_assignment=acme
cutover c-7 revision=1 legacy until 10:00:00 then speakops

09:00:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut rescue=rescue_early_disconnect:s1,s2
09:59:59.999 +-0.5ms -> route legacy via=l1,l2 because=before_cut rescue=rescue_early_disconnect:s1,s2
# The clock may already stand at T: wait until it cannot stand before.
09:59:59.9995 +-0.5ms -> hold until=10:00:00.0005 because=clock_uncertain
10:00:00.000 +-0.5ms -> hold until=10:00:00.0005 because=clock_uncertain
10:00:00.0004 +-0.5ms -> hold until=10:00:00.0005 because=clock_uncertain
10:00:00.0005 +-0.5ms -> route speakops via=s1,s2 because=cut rescue=fallback_after_cut:l1,l2
10:00:00.001 +-0.5ms -> route speakops via=s1,s2 because=cut rescue=fallback_after_cut:l1,l2
23:59:59 +-0.5ms -> route speakops via=s1,s2 because=cut rescue=fallback_after_cut:l1,l2
# A clock without error never waits.
09:59:59.999999999 +-0s -> route legacy via=l1,l2 because=before_cut rescue=rescue_early_disconnect:s1,s2
10:00:00 +-0s -> route speakops via=s1,s2 because=cut rescue=fallback_after_cut:l1,l2

# The fallback after the cut is none if the old provider is reached by dialling the same number.
route pstn legacy target=pstn_same_tn gateways=p1
default legacy pstn
09:00:00 +-0.5ms -> route legacy via=p1 because=before_cut
10:01:00 +-0.5ms -> route speakops via=s1,s2 because=cut
