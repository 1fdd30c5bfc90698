# The billing number.
order scope="partial"
lint ->
	error billing_number_in_partial at billing_number: the account's billing number leaves, and its other numbers may be disconnected with it (1: +12025550100); give the account a new_billing_number first, or take it out of the order
order new_billing_number="+12025550190"
lint ->
	nothing
order new_billing_number=null
order billing_number="+12025550199"
lint ->
	nothing
order scope="full"
lint ->
	warning billing_number_left_behind at billing_number: the billing number is not in a full port (1: +12025550199); add it to the order, or say that it is no working number
# Numbers of the same account.
customer +12025550103 losing_provider=north
customer +12025550104 current_serving_provider=north
customer +12025550105 losing_provider=south
customer +12025550106 losing_provider=north routing_authority=speakops
lint ->
	error siblings_left_behind at north: a full port closes the account at north, and numbers of it are not in the order (2: +12025550103, +12025550104); add them to the order, or make it a partial port
	warning billing_number_left_behind at billing_number: the billing number is not in a full port (1: +12025550199); add it to the order, or say that it is no working number
order scope="partial"
lint ->
	warning siblings_stay at north: numbers of the customer stay at north (2: +12025550103, +12025550104); have the losing provider confirm that they keep working
# A block with a hole.
order numbers=["+12025550100 - +12025550147","+12025550149 - +12025550199"]
order billing_number=null
lint ->
	error number_unknown: the store has no record of it (96: +12025550103, +12025550104, +12025550105, +12025550106, +12025550107, ...); import it, or look for a typing mistake
	warning block_with_holes at +12025550100-99: the order has 99 numbers of this hundred, and not these (1: +12025550148); look whether they were forgotten
