//go:build !broken

package storm

import "errors"

// apply breaks the rules of one life of an edge; this build keeps them.
func (b *breaks) apply(*proc) error {
	if len(b.rules)+len(b.store) > 0 || b.zombie || b.unset {
		return errors.New("this build keeps every rule: build with the tag broken")
	}
	return nil
}
