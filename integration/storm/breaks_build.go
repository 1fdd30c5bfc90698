//go:build broken

package storm

// apply breaks the rules of one life of an edge, and of the store as it is seen
// from there.
func (b *breaks) apply(p *proc) error {
	if len(b.store) > 0 {
		if err := p.chain.Break(b.store...); err != nil {
			return err
		}
	}
	p.runner.BreakClock(b.zombie, b.unset)
	if len(b.rules) == 0 {
		return nil
	}
	return p.runner.Break(b.rules...)
}
