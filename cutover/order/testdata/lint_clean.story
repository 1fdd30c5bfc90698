# An order of three numbers, its commitment, its window: nothing to say.
lint ->
	nothing
# The same as a partial order, by hand, with a flip when the window closes.
plan mode="manual"
plan at=null
plan on_close="flip"
lint ->
	nothing
