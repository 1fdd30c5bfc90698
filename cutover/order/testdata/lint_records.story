# What the records say.
forget +12025550100
record +12025550101 number_type=mobile routing_authority=speakops porting_state=settled customer_assignment=ajax losing_provider=south underlying_carrier=bell
record +12025550102 customer_assignment= underlying_carrier=verizon override=2026-03-03T17:00:00Z
in cutover c-9 +12025550101
in cutover c-1 +12025550102
in order o-9 +12025550102
lint ->
	error number_unknown: the store has no record of it (1: +12025550100); import it, or look for a typing mistake
	error number_type_differs at mobile: its record says number_type mobile, and the order local (1: +12025550101); correct the record, or make another order for it
	error number_in_cutover at c-9: already in live cutover c-9 (1: +12025550101); settle or cancel that cutover first
	error number_in_order at o-9: already in order o-9 (1: +12025550102); take it out of one of the two
	error authority_contradicts at speakops: its record says routing_authority speakops, and the first step begins with legacy (1: +12025550101); settle what moved it, or plan from where it is
	error state_contradicts at settled: its record says porting_state settled, and the order foc_confirmed (1: +12025550101); wait until the state is written, or find out which other order moves it
	error customer_missing: it comes to speakops and no customer_assignment says for whom (1: +12025550102); assign it before calls arrive
	error customer_differs at ajax: its record belongs to customer ajax, and the order to acme (1: +12025550101); look whose number it is: this is how a wrong number gets ported
	warning losing_provider_differs at south: its record names south, and the order takes it from north (1: +12025550101); ask who really serves it; a request to the wrong provider is rejected
	warning carriers_mixed: the numbers lie with bell, verizon; expect the order to be split, each part with a commitment of its own
	warning override_in_window at force_legacy: force_legacy by cyd until 2026-03-03T17:00:00Z ("test") rules it during the window (1: +12025550102); lift it, or let it end before the window
