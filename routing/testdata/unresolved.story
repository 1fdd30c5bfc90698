# Rule 9: a move of T is prepared, and whether it was committed is not known here. Only where the two revisions disagree is nobody answered.
number +12025550143 porting_state=armed routing_authority=legacy
cutover c-7 revision=1 legacy until 10:00:00 then speakops
prepared c-7 revision=2 legacy until 11:00:00 then speakops
09:59:59 +-0.5ms -> route legacy via=l1,l2 because=before_cut
# T itself: the committed revision steps here, so wait first, then see.
10:00:00 +-0.5ms -> hold until=10:00:00.0005 because=clock_uncertain
10:00:01 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
10:59:59.999 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
11:00:00 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
11:00:00.0005 +-0.5ms -> route speakops via=s1,s2 because=cut
# An override and a test trunk stand above the revisions; an emergency call-back may use either side.
10:30:00 +-0.5ms forced=speakops -> route speakops via=s1,s2 because=test_override
override +12025550143 force_legacy from=10:29 until=10:31
10:30:00 +-0.5ms -> route legacy via=l1,l2 because=override_force_legacy
override +12025550143 block from=10:29 until=10:31
10:30:00 +-0.5ms -> refuse blocked because=override_block
10:30:00 +-0.5ms psap -> route speakops via=s1,s2 because=psap rescue=psap:l1,l2
override +12025550143 block from=08:00 until=08:01
10:30:00 +-0.5ms psap -> route speakops via=s1,s2 because=psap rescue=psap:l1,l2
# The outcome arrives.
outcome committed
10:30:00 +-0.5ms -> route legacy via=l1,l2 because=before_cut
11:00:01 +-0.5ms -> route speakops via=s1,s2 because=cut

# A new cutover is prepared: until its T the record is what both say.
number +12025550144 porting_state=foc_confirmed routing_authority=legacy
prepared c-8 revision=3 legacy until 10:00:00 then speakops
09:59:59 +-0.5ms -> route legacy via=l1,l2 because=port_pending
10:00:00 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
10:00:01 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
outcome aborted
10:00:01 +-0.5ms -> route legacy via=l1,l2 because=port_pending

# An unresolved rollback, and an unresolved cancel.
number +12025550145 porting_state=activating routing_authority=legacy
cutover c-9 revision=4 legacy until 10:00:00 then speakops
prepared c-9 revision=5 legacy until 10:00:00 then speakops until 11:00:00 then legacy
10:59:59 +-0.5ms -> route speakops via=s1,s2 because=cut
11:00:00 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
11:00:01 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
outcome aborted
prepared c-9 revision=6 legacy
09:59:59 +-0.5ms -> route legacy via=l1,l2 because=before_cut
10:00:01 +-0.5ms -> refuse retry_elsewhere because=revision_unresolved
