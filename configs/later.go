package configs

// notCarriedOut names every key of the contract that this build reads and does
// nothing with. An operator must not believe in a feature because its key
// loads; a line leaves this file when the feature arrives.
func (c *checker) notCarriedOut() {
	c.later("limits.unknown_source.cps", c.edge.Limits.UnknownSource.CPS > 0, "this build answers no stranger; silence is all they get")
}

func (c *checker) later(path string, asked bool, text string) {
	if asked {
		c.warn(path, text)
	}
}
