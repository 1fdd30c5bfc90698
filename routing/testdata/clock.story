# A clock too uncertain to wait for sends the call to another edge, for numbers in a cutover only.
clock max_hold=500ms
number +12025550143 porting_state=armed routing_authority=legacy
cutover c-7 revision=1 legacy until 10:00:00 then speakops
10:00:00 +-250ms -> hold until=10:00:00.25 because=clock_uncertain
10:00:00 +-251ms -> refuse retry_elsewhere because=clock_too_wide
09:00:00 +-251ms -> route legacy via=l1,l2 because=before_cut
number +12025550199 routing_authority=speakops
10:00:00 +-1h -> route speakops via=s1,s2 because=record
