# Only a fresh table may say that there is no such number.
table confirmed=10:00:00 max_age=15m
10:00:01 +-0.5ms to=+12025550143 -> refuse not_ours because=number_unknown
10:14:59 +-0.5ms to=+12025550143 -> refuse not_ours because=number_unknown
10:15:01 +-0.5ms to=+12025550143 -> refuse retry_elsewhere because=table_stale
# An uncertain clock makes the table older, not younger.
10:14:59 +-2s to=+12025550143 -> refuse retry_elsewhere because=table_stale
# What is known is still known when the table is old.
number +12025550144 routing_authority=legacy
12:00:00 +-0.5ms -> route legacy via=l1,l2 because=record
# A deleted number is as unknown as one that never was.
forget
10:00:01 +-0.5ms to=+12025550144 -> refuse not_ours because=number_unknown
12:00:01 +-0.5ms to=+12025550144 -> refuse retry_elsewhere because=table_stale
# Before the first load nothing is denied.
table confirmed=never
10:00:01 +-0.5ms to=+12025550143 -> refuse retry_elsewhere because=table_stale
# What was dialled is no public number at all, whatever the age of the table.
10:00:01 +-0.5ms to=nobody -> refuse not_ours because=not_a_number
# Nor does a test override conjure a number up.
10:00:01 +-0.5ms to=+12025550143 forced=speakops -> refuse retry_elsewhere because=table_stale
