# Mixed orders are refused, with the reason.
order numbers=["+12025550100","+18005550101"]
lint ->
	error document_invalid at numbers[1]: +18005550101 is a toll-free number in an order of local numbers; make another order for it: it moves by its responsible organisation, not by number portability
	error number_unknown: the store has no record of it (1: +18005550101); import it, or look for a typing mistake
order numbers=["+12025550100","+442079460123"]
lint ->
	error document_invalid at numbers[1]: +12025550100 and +442079460123 belong to different countries; make an order for each country: each has its own process and its own commitment
	error number_unknown: the store has no record of it (1: +442079460123); import it, or look for a typing mistake
order numbers=["+18005550100","+18335550101","+12025550102"]
order number_type="toll_free"
lint ->
	error document_invalid at numbers[0]: +12025550102 is no toll-free number; make another order for it: it moves by number portability, a toll-free number by its responsible organisation
	error state_not_armable at porting_state: foc_confirmed is not a state in which a cutover for port_in is armed; bring the order there first: cpr_scheduled
	error number_unknown: the store has no record of it (2: +18005550100, +18335550101); import it, or look for a typing mistake
	error number_type_differs at local: its record says number_type local, and the order toll_free (1: +12025550102); correct the record, or make another order for it
	warning billing_number_left_behind at billing_number: the billing number is not in a full port (1: +12025550100); add it to the order, or say that it is no working number
