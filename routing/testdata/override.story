# An operator's word stands above timeline and record, from its beginning until its end.
number +12025550143 porting_state=armed routing_authority=legacy customer_assignment=acme
cutover c-7 revision=1 legacy until 10:00:00 then speakops
override +12025550143 force_legacy from=09:30 until=10:30
09:00:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut
09:30:00 +-0.5ms -> hold until=09:30:00.0005 because=clock_uncertain
09:31:00 +-0.5ms -> route legacy via=l1,l2 because=override_force_legacy
# The cut passes beneath it.
10:00:00 +-0.5ms -> route legacy via=l1,l2 because=override_force_legacy
10:29:59 +-0.5ms -> route legacy via=l1,l2 because=override_force_legacy
10:30:00 +-0.5ms -> hold until=10:30:00.0005 because=clock_uncertain
10:31:00 +-0.5ms -> route speakops via=s1,s2 because=cut
override +12025550143 force_speakops from=09:30 until=10:30
09:45:00 +-0.5ms -> route speakops via=s1,s2 because=override_force_speakops
09:45:00 +-0.5ms looped -> route speakops via=s1,s2 because=override_force_speakops
override +12025550143 block from=09:30 until=10:30
09:45:00 +-0.5ms -> refuse blocked because=override_block
10:30:00 +-0.5ms -> hold until=10:30:00.0005 because=clock_uncertain
10:31:00 +-0.5ms -> route speakops via=s1,s2 because=cut
# A block is not loosened by a test trunk.
09:45:00 +-0.5ms forced=speakops -> refuse blocked because=override_block
# An override without an end, or one that ends before it begins, is none.
override +12025550143 block from=09:30
09:45:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut
override +12025550143 block from=09:30 until=09:00
09:15:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut
override +12025550143 block from=09:30 until=09:30
09:30:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut
# The loop guard stands above a force as well.
override +12025550143 force_legacy from=09:30 until=10:30
09:45:00 +-0.5ms looped -> route speakops via=s1,s2 because=loop_guard
override +12025550143 none
09:45:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut
