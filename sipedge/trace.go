package sipedge

// trace is what a call's span is known by.
type trace struct {
	id [16]byte
}
